import { Guest } from '../guests/guest.ts';
import type { AgentState } from '../guests/guest.ts';
import type { Resource, ResourceBody } from '../world.ts';
import { formatTime } from './azure-time.ts';
import { buildInstanceView } from './instance-view.ts';
import type { ManagedDisk } from './managed-disk.ts';
import type { OperationPlan } from './operations.ts';
import { nameOf } from './resource-id.ts';
import { buildStorageProfile } from './storage-profile.ts';
import type { PowerState, VirtualMachineParts, VirtualMachineState } from './vm-state.ts';

/** A virtual machine: its power state, whether it is generalized, and what runs in it. */
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
  extensions: readonly string[];
  tags: Readonly<Record<string, string>>;
  changedAt: Date;
  /** Counts changes, as the etag of a VM does. */
  #revision = 1;
  /** Where the VM was before the operation that is under way. */
  #restingState: PowerState;
  /** The operation that is under way; a later one takes over from an earlier. */
  #operation: symbol | undefined;

  constructor(parts: VirtualMachineParts) {
    const { beginning } = parts;
    this.parts = parts;
    this.id = parts.id;
    this.location = parts.location;
    this.powerState = beginning.powerState;
    this.#restingState = this.powerState;
    this.provisioningState = beginning.provisioningState;
    this.isGeneralized = beginning.isGeneralized;
    this.isStoppedFromInside = beginning.isStoppedFromInside;
    this.extensions = parts.extensions;
    this.tags = parts.tags;
    this.guest = this.#createGuest();
    if (beginning.powerState === 'running') this.guest.greet();
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
    const { root } = this.parts.guest;
    return { agent, boots, isCarrying, serial, ...(root === undefined ? {} : { root }) };
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
    const { plan, zones, identity } = this.parts.model;
    return {
      name: this.name,
      id: this.id,
      type: this.type,
      location: this.location,
      tags: { ...this.tags },
      ...(plan === undefined ? {} : { plan }),
      ...(identity === undefined ? {} : { identity }),
      properties: this.#properties(isExpanded),
      ...(zones.length === 0 ? {} : { zones }),
      etag: this.etag,
      ...(this.extensions.length === 0
        ? {}
        : { resources: this.extensions.map((name) => this.showExtension(name)) }),
    };
  }

  /** The JSON of an extension. */
  showExtension(name: string): Record<string, unknown> {
    return {
      name,
      id: `${this.id}/extensions/${name}`,
      type: `${this.type}/extensions`,
      location: this.location,
      properties: { autoUpgradeMinorVersion: true, provisioningState: 'Succeeded', type: name },
    };
  }

  #createGuest(): Guest {
    const { guest, beginning, model, disks } = this.parts;
    return new Guest(guest, beginning.agent, {
      name: model.computerName,
      osType: model.osType,
      luns: disks.flatMap(({ place }) => (place === 'os' ? [] : [place])),
      boot: () => {
        this.#osDisk?.boot();
      },
      powerOff: () => {
        this.powerOffFromInside();
      },
    });
  }

  #properties(isExpanded: boolean): Record<string, unknown> {
    const { model, timeCreated, vmId } = this.parts;
    return {
      hardwareProfile: { vmSize: model.size },
      provisioningState: this.provisioningState,
      vmId,
      storageProfile: buildStorageProfile(this),
      networkProfile: {
        networkInterfaces: model.interfaces.map(({ id, primary, ...options }) => ({
          id,
          ...(primary === undefined && options.deleteOption === undefined
            ? {}
            : { properties: { ...(primary === undefined ? {} : { primary }), ...options } }),
        })),
      },
      ...model.properties,
      ...(isExpanded ? { instanceView: this.instanceView } : {}),
      timeCreated: formatTime(timeCreated),
    };
  }
}
