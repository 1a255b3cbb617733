import type { Guest } from '../guests/guest.ts';
import type { ScenarioGuest } from '../scenario-guest.ts';
import type { ScenarioDisk } from '../scenario.ts';
import type { ManagedDisk } from './managed-disk.ts';
import type { DeleteOption, VmModel } from './vm-model.ts';

export type PowerState =
  'running' | 'starting' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated';

/** A disk in the place where the VM has it; without a managed disk it is a blob. */
export interface AttachedDisk {
  readonly scenario: Pick<
    ScenarioDisk,
    'name' | 'caching' | 'ephemeral' | 'unmanagedUri' | 'sizeGiB'
  >;
  /** `os`, or the logical unit number of a data disk. */
  readonly place: 'os' | number;
  readonly disk: ManagedDisk | undefined;
  /** Default: FromImage for the OS disk. */
  readonly createOption?: 'Attach';
  /** Default: Detach. */
  readonly deleteOption?: DeleteOption;
}

/** How a VM is when it comes to be. */
export interface VmBeginning {
  readonly powerState: PowerState;
  readonly provisioningState: string;
  readonly isGeneralized: boolean;
  readonly isStoppedFromInside: boolean;
  readonly agent: 'ready' | 'notReady' | 'absent';
}

/** What a VM is made of. */
export interface VirtualMachineParts {
  readonly id: string;
  readonly location: string;
  readonly vmId: string;
  readonly model: VmModel;
  readonly disks: readonly AttachedDisk[];
  readonly guest: ScenarioGuest;
  readonly extensions: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly timeCreated: Date;
  readonly beginning: VmBeginning;
}

/** What the views of a VM are worked out from. */
export interface VirtualMachineState {
  readonly parts: VirtualMachineParts;
  readonly powerState: PowerState;
  readonly provisioningState: string;
  readonly isGeneralized: boolean;
  readonly extensions: readonly string[];
  readonly guest: Guest;
  readonly changedAt: Date;
}
