import { Guest } from '../guests/guest.ts';
import type { AgentState } from '../guests/guest.ts';
import type { ScenarioVirtualMachine } from '../scenario.ts';
import type { Resource, ResourceBody } from '../world.ts';
import { formatTime } from './azure-time.ts';
import { buildInstanceView } from './instance-view.ts';
import type { ManagedDisk } from './managed-disk.ts';
import type { OperationPlan } from './operations.ts';
import { nameOf } from './resource-id.ts';
import { buildStorageProfile } from './storage-profile.ts';
import { uuidFrom } from './uuid.ts';
import type { PowerState, VirtualMachineParts, VirtualMachineState } from './vm-state.ts';

/** A virtual machine: its power state, and whether it is generalized. */
export class VirtualMachine implements Resource, VirtualMachineState {
  readonly type = 'Microsoft.Compute/virtualMachines';
  readonly id: string;
  readonly location: string;
  readonly parts: VirtualMachineParts;
  powerState: PowerState;
  provisioningState: string;
  isGeneralized: boolean;
  /** Powered off by the guest: the compute service takes the VM for one that shall run. */
  isStoppedFromInside: boolean;
  readonly guest: Guest;
  changedAt: Date;
  /** Counts changes, as the etag of a VM does. */
  #revision = 1;
  /** Where the VM was before the operation that is under way. */
  #restingState: PowerState;
  /** The operation that is under way; a later one takes over from an earlier. */
  #operation: symbol | undefined;

  constructor(parts: VirtualMachineParts) {
    this.parts = parts;
    this.id = parts.id;
    this.location = parts.location;
    this.powerState = parts.scenario.powerState ?? 'running';
    this.#restingState = this.powerState;
    this.provisioningState = parts.scenario.provisioningState ?? 'Succeeded';
    this.isGeneralized = parts.scenario.generalized ?? false;
    this.isStoppedFromInside = parts.scenario.stoppedFromInside ?? false;
    this.guest = this.#createGuest();
    this.changedAt = parts.timeCreated;
  }

  get #osDisk(): ManagedDisk | undefined {
    return this.parts.disks.find(({ place }) => place === 'os')?.disk;
  }

  get agent(): AgentState {
    return this.guest.agent;
  }

  get name(): string {
    return nameOf(this.id);
  }

  get body(): ResourceBody {
    return this.show({ isExpanded: true });
  }

  get instanceView(): Record<string, unknown> {
    return buildInstanceView(this);
  }

  get unseen(): Readonly<Record<string, unknown>> {
    const { agent, boots, isCarrying, serial } = this.guest;
    return { agent, boots, isCarrying, serial };
  }

  get etag(): string {
    return `"${this.#revision}"`;
  }

  /**
   * Starts a change of the power state: `during` shows until one of the returned functions ends
   * it. They do nothing when a later change has taken over.
   */
  change(during: PowerState, after: PowerState): Pick<OperationPlan, 'succeed' | 'fail'> {
    const operation = Symbol(after);
    this.#operation = operation;
    this.powerState = during;
    this.provisioningState = 'Updating';
    const end = (powerState: PowerState, provisioningState: string): void => {
      if (this.#operation !== operation) return;
      this.#operation = undefined;
      this.powerState = powerState;
      this.#restingState = powerState;
      this.provisioningState = provisioningState;
      this.touch();
    };
    return {
      succeed: () => {
        this.isStoppedFromInside = false;
        if (after === 'running') {
          if (this.#restingState === 'running') this.guest.recover();
          else this.guest.boot();
        } else this.guest.halt('preempted');
        end(after, 'Succeeded');
      },
      fail: () => {
        end(this.#restingState, 'Failed');
      },
    };
  }

  /** The guest powers itself off; an operation that is under way goes on. */
  powerOffFromInside(): void {
    if (this.powerState !== 'running') return;
    this.powerState = 'stopped';
    this.#restingState = 'stopped';
    this.isStoppedFromInside = true;
    this.guest.halt('silent');
    this.touch();
  }

  /** Notes that the VM has changed. */
  touch(): void {
    this.changedAt = new Date();
    this.#revision += 1;
  }

  /** The JSON of a GET, with or without the instance view. */
  show({ isExpanded }: { readonly isExpanded: boolean }): ResourceBody {
    const { scenario } = this.parts;
    const extensions = scenario.extensions ?? [];
    return {
      name: this.name,
      id: this.id,
      type: this.type,
      location: this.location,
      tags: { ...scenario.tags },
      ...(scenario.plan === undefined ? {} : { plan: scenario.plan }),
      properties: this.#properties(isExpanded),
      etag: this.etag,
      ...(extensions.length === 0
        ? {}
        : { resources: extensions.map((name) => this.#extension(name)) }),
    };
  }

  #createGuest(): Guest {
    const { guest = { bootSeconds: 0 }, agent = 'ready', osType } = this.parts.scenario;
    return new Guest(guest, agent, {
      name: this.name,
      osType,
      boot: () => {
        this.#osDisk?.boot();
      },
      powerOff: () => {
        this.powerOffFromInside();
      },
    });
  }

  #properties(isExpanded: boolean): Record<string, unknown> {
    const { scenario, timeCreated } = this.parts;
    const group = this.id.split('/providers/')[0] ?? '';
    return {
      hardwareProfile: { vmSize: scenario.size ?? 'Standard_D2s_v5' },
      provisioningState: this.provisioningState,
      vmId: uuidFrom(this.id),
      storageProfile: buildStorageProfile(this),
      osProfile: buildOsProfile(scenario),
      ...(scenario.securityType === undefined
        ? {}
        : { securityProfile: { securityType: scenario.securityType } }),
      networkProfile: {
        networkInterfaces: [
          { id: `${group}/providers/Microsoft.Network/networkInterfaces/${this.name}-nic` },
        ],
      },
      ...(isExpanded ? { instanceView: this.instanceView } : {}),
      timeCreated: formatTime(timeCreated),
    };
  }

  #extension(name: string): Record<string, unknown> {
    return {
      name,
      id: `${this.id}/extensions/${name}`,
      type: `${this.type}/extensions`,
      location: this.location,
      properties: { autoUpgradeMinorVersion: true, provisioningState: 'Succeeded', type: name },
    };
  }
}

function buildOsProfile(scenario: ScenarioVirtualMachine): Record<string, unknown> {
  const common = { provisionVMAgent: scenario.agent !== 'absent' };
  const patches = { patchMode: 'ImageDefault', assessmentMode: 'ImageDefault' };
  return {
    computerName: scenario.name,
    adminUsername: 'azureuser',
    ...(scenario.osType === 'Linux'
      ? {
          linuxConfiguration: {
            disablePasswordAuthentication: true,
            ...common,
            patchSettings: patches,
          },
        }
      : { windowsConfiguration: { ...common, enableAutomaticUpdates: true } }),
    secrets: [],
    allowExtensionOperations: true,
    requireGuestProvisionSignal: true,
  };
}
