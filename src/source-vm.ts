import type { Compute } from './azure/compute.ts';
import type { GuestCommands } from './azure/guest-commands.ts';
import { ActionError, explain, reasonOf } from './errors.ts';
import type { VirtualMachine } from './facts.ts';
import { findLinuxRecord } from './guest/linux-record.ts';
import type { Lease, Leases } from './lease.ts';
import type { Plan } from './plan.ts';
import type { Log } from './ports.ts';
import type { RunLocks } from './run-locks.ts';
import type { Timeline } from './timeline.ts';

/** What bringing a VM down needs. */
export interface SourceRig {
  readonly azure: {
    readonly compute: Pick<Compute, 'getVm' | 'powerOff' | 'deallocate' | 'generalize' | 'start'>;
    readonly guests: Pick<GuestCommands, 'serialLog'>;
  };
  readonly leases: Leases;
  readonly log: Log;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
}

/** The VM's way down: stopped before the snapshots, then deallocated and generalized, or started again. */
export class SourceVm implements AsyncDisposable {
  readonly #plan: Plan;
  readonly #rig: SourceRig;
  readonly #locks: Pick<RunLocks, 'require' | 'isLost'>;
  #stopped: Lease | undefined;
  #deallocation: Promise<void> | undefined;
  #deprovisioned: Lease | undefined;
  #isBilled = false;

  constructor(plan: Plan, rig: SourceRig, locks: Pick<RunLocks, 'require' | 'isLost'>) {
    this.#plan = plan;
    this.#rig = rig;
    this.#locks = locks;
  }

  /** Once it is locked: a run that had it before may have changed it since it was looked at. */
  async requireUnchanged(): Promise<void> {
    const { vm, clone } = this.#plan;
    const { azure, signal } = this.#rig;
    const now = await azure.compute.getVm(vm.id, signal).catch((error: unknown) => {
      throw explain(`Could not look at VM "${vm.name}" again`, error);
    });
    // A guest that is at its deprovisioning powers itself off. A copy is made of a VM in whatever power state it is.
    const isEnding = vm.guestRecord?.state === 'working' && now?.powerState === 'stopped';
    const isSamePower = clone !== undefined || isEnding || now?.powerState === vm.powerState;
    if (now !== undefined && isSamePower && now.isGeneralized === vm.isGeneralized) {
      await this.#requireSameRecord(now);
      return;
    }
    throw new ActionError(
      'refused',
      `VM "${vm.name}" has changed since it was looked at (${vm.powerState} then, ${now?.powerState ?? 'gone'} now). Nothing was stopped or copied. See what changes it, and run again.`,
    );
  }

