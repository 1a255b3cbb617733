import { describe, expect, test } from '@jest/globals';
import { effectivePermissions, isAllowed, isDataAllowed } from '../../local-azure/arm/rbac.ts';
import { expandRole } from '../../local-azure/arm/roles.ts';
import type { Principal } from '../../local-azure/world.ts';

const group = '/subscriptions/s/resourceGroups/rg';
const vm = `${group}/providers/Microsoft.Compute/virtualMachines/vm`;
const deallocate = 'Microsoft.Compute/virtualMachines/deallocate/action';
const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs';

function principalWith(...assignments: readonly (readonly [string, string])[]): Principal {
  return {
    ...{ name: 'p', clientId: 'c', objectId: 'o', tenantId: 't' },
    roleAssignments: assignments.map(([role, scope]) => ({ ...expandRole(role), scope })),
  };
}

describe('roles on scopes', () => {
  test.each([
    ['is inherited from the subscription', 'Contributor', '/subscriptions/s', deallocate, true],
    ['is inherited from the root', 'Contributor', '/', deallocate, true],
    ['ignores case', 'contributor', '/SUBSCRIPTIONS/S/resourcegroups/RG/', deallocate, true],
    [
      'ends at the border of a segment',
      'Owner',
      '/subscriptions/s/resourceGroups/r',
      deallocate,
      false,
    ],
    ['ends at its own scope', 'Owner', `${vm}/extensions/x`, deallocate, false],
    ['takes notActions away', 'Contributor', group, 'Microsoft.Authorization/locks/write', false],
    ['matches a wildcard at the front', 'Reader', group, 'Microsoft.Compute/disks/read', true],
    [
      'matches a wildcard in the middle',
      'Disk Snapshot Contributor',
      group,
      'Microsoft.Authorization/locks/read',
      true,
    ],
    ['matches whole actions only', 'Reader', group, deallocate, false],
  ])('%s', (_name, role, scope, action, isExpected) => {
    expect(isAllowed(principalWith([role, scope]), action, vm)).toBe(isExpected);
  });

  test('the data plane is apart from the control plane', () => {
    const owner = principalWith(['Owner', '/']);
    const contributor = principalWith(['Storage Blob Data Contributor', '/']);
    expect(isDataAllowed(owner, `${blobs}/read`, group)).toBe(false);
    expect(isDataAllowed(contributor, `${blobs}/add/action`, group)).toBe(true);
    expect(isDataAllowed(contributor, `${blobs}/tags/write`, group)).toBe(false);
  });

  test('what one assignment leaves out, another one may give', () => {
    const both = principalWith(['Contributor', '/'], ['Owner', group]);
    expect(isAllowed(both, 'Microsoft.Authorization/locks/write', vm)).toBe(true);
    expect(effectivePermissions(both, vm)).toHaveLength(2);
    expect(effectivePermissions(both, '/subscriptions/s')).toHaveLength(1);
  });

  test('an unknown role is an error', () => {
    expect(() => expandRole('Emperor')).toThrow('Role "Emperor" is not a built-in role');
  });
});
