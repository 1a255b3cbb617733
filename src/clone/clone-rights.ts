import { requirementOf, type Requirement } from '../permissions.ts';
import { requireResourceId, resourceGroupId } from '../resource-id.ts';
import type { ClonePlan } from './clone-plan.ts';

/** A right that a run needs only to copy a VM: a row of the custom role for that, and of the check before a run. */
export interface CloneRight {
  readonly name: string;
  /** Where it is checked; `survey` is what looking takes, which shows by itself when it is missing. */
  readonly at: 'group' | 'own-network' | 'source-disk' | 'subnet' | 'survey';
  /** A run without it begins, with a warning. */
  readonly isOptional?: true;
  readonly why: string;
}

const vms = 'Microsoft.Compute/virtualMachines';
const disks = 'Microsoft.Compute/disks';
const snapshots = 'Microsoft.Compute/snapshots';
const interfaces = 'Microsoft.Network/networkInterfaces';
const networks = 'Microsoft.Network/virtualNetworks';
const groups = 'Microsoft.Network/networkSecurityGroups';
const inGroup = { at: 'group' } as const;
const optional = { isOptional: true } as const;
const ownNetwork = { at: 'own-network' } as const;
const surveyed = { at: 'survey' } as const;

/**
 * Every right; the documented role and the check before a run both come from here.
 * https://learn.microsoft.com/azure/role-based-access-control/permissions/compute and .../networking
 */
export const cloneRights: readonly CloneRight[] = [
  {
    ...surveyed,
    name: 'Microsoft.Compute/skus/read',
    why: 'Whether the size of the VM is to be had; on the subscription; without it there is a warning.',
  },
  {
    ...surveyed,
    name: 'Microsoft.Compute/locations/usages/read',
    why: 'How much of the quota is left; on the subscription; without it there is a warning.',
  },
  {
    ...inGroup,
    ...optional,
    name: 'Microsoft.Compute/locations/operations/read',
    why: 'Asking how an operation on the copy stands.',
  },
  {
    ...inGroup,
    ...optional,
    name: 'Microsoft.Network/locations/operations/read',
    why: 'Asking how an operation on its network stands.',
  },
  {
    ...surveyed,
    name: `${networks}/subnets/read`,
    why: 'Looking at the subnet that `copy-subnet` names.',
  },
  {
    at: 'source-disk',
    name: `${disks}/beginGetAccess/action`,
    why: "Taking snapshots of the VM's disks.",
  },
  {
    ...inGroup,
    name: `${disks}/beginGetAccess/action`,
    why: "Taking snapshots of the VM's disks, and of the copy's.",
  },
  { ...inGroup, name: `${snapshots}/write`, why: "Taking snapshots of the VM's disks." },
  { ...inGroup, name: `${snapshots}/delete`, why: 'Deleting them afterwards.' },
  {
    ...inGroup,
    name: `${snapshots}/beginGetAccess/action`,
    why: 'Making disks of the snapshots.',
  },
  { ...inGroup, name: `${disks}/read`, why: 'Looking at a disk before it is deleted.' },
  { ...inGroup, name: `${disks}/write`, why: 'Making the disks of the copy.' },
  { ...inGroup, name: `${disks}/delete`, why: 'Deleting them afterwards.' },
  { ...inGroup, name: `${vms}/read`, why: 'Watching the copy.' },
  { ...inGroup, name: `${vms}/write`, why: 'Making the copy.' },
  { ...inGroup, name: `${vms}/delete`, why: 'Deleting it afterwards.' },
  { ...inGroup, name: `${vms}/runCommand/action`, why: 'Deprovisioning its guest.' },
  {
    ...inGroup,
    ...optional,
    name: `${vms}/retrieveBootDiagnosticsData/action`,
    why: 'Its serial console, when it does not start.',
  },
  { ...inGroup, name: `${vms}/powerOff/action`, why: 'Stopping it.' },
  { ...inGroup, name: `${vms}/deallocate/action`, why: 'Giving its machine back.' },
  { ...inGroup, name: `${vms}/generalize/action`, why: 'Marking it generalized.' },
  { ...inGroup, name: `${interfaces}/read`, why: 'Looking at its network interface.' },
  { ...inGroup, name: `${interfaces}/write`, why: 'Making its network interface.' },
  { ...inGroup, name: `${interfaces}/join/action`, why: 'Giving it to the copy.' },
  { ...inGroup, name: `${interfaces}/delete`, why: 'Deleting it afterwards.' },
  { ...inGroup, name: `${groups}/read`, why: 'Looking at its network security group.' },
  { ...inGroup, name: `${groups}/write`, why: 'Making the rules that shut it off.' },
  { ...inGroup, name: `${groups}/join/action`, why: 'Putting them on its network interface.' },
  { ...inGroup, name: `${groups}/delete`, why: 'Deleting them afterwards.' },
  { ...ownNetwork, name: `${networks}/read`, why: 'Looking at its virtual network.' },
  { ...ownNetwork, name: `${networks}/write`, why: 'Making a virtual network of its own.' },
  { ...ownNetwork, name: `${networks}/delete`, why: 'Deleting it afterwards.' },
  {
    ...ownNetwork,
    name: `${networks}/subnets/join/action`,
    why: 'Putting the copy into it; with `copy-subnet` on that subnet.',
  },
  {
    at: 'subnet',
    name: `${networks}/subnets/join/action`,
    why: 'Putting the copy into the subnet that `copy-subnet` names.',
  },
];

/** The rights that a copy needs beyond those that its survey has used already, each once per scope. */
export function cloneRequirements(plan: ClonePlan): readonly Requirement[] {
  const { vm, network, networkInterface, disks } = plan;
  const group = resourceGroupId(requireResourceId(vm.id));
  const scopes: Readonly<Record<CloneRight['at'], readonly string[]>> = {
    group: [group],
    'own-network': network === undefined ? [] : [group],
    'source-disk': disks.map(({ snapshot }) => snapshot.diskId),
    subnet: network === undefined ? [networkInterface.subnetId] : [],
    survey: [],
  };
  return cloneRights.flatMap(({ at, ...right }) =>
    scopes[at].map((scope) => requirementOf(scope, { kind: 'action', ...right })),
  );
}
