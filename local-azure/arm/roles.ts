import type { ScenarioRoleAssignment } from '../scenario.ts';
import type { Permissions } from '../world.ts';

const blob = 'Microsoft.Storage/storageAccounts/blobServices';

/**
 * Built-in roles with the permissions that Azure gives them.
 * https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
 */
const builtIn: Readonly<Record<string, Partial<Permissions>>> = {
  Owner: { actions: ['*'] },
  Contributor: {
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
      'Microsoft.Blueprint/blueprintAssignments/write',
      'Microsoft.Blueprint/blueprintAssignments/delete',
      'Microsoft.Compute/galleries/share/action',
      'Microsoft.Purview/consents/write',
      'Microsoft.Purview/consents/delete',
      'Microsoft.Resources/deploymentStacks/manageDenySetting/action',
      'Microsoft.Subscription/cancel/action',
      'Microsoft.Subscription/enable/action',
    ],
  },
  Reader: { actions: ['*/read'] },
  'Virtual Machine Contributor': {
    actions: [
      'Microsoft.Authorization/*/read',
      'Microsoft.Compute/availabilitySets/*',
      'Microsoft.Compute/locations/*',
      'Microsoft.Compute/virtualMachines/*',
      'Microsoft.Compute/virtualMachineScaleSets/*',
      'Microsoft.Compute/cloudServices/*',
      'Microsoft.Compute/disks/write',
      'Microsoft.Compute/disks/read',
      'Microsoft.Compute/disks/delete',
      'Microsoft.DevTestLab/schedules/*',
      'Microsoft.Insights/alertRules/*',
      'Microsoft.Network/applicationGateways/backendAddressPools/join/action',
      'Microsoft.Network/loadBalancers/backendAddressPools/join/action',
      'Microsoft.Network/loadBalancers/inboundNatPools/join/action',
      'Microsoft.Network/loadBalancers/inboundNatRules/join/action',
      'Microsoft.Network/loadBalancers/probes/join/action',
      'Microsoft.Network/loadBalancers/read',
      'Microsoft.Network/locations/*',
      'Microsoft.Network/networkInterfaces/*',
      'Microsoft.Network/networkSecurityGroups/join/action',
      'Microsoft.Network/networkSecurityGroups/read',
      'Microsoft.Network/publicIPAddresses/join/action',
      'Microsoft.Network/publicIPAddresses/read',
      'Microsoft.Network/virtualNetworks/read',
      'Microsoft.Network/virtualNetworks/subnets/join/action',
      'Microsoft.RecoveryServices/locations/*',
      'Microsoft.RecoveryServices/Vaults/backupFabrics/backupProtectionIntent/write',
      'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/*/read',
      'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/read',
      'Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write',
      'Microsoft.RecoveryServices/Vaults/backupPolicies/read',
      'Microsoft.RecoveryServices/Vaults/backupPolicies/write',
      'Microsoft.RecoveryServices/Vaults/read',
      'Microsoft.RecoveryServices/Vaults/usages/read',
      'Microsoft.RecoveryServices/Vaults/write',
      'Microsoft.ResourceHealth/availabilityStatuses/read',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      'Microsoft.SerialConsole/serialPorts/connect/action',
      'Microsoft.SqlVirtualMachine/*',
      'Microsoft.Storage/storageAccounts/listKeys/action',
      'Microsoft.Storage/storageAccounts/read',
      'Microsoft.Support/*',
    ],
  },
  'Network Contributor': {
    actions: [
      'Microsoft.Authorization/*/read',
      'Microsoft.Insights/alertRules/*',
      'Microsoft.Network/*',
      'Microsoft.ResourceHealth/availabilityStatuses/read',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      'Microsoft.Support/*',
    ],
  },
  'Disk Snapshot Contributor': {
    actions: [
      'Microsoft.Authorization/*/read',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      'Microsoft.Compute/snapshots/delete',
      'Microsoft.Compute/snapshots/write',
      'Microsoft.Compute/snapshots/read',
      'Microsoft.Compute/snapshots/beginGetAccess/action',
      'Microsoft.Compute/snapshots/endGetAccess/action',
      'Microsoft.Compute/disks/beginGetAccess/action',
      'Microsoft.Storage/storageAccounts/listkeys/action',
      'Microsoft.Storage/storageAccounts/write',
      'Microsoft.Storage/storageAccounts/read',
      'Microsoft.Storage/storageAccounts/delete',
    ],
  },
  'Data Operator for Managed Disks': {
    dataActions: [
      'Microsoft.Compute/disks/download/action',
      'Microsoft.Compute/disks/upload/action',
      'Microsoft.Compute/snapshots/download/action',
      'Microsoft.Compute/snapshots/upload/action',
    ],
  },
  'Storage Account Contributor': {
    actions: [
      'Microsoft.Authorization/*/read',
      'Microsoft.Insights/alertRules/*',
      'Microsoft.Insights/diagnosticSettings/*',
      'Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action',
      'Microsoft.ResourceHealth/availabilityStatuses/read',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
      'Microsoft.Storage/storageAccounts/*',
      'Microsoft.Support/*',
    ],
  },
  'Storage Blob Data Owner': {
    actions: [`${blob}/containers/*`, `${blob}/generateUserDelegationKey/action`],
    dataActions: [`${blob}/containers/blobs/*`],
  },
  'Storage Blob Data Contributor': {
    actions: [
      `${blob}/containers/delete`,
      `${blob}/containers/read`,
      `${blob}/containers/write`,
      `${blob}/generateUserDelegationKey/action`,
    ],
    dataActions: [
      `${blob}/containers/blobs/delete`,
      `${blob}/containers/blobs/read`,
      `${blob}/containers/blobs/write`,
      `${blob}/containers/blobs/move/action`,
      `${blob}/containers/blobs/add/action`,
    ],
  },
  'Storage Blob Data Reader': {
    actions: [`${blob}/containers/read`, `${blob}/generateUserDelegationKey/action`],
    dataActions: [`${blob}/containers/blobs/read`],
  },
};

/** The permissions of a role: those of the built-in role of that name, or its own. An unknown name throws. */
export function expandRole(role: ScenarioRoleAssignment['role']): Permissions {
  const given = typeof role === 'string' ? builtInRole(role) : role;
  return {
    actions: given.actions ?? [],
    notActions: given.notActions ?? [],
    dataActions: given.dataActions ?? [],
    notDataActions: given.notDataActions ?? [],
  };
}

function builtInRole(name: string): Partial<Permissions> {
  const found = Object.entries(builtIn).find(
    ([known]) => known.toLowerCase() === name.toLowerCase(),
  );
  if (found === undefined) {
    throw new Error(
      `Role "${name}" is not a built-in role of the local Azure: give its actions, or one of ${Object.keys(builtIn).join(', ')}.`,
    );
  }
  return found[1];
}