  /** It may have been started and stopped in between. */
  async #requireSameRecord(now: VirtualMachine): Promise<void> {
    const { vm } = this.#plan;
    const { azure, signal } = this.#rig;
    if (vm.guestRecord?.state !== 'done') return;
    const text = await azure.guests.serialLog(vm.id, signal).catch((error: unknown) => {
      throw explain(`Could not look at the serial console of VM "${vm.name}" again`, error);
    });
    const record = findLinuxRecord(text ?? '', now);
    if (record?.state === 'done' && record.marker === vm.guestRecord.marker) return;
    throw new ActionError(
      'refused',
      `The serial console of VM "${vm.name}" does not tell any more that its guest is deprovisioned and has not started since. Nothing was changed. See what works on the VM, and run again.`,
    );
  }

  /** Stops it; one that is to run again afterwards is held by a lease. */
  async stop(): Promise<void> {
    const { target: vm, power, clone } = this.#plan;
    const { azure, leases, signal } = this.#rig;
    const stop = (): Promise<void> => azure.compute.powerOff(vm.id, signal);
    this.#isBilled = power.deallocate && clone === undefined;
    await this.#locks.require(`stop VM "${vm.name}"`);
    await this.#step('stop', 'is stopped', async () => {
      if (!power.restart) return stop();
      this.#stopped = { kind: 'stopped-vm', id: vm.id };
      return leases.hold(this.#stopped, stop);
    });
  }

  /** Deallocates it; several callers wait for the same operation. */
  deallocate(): Promise<void> {
    const { azure, signal, timeline } = this.#rig;
    this.#deallocation ??= timeline.aside('Deallocate the VM', () =>
      this.#step('deallocate', 'is deallocated', async () => {
        await this.#locks.require(`deallocate VM "${this.#plan.target.name}"`);
        await azure.compute.deallocate(this.#plan.target.id, signal);
        this.#isBilled = false;
      }),
    );
    return this.#deallocation;
  }

  /** Brings it to its final state. */
  async settle(signal: AbortSignal): Promise<void> {
    const { target: vm, power } = this.#plan;
    const { azure, timeline, leases } = this.#rig;
    if (this.#stopped !== undefined) {
      const stopped = this.#stopped;
      await timeline.aside('Start the VM again', () =>
        this.#step('start', 'runs again', () => azure.compute.start(vm.id, signal)),
      );
      leases.keep(stopped);
    }
    if (power.deallocate) await this.deallocate();
    signal.throwIfAborted();
    if (power.generalize) {
      if (!power.deprovision) {
        this.#rig.log.info(
          `Point of no return: VM "${vm.name}" (${vm.vmId ?? vm.id}) is marked generalized now. It never starts again.`,
        );
      }
      await timeline.aside('Mark the VM generalized', () =>
        this.#step('generalize', 'is generalized: it cannot be started again', async () => {
          await this.#locks.require(`generalize VM "${vm.name}"`);
          await azure.compute.generalize(vm.id, signal);
        }),
      );
      if (this.#deprovisioned !== undefined) leases.keep(this.#deprovisioned);
    }
  }

  /**
   * From here on it is of no use but as an image: a run that ends before it is marked generalized marks it all the same
   * when it closes, so that the next one knows it and goes on.
   */
  deprovisioned(): void {
    const { target, clone, run, locks } = this.#plan;
    if (clone !== undefined) return;
    this.#deprovisioned = {
      kind: 'deprovisioned-vm',
      id: target.id,
      vmId: target.vmId,
      key: run.key,
      locks: locks.filter(({ isOfVm }) => isOfVm).map(({ url }) => url),
    };
    this.#rig.leases.owe(this.#deprovisioned);
  }

  /** A run that ends between the two says that the VM was stopped but still costs. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { id, name } = this.#plan.target;
    const isMarked = await this.#willBeMarked();
    if (this.#isBilled && !isMarked) {
      this.#rig.log.warn(
        `VM "${name}" was stopped and is billed until it is deallocated: az vm deallocate --ids "${id}"`,
      );
    }
  }

  /** Whether closing deallocates and marks it; once another run may work on it, it does not. */
  async #willBeMarked(): Promise<boolean> {
    const { leases, log, signal } = this.#rig;
    const lease = this.#deprovisioned;
    if (lease === undefined || !leases.holds(lease)) return false;
    try {
      // There is no time for a further look.
      if (signal.aborted && !this.#locks.isLost) return true;
      await this.#locks.require('mark the VM generalized');
      return true;
    } catch (error) {
      leases.keep(lease);
      log.warn(
        `The guest of VM "${this.#plan.target.name}" is deprovisioned, but the VM is not marked generalized: run again, with "generalize: mark" where its serial console does not tell, and do not start it. ${reasonOf(error)}`,
      );
      return false;
    }
  }

  async #step(verb: string, done: string, task: () => Promise<void>): Promise<void> {
    const { name } = this.#plan.target;
    try {
      await task();
      this.#rig.log.info(`VM "${name}" ${done}.`);
    } catch (error) {
      throw explain(`Could not ${verb} VM "${name}"`, error);
    }
  }
}
