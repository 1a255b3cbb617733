import type { Compute } from './azure/compute.ts';
import { ActionError, explain, reasonOf } from './errors.ts';
import type { Lease, Leases } from './lease.ts';
import type { Plan } from './plan.ts';
import type { Log } from './ports.ts';
import type { RunLocks } from './run-locks.ts';
import type { Timeline } from './timeline.ts';

/** What bringing a VM down needs. */
export interface SourceRig {
  readonly azure: {
    readonly compute: Pick<Compute, 'getVm' | 'powerOff' | 'deallocate' | 'generalize' | 'start'>;
  };
  readonly leases: Leases;
  readonly log: Log;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
}

/** How long a run that failed may take to mark a VM whose guest is deprovisioned. */
const MARK_ANYWAY_MS = 3 * 60_000;

/** The VM's way down: stopped before the snapshots, then deallocated and generalized, or started again. */
export class SourceVm implements AsyncDisposable {
  readonly #plan: Plan;
  readonly #rig: SourceRig;
  readonly #locks: RunLocks;
  #stopped: Lease | undefined;
  #deallocation: Promise<void> | undefined;
  #isBilled = false;
  #isDeprovisioned = false;

  constructor(plan: Plan, rig: SourceRig, locks: RunLocks) {
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
    // A copy is made of a VM in whatever power state it is.
    const isSamePower = clone !== undefined || now?.powerState === vm.powerState;
    if (now !== undefined && isSamePower && now.isGeneralized === vm.isGeneralized) return;
    throw new ActionError(
      'refused',
      `VM "${vm.name}" has changed since it was looked at (${vm.powerState} then, ${now?.powerState ?? 'gone'} now). Nothing was stopped or copied. See what changes it, and run again.`,
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
      this.#isDeprovisioned = false;
    }
  }

  /** From here on it is of no use but as an image. */
  deprovisioned(): void {
    this.#isDeprovisioned = this.#plan.clone === undefined;
  }

  /**
   * A run that ends between the two says that the VM was stopped but still costs. One whose guest is deprovisioned is
   * marked generalized all the same, so that the next attempt knows it and goes on.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { id, name } = this.#plan.target;
    if (this.#isDeprovisioned && !this.#rig.signal.aborted) await this.#markAnyway();
    else if (this.#isDeprovisioned) this.#rig.log.warn(deprovisionedNote(name));
    if (this.#isBilled) {
      this.#rig.log.warn(
        `VM "${name}" was stopped and is billed until it is deallocated: az vm deallocate --ids "${id}"`,
      );
    }
  }

  async #markAnyway(): Promise<void> {
    const { id, name } = this.#plan.target;
    const { azure, log } = this.#rig;
    const signal = AbortSignal.timeout(MARK_ANYWAY_MS);
    try {
      await this.#locks.require('mark the VM generalized');
      // One that is being deallocated was stopped before, and takes no powerOff any more.
      if (this.#deallocation === undefined) await azure.compute.powerOff(id, signal);
      else await this.#deallocation.catch(() => undefined);
      await azure.compute.generalize(id, signal);
      log.info(`VM "${name}" is marked generalized: the next run goes on from there.`);
    } catch (error) {
      log.warn(`${deprovisionedNote(name)} It could not be marked now: ${reasonOf(error)}`);
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

function deprovisionedNote(name: string): string {
  return `The guest of VM "${name}" is deprovisioned, but the VM is not marked generalized: run again with "generalize: mark", and do not start it.`;
}
