import type { Guest } from '../guests/guest.ts';
import type { ScenarioVirtualMachine } from '../scenario.ts';
import type { ManagedDisk } from './managed-disk.ts';

export type PowerState =
  'running' | 'starting' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated';

/** A disk in the place where the VM has it; without a managed disk it is a blob. */
export interface AttachedDisk {
  readonly scenario: ScenarioVirtualMachine['osDisk'];
  /** `os`, or the logical unit number of a data disk. */
  readonly place: 'os' | number;
  readonly disk: ManagedDisk | undefined;
}

/** What a VM is made of. */
export interface VirtualMachineParts {
  readonly id: string;
  readonly location: string;
  readonly scenario: ScenarioVirtualMachine;
  readonly disks: readonly AttachedDisk[];
  readonly timeCreated: Date;
}

/** What the views of a VM are worked out from. */
export interface VirtualMachineState {
  readonly parts: VirtualMachineParts;
  readonly powerState: PowerState;
  readonly provisioningState: string;
  readonly isGeneralized: boolean;
  readonly guest: Guest;
  readonly changedAt: Date;
}
