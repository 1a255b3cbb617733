import type { GuestCommands } from '../azure/guest-commands.ts';
import type { Compute } from '../azure/compute.ts';
import { ActionError, azureFailure, explain, reasonOf } from '../errors.ts';
import type { VirtualMachine } from '../facts.ts';
import type { Clock, Log } from '../ports.ts';

/** What working in a guest needs. */
export interface GuestRig {
  readonly guests: GuestCommands;
  readonly compute: Pick<Compute, 'getVm'>;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** 32 random hexadecimal digits. */
  readonly newMarker: () => string;
}

/** A VM whose guest is worked in. */
export type GuestVm = Pick<
  VirtualMachine,
  'id' | 'vmId' | 'name' | 'osType' | 'adminUser' | 'agent' | 'osDisk' | 'guestRecord'
>;

/** Run Command cannot be used, so that nothing has begun in the guest. */
export class RunCommandRefused extends ActionError {}

/** Another run command is waited for this often. */
const BUSY_PAUSE_MS = 15_000;
/** A guest under load takes minutes for the simplest script. */
const COMMAND_MS = 10 * 60_000;

/**
 * Runs a script in the guest and gives what it printed. One VM runs one command at a time; another one is waited for
 * until `deadline`, in milliseconds since 1970. Throws one clear sentence where Run Command cannot be used.
 */
export async function runInGuest(
  vm: GuestVm,
  text: string,
  deadline: number,
  rig: GuestRig,
): Promise<string> {
  const { guests, clock, log, signal } = rig;
  const script = { osType: vm.osType, text };
  let isAccepted = false;
  const onAccepted = (): void => {
    isAccepted = true;
  };
  for (let isTold = false; ; isTold = true) {
    try {
      return await guests.run(vm.id, script, COMMAND_MS, signal, onAccepted);
    } catch (error) {
      signal.throwIfAborted();
      if (!isBusy(error)) throw refusalOf(vm, error, isAccepted);
      if (clock.now() >= deadline) {
        const what = `Could not run a script in VM "${vm.name}"`;
        const { message } = explain(what, error, 'Run again when it has ended.');
        throw new RunCommandRefused('azure', message, { cause: error });
      }
      if (!isTold) log.info(`VM "${vm.name}" runs another command: waiting for its end.`);
      await clock.sleep(BUSY_PAUSE_MS, signal);
    }
  }
}

/**
 * Runs a script that begins what goes on by itself. One that did not end may have begun it all the same: the log tells,
 * and the answer is empty, so that the guest is watched then.
 */
export async function beginInGuest(
  vm: GuestVm,
  text: string,
  deadline: number,
  rig: GuestRig,
): Promise<string> {
  try {
    return await runInGuest(vm, text, deadline, rig);
  } catch (error) {
    rig.signal.throwIfAborted();
    if (error instanceof RunCommandRefused) throw error;
    rig.log.warn(reasonOf(error));
    return '';
  }
}

/** Run Command refuses a second command with 409 `Conflict`; other refusals do not pass. */
function isBusy(error: unknown): boolean {
  const { code, status, message } = azureFailure(error);
  return (code === 'Conflict' || status === 409) && /in progress/i.test(message);
}

const refusals: readonly (readonly [RegExp, (vm: GuestVm) => string])[] = [
  [
    /requires the VM to be running/i,
    ({ name }) =>
      `VM "${name}" is not running, so that its guest cannot be deprovisioned. Start it and run again; if its guest was deprovisioned before, set "generalize: mark".`,
  ],
  [
    /extension operations are disallowed/i,
    ({ name }) =>
      `VM "${name}" does not take run commands: it has no VM agent, or "allowExtensionOperations" is off. Deprovision its guest by other means and set "generalize: mark".`,
  ],
  [
    /has not reported status for VM agent/i,
    ({ name }) =>
      `The VM agent of VM "${name}" does not answer. Look at the agent in the guest (its service, port 443 to Azure) and run again, or deprovision the guest by other means and set "generalize: mark".`,
  ],
];

/** What Azure answers with 400 to 499 before it has taken the command has begun nothing. */
function refusalOf(vm: GuestVm, error: unknown, isAccepted: boolean): ActionError {
  const { message, status = 0 } = azureFailure(error);
  const [, sentence] = refusals.find(([pattern]) => pattern.test(message)) ?? [];
  if (sentence !== undefined) return new RunCommandRefused('azure', sentence(vm), { cause: error });
  const failed = explain(`Could not run a script in VM "${vm.name}"`, error);
  const isRefused = !isAccepted && status >= 400 && status < 500;
  return isRefused ? new RunCommandRefused('azure', failed.message, { cause: error }) : failed;
}
