import { describe, expect, test } from '@jest/globals';
import { renderMissingRole } from '../../src/report/role.ts';
import { renderSummary } from '../../src/report/summary.ts';
import { refused } from '../support/results.ts';

const group = '/subscriptions/s/resourceGroups/images';
const vm = `${group}/providers/Microsoft.Compute/virtualMachines/builder`;
const container = `/subscriptions/s/resourceGroups/data/providers/Microsoft.Storage/storageAccounts/a/blobServices/default/containers/vhds`;

describe('the custom role for what is missing', () => {
  const missing = [
    { scope: vm, kind: 'action', name: 'Microsoft.Compute/virtualMachines/powerOff/action' },
    { scope: group, kind: 'action', name: 'Microsoft.Compute/snapshots/write' },
    { scope: group, kind: 'action', name: 'Microsoft.Compute/snapshots/write' },
    { scope: container, kind: 'dataAction', name: 'Microsoft.Storage/a/blobs/write' },
  ] as const;

  test('has each right once, and the resource groups where it is to be assigned', () => {
    expect(JSON.parse(renderMissingRole(missing))).toEqual({
      Name: 'VM to VHD, missing rights',
      Description: 'What a run of azure-vm-to-vhd lacked',
      Actions: [
        'Microsoft.Compute/snapshots/write',
        'Microsoft.Compute/virtualMachines/powerOff/action',
      ],
      NotActions: [],
      DataActions: ['Microsoft.Storage/a/blobs/write'],
      NotDataActions: [],
      AssignableScopes: ['/subscriptions/s/resourceGroups/data', group],
    });
  });

  test('is in the summary, where something is missing', () => {
    const role = renderMissingRole(missing);
    expect(renderSummary({ ...refused, missing })).toContain(`\`\`\`json\n${role}\n\`\`\``);
    expect(renderSummary(refused)).not.toContain('custom role');
  });
});
