import type { PowerPlan } from './plan.ts';

/** A right that some run needs: a row of the custom role, and of the check before a run. */
export interface Right {
  readonly kind: 'action' | 'dataAction';
  readonly name: string;
  /** Where it is checked; `survey` is what looking takes, which shows by itself when it is missing. */
  readonly at: 'vm' | 'disk' | 'snapshot-group' | 'container' | 'survey';
  /** The steps that need it, where only some runs do. */
  readonly steps?: readonly (keyof PowerPlan)[];
  /** A run without it begins, with a warning. */
  readonly isOptional?: true;
  readonly why: string;
}

const vm = 'Microsoft.Compute/virtualMachines';
const disks = 'Microsoft.Compute/disks';
const snapshots = 'Microsoft.Compute/snapshots';
const locations = 'Microsoft.Compute/locations';
const accounts = 'Microsoft.Storage/storageAccounts';
const containers = `${accounts}/blobServices/containers`;
const surveyed = { kind: 'action', at: 'survey' } as const;
const onVm = { kind: 'action', at: 'vm' } as const;
const optional = { isOptional: true } as const;
const onSnapshots = { kind: 'action', at: 'snapshot-group' } as const;
const onBlobs = { kind: 'dataAction', at: 'container' } as const;

/** Every right; the documented role and the check before a run both come from here. */
export const rights: readonly Right[] = [
  { ...surveyed, name: `${vm}/read`, why: 'Looking at the VM and its power state.' },
  {
    ...onVm,
    ...optional,
    name: `${vm}/instanceView/read`,
    why: 'Looking at the VM and its power state.',
  },
  { ...surveyed, name: `${disks}/read`, why: 'Size, region and encryption of its disks.' },
  {
    ...surveyed,
    name: `${accounts}/read`,
    why: "The account's blob endpoint, kind and region; on the subscription where accounts are named without resource IDs.",
  },
  { ...surveyed, name: `${containers}/read`, why: 'Whether the container is there.' },
  {
    ...surveyed,
    name: 'Microsoft.Resources/subscriptions/resourceGroups/read',
    why: 'Whether `snapshot-resource-group` is there.',
  },
  {
    ...surveyed,
    name: 'Microsoft.Authorization/permissions/read',
    why: 'The check of these rights before the run; without it there is a warning.',
  },
  {
    ...surveyed,
    name: 'Microsoft.Authorization/locks/read',
    why: 'Whether locks forbid what the run does; without it there is a warning.',
  },
  {
    kind: 'action',
    at: 'container',
    ...optional,
    name: `${accounts}/blobServices/read`,
    why: 'Whether soft delete keeps what is deleted.',
  },
  {
    ...surveyed,
    name: 'Microsoft.Batch/batchAccounts/read',
    why: 'Looking at the account that `batch-account` names; on that account.',
  },
  {
    ...surveyed,
    name: 'Microsoft.Compute/skus/read',
    why: 'Whether the size of the VM has a temporary disk, with `batch-account`; on the subscription; without it there is a warning.',
  },
  {
    ...onVm,
    ...optional,
    name: `${locations}/operations/read`,
    steps: ['removeExtensions', 'deprovision', 'powerOff', 'deallocate', 'restart'],
    why: 'Asking how an operation on the VM stands.',
  },
  {
    ...onSnapshots,
    ...optional,
    name: `${locations}/diskOperations/read`,
    why: 'Asking how an operation on a snapshot stands.',
  },
  {
    ...onVm,
    name: `${vm}/extensions/delete`,
    steps: ['removeExtensions'],
    why: '`remove-extensions`.',
  },
  {
    ...onVm,
    name: `${vm}/runCommand/action`,
    steps: ['deprovision'],
    why: '`generalize: deprovision`.',
  },
  {
    ...onVm,
    ...optional,
    name: `${vm}/retrieveBootDiagnosticsData/action`,
    steps: ['deprovision'],
    why: "The guest's serial console while it is deprovisioned, and what it tells of an earlier run.",
  },
  { ...onVm, name: `${vm}/powerOff/action`, steps: ['powerOff'], why: 'Stopping the VM.' },
  {
    ...onVm,
    name: `${vm}/deallocate/action`,
    steps: ['deallocate'],
    why: 'Giving its machine back.',
  },
  {
    ...onVm,
    name: `${vm}/generalize/action`,
    steps: ['generalize'],
    why: '`generalize: deprovision` and `mark`.',
  },
  { ...onVm, name: `${vm}/start/action`, steps: ['restart'], why: '`source-power: restart`.' },
  {
    kind: 'action',
    at: 'disk',
    name: `${disks}/beginGetAccess/action`,
    why: 'Azure asks for it when a snapshot is made of a disk.',
  },
  {
    ...onSnapshots,
    name: `${snapshots}/read`,
    why: 'Looking at a snapshot before it is closed; whether another run claims the VM.',
  },
  { ...onSnapshots, name: `${snapshots}/write`, why: 'Taking the snapshots; claiming the VM.' },
  { ...onSnapshots, name: `${snapshots}/delete`, why: 'Deleting them afterwards.' },
  { ...onSnapshots, name: `${snapshots}/beginGetAccess/action`, why: 'Opening them for reading.' },
  { ...onSnapshots, name: `${snapshots}/endGetAccess/action`, why: 'Revoking that.' },
  {
    kind: 'action',
    at: 'container',
    name: `${containers}/write`,
    why: 'Making the container when it is missing.',
  },
  {
    ...onBlobs,
    name: `${containers}/blobs/read`,
    why: 'Following and verifying the copies; who holds a lock.',
  },
  { ...onBlobs, name: `${containers}/blobs/write`, why: 'Copying; the locks.' },
  {
    ...onBlobs,
    name: `${containers}/blobs/delete`,
    why: 'Removing what is unfinished, and the locks.',
  },
];
