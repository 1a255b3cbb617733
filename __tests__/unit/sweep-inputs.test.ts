import { describe, expect, test } from '@jest/globals';
import { readSweepInputs, type SweepInputs } from '../../src/sweep/inputs.ts';
import { subscriptionId } from '../support/facts.ts';

function read(inputs: Readonly<Record<string, string>>): SweepInputs {
  return readSweepInputs((name) => inputs[name] ?? '');
}

test('the subscription alone is enough', () => {
  expect(read({ 'subscription-id': subscriptionId })).toEqual({
    identity: { kind: 'ambient' },
    environment: { kind: 'named', name: 'AzureCloud' },
    subscriptionId,
    resourceGroup: undefined,
    storageAccounts: [],
    container: 'vhds',
    olderThanHours: 24,
    remove: false,
  });
});

describe('refuses', () => {
  test.each([
    ['older-than', '0', 'must be a whole number from 1 to 10000 (hours), got "0"'],
    ['older-than', '0.5', 'must be a whole number from 1 to 10000 (hours), got "0.5"'],
    ['remove', 'yes', 'must be "true" or "false", got "yes"'],
    ['resource-group', 'a/b', 'must be the name of a resource group'],
    ['container', 'A', 'must be 3 to 63 lower-case letters'],
    ['storage-accounts', 'Not_one', 'must be names of 3 to 24'],
    ['subscription-id', '', 'is needed, got nothing'],
    ['client-id', 'x', 'must be a GUID'],
  ])('%s: %s', (input, value, rule) => {
    expect(() => read({ 'subscription-id': subscriptionId, [input]: value })).toThrow(
      `Input "${input}" ${rule}`,
    );
  });
});

test('tells all problems at once', () => {
  expect(() => read({ 'older-than': '0', remove: 'yes', 'client-id': 'x' })).toThrow(
    /^5 problems with the inputs: .*subscription-id.*client-id.*tenant-id.*older-than.*remove/,
  );
});
