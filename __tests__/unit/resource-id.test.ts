import { describe, expect, test } from '@jest/globals';
import {
  formatResourceId,
  isAtOrUnder,
  parseResourceId,
  requireResourceId,
  resourceGroupId,
  sameResource,
} from '../../src/resource-id.ts';

const type = 'Microsoft.Compute/virtualMachines';
const id = `/subscriptions/s/resourceGroups/g/providers/${type}/n`;
const parts = { subscriptionId: 's', resourceGroup: 'g', type, name: 'n' };

describe('a resource ID', () => {
  test('is read into its parts and written again', () => {
    expect(parseResourceId(id)).toEqual(parts);
    expect(formatResourceId(parts)).toBe(id);
    expect(resourceGroupId(parts)).toBe('/subscriptions/s/resourceGroups/g');
  });

  test('is read without regard to case, and its type is spelt as asked', () => {
    expect(parseResourceId(id.toUpperCase(), type)?.type).toBe(type);
    expect(parseResourceId(`${id}/`, type)).toEqual(parts);
  });

  test.each([
    ['of another type', id.replace('virtualMachines', 'disks')],
    ['of a child', `${id}/extensions/x`],
    ['of a group', '/subscriptions/s/resourceGroups/g'],
    ['without a name', id.replace(/n$/, '')],
    ['with text before it', `x${id}`],
    ['that is a name only', 'n'],
  ])('%s is not taken', (_name, text) => {
    expect(parseResourceId(text, type)).toBeUndefined();
  });

  test('that must be one is an error when it is none', () => {
    expect(requireResourceId(id)).toEqual(parts);
    expect(() => requireResourceId('n')).toThrow('Not a resource ID: "n"');
  });

  test('is the same in other case', () => {
    expect(sameResource(id, id.toUpperCase())).toBe(true);
    expect(sameResource(id, `${id}2`)).toBe(false);
  });

  test.each([
    ['itself in other case', id.toUpperCase(), true],
    ['its group', '/subscriptions/s/resourceGroups/g', true],
    ['its subscription', '/subscriptions/s', true],
    ['what is only the beginning of its text', '/sub', false],
    ['a resource below it', `${id}/extensions/x`, false],
    ['another resource', `${id}2`, false],
  ])('is at or under %s: %s, %s', (_name, scope, expected) => {
    expect(isAtOrUnder(id, scope)).toBe(expected);
  });
});
