import { ActionError, explain } from '../errors.ts';
import type { VirtualMachine } from '../facts.ts';
import type { GuestRig, GuestVm } from './guest-command.ts';

/** So many looks in a row may fail: what goes on in the guest does not depend on them, and cannot be begun anew. */
const MISSES = 6;

/** Looks at a VM whose guest works by itself. */
export class VmWatch {
  readonly #vm: GuestVm;
  readonly #rig: Pick<GuestRig, 'compute' | 'log' | 'signal'>;
  #misses = 0;

  constructor(vm: GuestVm, rig: Pick<GuestRig, 'compute' | 'log' | 'signal'>) {
    this.#vm = vm;
    this.#rig = rig;
  }

  /** What is seen; undefined where nothing was to be seen this time. Throws one sentence when that stays so. */
  async look(): Promise<VirtualMachine | undefined> {
    const { log, signal } = this.#rig;
    const seen = await this.#see();
    signal.throwIfAborted();
    if (!(seen instanceof ActionError)) {
      this.#misses = 0;
      return seen;
    }
    this.#misses += 1;
    if (this.#misses > MISSES) throw seen;
    log.debug(seen.reason);
    return undefined;
  }

  async #see(): Promise<VirtualMachine | ActionError> {
    const { compute, signal } = this.#rig;
    const { id, name } = this.#vm;
    try {
      const vm = await compute.getVm(id, signal);
      if (vm !== undefined) return vm;
    } catch (error) {
      return explain(`Could not look at VM "${name}" while its guest is deprovisioned`, error);
    }
    return new ActionError(
      'azure',
      `VM "${name}" was deleted while its guest was deprovisioned: see in the activity log of its resource group who did, and run again.`,
    );
  }
}
