import { ActionError, reasonOf } from '../errors.ts';
import type { PowerState } from '../facts.ts';
import { serialTail } from '../serial-tail.ts';
import { beginInGuest, runInGuest, type GuestRig, type GuestVm } from './guest-command.ts';
import { refusedGuest, type StartedOrder } from './guest-order.ts';
import {
  linuxReportScript,
  linuxStartScript,
  readLinuxReport,
  type LinuxReport,
  type LinuxStep,
} from './linux.ts';
import { findLinuxRecord, linuxMarker } from './linux-record.ts';
import { VmWatch } from './vm-watch.ts';

/** How long the agent has to tell Azure that the start script ended. */
const DELAY_SECONDS = 20;
/** Run Command may come late; a script that comes later still does nothing. */
const START_WITHIN_MS = 15 * 60_000;
const LOOK_MS = 5_000;
/** The console of a guest that went off may come some seconds late. */
const CONFIRM_TRIES = 4;
/** How often the serial console is read, and the guest is asked when its agent answers. */
const SERIAL_MS = 30_000;
const ASK_MS = 60_000;
/** For the end of the guest's own watchdog, its report and the return of its agent. */
const GRACE_MS = 3 * 60_000;

/**
 * Starts the deprovisioning, which outlives the agent, and waits until the guest is off. One that an earlier run has
 * started is waited for.
 */
export async function deprovisionLinux(
  vm: GuestVm,
  order: StartedOrder,
  rig: GuestRig,
): Promise<void> {
  const earlier = vm.guestRecord?.marker;
  if (earlier !== undefined) {
    if (!(await isGivenUp(vm, earlier, rig))) {
      order.started();
      await new LinuxWatch(vm, earlier, order.timeoutSeconds, rig).untilOff();
      return;
    }
    rig.log.info(`The guest of VM "${vm.name}" is not at it any more: it is deprovisioned anew.`);
  }
  const marker = linuxMarker(rig.newMarker(), vm);
  await start(vm, marker, order, rig);
  await new LinuxWatch(vm, marker, order.timeoutSeconds, rig).untilOff();
}

/** Whether the guest answers that it is not at the deprovisioning any more which its console tells of. */
async function isGivenUp(vm: GuestVm, marker: string, rig: GuestRig): Promise<boolean> {
  const { clock, log, signal } = rig;
  if (vm.agent !== 'ready') return false;
  try {
    const text = await runInGuest(vm, linuxReportScript({ marker }), clock.now(), rig);
    const end = readLinuxReport(text, marker).end?.kind;
    return end === 'lost' || end === 'failed';
  } catch (error) {
    signal.throwIfAborted();
    log.debug(reasonOf(error));
    return false;
  }
}

async function start(
  vm: GuestVm,
  marker: string,
  order: StartedOrder,
  rig: GuestRig,
): Promise<void> {
  const { clock, log } = rig;
  const notAfter = clock.now() + START_WITHIN_MS;
  const script = linuxStartScript({
    ...order,
    marker,
    adminUser: vm.adminUser,
    delaySeconds: DELAY_SECONDS,
    notAfter: new Date(notAfter),
  });
  order.started();
  const report = readLinuxReport(await beginInGuest(vm, script, notAfter, rig), marker);
  tell(vm, report, rig);
  if (report.end?.kind === 'refused') {
    throw refusedGuest(vm, `VM "${vm.name}" cannot be deprovisioned: ${report.end.detail}.`);
  }
  if (report.end === undefined) {
    log.warn(`VM "${vm.name}" did not tell whether its deprovisioning has started: watching it.`);
  }
}

/** What was found in the guest, for the log; what the user should know of the image as warnings. */
function tell(vm: GuestVm, { facts, notes }: LinuxReport, { log }: GuestRig): void {
  const found = [...facts].map(([name, value]) => `${name} ${value}`);
  if (found.length > 0) log.info(`The guest of VM "${vm.name}": ${found.join(', ')}.`);
  for (const { text } of notes) log.warn(`The guest of VM "${vm.name}": ${text}.`);
}

/** Sees how the deprovisioning ends: by the power state, by the serial console, and by what the guest answers. */
class LinuxWatch {
  /** An earlier run has started it, as the serial console told. */
  readonly #isEarlier: boolean;
  readonly #vm: GuestVm;
  readonly #marker: string;
  readonly #rig: GuestRig;
  readonly #seen: VmWatch;
  readonly #timeoutSeconds: number;
  readonly #startedAt: number;
  #askAfter: number;
  #serialAfter: number;
  #serial: string | undefined = '';
  #wasAway = false;
  /** Ends a question that nobody waits for any more. */
  readonly #over = new AbortController();
  #isAsking = false;
  #answer: LinuxReport | undefined;

  constructor(vm: GuestVm, marker: string, timeoutSeconds: number, rig: GuestRig) {
    this.#isEarlier = vm.guestRecord?.marker === marker;
    this.#vm = vm;
    this.#marker = marker;
    this.#rig = rig;
    this.#seen = new VmWatch(vm, rig);
    this.#timeoutSeconds = timeoutSeconds;
    this.#startedAt = rig.clock.now();
    this.#serialAfter = this.#startedAt + SERIAL_MS;
    this.#askAfter = this.#startedAt + DELAY_SECONDS * 1000 + ASK_MS;
  }

  /** Throws when it failed, was lost or took too long. */
  async untilOff(): Promise<void> {
    try {
      await this.#watch();
    } finally {
      this.#over.abort();
    }
  }

  async #watch(): Promise<void> {
    const { clock, signal } = this.#rig;
    const lastMoment = this.#startedAt + (DELAY_SECONDS + this.#timeoutSeconds) * 1000 + GRACE_MS;
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      const seen = await this.#seen.look();
      if (seen?.powerState === 'stopped' || seen?.powerState === 'deallocated') {
        return this.#confirm(seen.powerState);
      }
      const isReady = seen?.agent === 'ready';
      if (seen !== undefined && !isReady) this.#wasAway = true;
      const now = clock.now();
      if (now >= this.#serialAfter) this.#judge(await this.#readSerial());
      if (isReady && (this.#wasAway || now >= this.#askAfter)) this.#ask();
      this.#judge(this.#answer);
      if (now >= lastMoment) throw await this.#late();
    }
  }

  /**
   * Only success powers the guest off, and the guest cannot deallocate itself. Where the serial console tells of the
   * steps, it must tell of their end too; it may be some seconds late.
   */
  async #confirm(powerState: PowerState): Promise<void> {
    const { clock, log, signal } = this.#rig;
    let steps: LinuxReport['steps'];
    for (let tries = 0; ; tries += 1) {
      const report = await this.#readSerial();
      this.#judge(report);
      steps = report?.steps ?? [];
      if (report?.end?.kind === 'ok' && this.#isStillOff(powerState)) {
        for (const step of steps) log.info(`  ${lineOf(step)}`);
        return;
      }
      if (steps.length === 0 && powerState === 'stopped' && !this.#isEarlier) return;
      if ((steps.length === 0 && !this.#isEarlier) || tries === CONFIRM_TRIES) break;
      await clock.sleep(LOOK_MS, signal);
    }
    const { name } = this.#vm;
    if (steps.length === 0 && this.#isEarlier) {
      throw new ActionError(
        'azure',
        `VM "${name}" is ${powerState}, and its serial console does not tell any more how its deprovisioning ended. Run again, which looks at it once more.`,
      );
    }
    throw new ActionError(
      'azure',
      `VM "${name}" was ${powerState} from outside while its guest was deprovisioned, which may be half done. Start it and run again.`,
    );
  }

  /** One that an earlier run has started may have ended before this one looked, and the system have started since. */
  #isStillOff(powerState: PowerState): boolean {
    if (!this.#isEarlier) return true;
    return findLinuxRecord(this.#serial ?? '', { ...this.#vm, powerState })?.state === 'done';
  }

  /** Once Azure has refused it, it is not asked for again. */
  async #readSerial(): Promise<LinuxReport | undefined> {
    const { guests, clock, log, signal } = this.#rig;
    if (this.#serial === undefined) return undefined;
    this.#serialAfter = clock.now() + SERIAL_MS;
    try {
      this.#serial = await guests.serialLog(this.#vm.id, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.debug(`The serial console could not be read: ${reasonOf(error)}`);
    }
    return this.#serial === undefined ? undefined : readLinuxReport(this.#serial, this.#marker);
  }

  /**
   * Does not wait for the answer: an agent that is stopped looks ready for a while, and the command then hangs. A guest
   * that goes down in between does not answer, which tells nothing.
   */
  #ask(): void {
    const { clock, log } = this.#rig;
    this.#wasAway = false;
    this.#askAfter = clock.now() + ASK_MS;
    if (this.#isAsking) return;
    this.#isAsking = true;
    const script = linuxReportScript({ marker: this.#marker });
    const signal = AbortSignal.any([this.#rig.signal, this.#over.signal]);
    runInGuest(this.#vm, script, clock.now(), { ...this.#rig, signal })
      .then((text) => {
        this.#answer = readLinuxReport(text, this.#marker);
      })
      .catch((error: unknown) => {
        log.debug(reasonOf(error));
      })
      .finally(() => {
        this.#isAsking = false;
      });
  }

  #judge(report: LinuxReport | undefined): void {
    const { name } = this.#vm;
    if (report?.end?.kind === 'failed') {
      this.#show(report);
      throw new ActionError(
        'azure',
        `The guest of VM "${name}" could not be deprovisioned: ${report.end.detail}. See the guest's log above; the VM still runs.`,
      );
    }
    if (report?.end?.kind === 'lost') {
      throw new ActionError(
        'azure',
        `The guest of VM "${name}" was restarted while it was deprovisioned, and may be half deprovisioned. Find out who restarts it, then run again.`,
      );
    }
  }

  async #late(): Promise<ActionError> {
    const serial = await this.#readSerial();
    if (serial !== undefined && serial.steps.length > 0) this.#show(serial);
    else this.#showConsole();
    const minutes = Math.ceil(this.#timeoutSeconds / 60);
    if (this.#isEarlier) {
      return new ActionError(
        'azure',
        `The guest of VM "${this.#vm.name}", whose deprovisioning an earlier run has started, has not powered off within ${minutes} minutes more; it may be half deprovisioned. Look at its serial console; restart the VM and run again, which deprovisions it anew.`,
      );
    }
    return new ActionError(
      'azure',
      `The guest of VM "${this.#vm.name}" has not powered off within ${minutes} minutes and does not tell why; it may be half deprovisioned. Look at its serial console, or give it longer with "deprovision-timeout".`,
    );
  }

  #show({ steps, log: lines }: LinuxReport): void {
    const { log } = this.#rig;
    log.info(`What the guest of VM "${this.#vm.name}" told:`);
    for (const step of steps) log.info(`  ${lineOf(step)}`);
    for (const line of serialTail(lines.join('\n'))) log.info(`  ${line}`);
  }

  #showConsole(): void {
    const lines = serialTail(this.#serial ?? '');
    if (lines.length === 0) return;
    this.#rig.log.info(`The end of the serial console of VM "${this.#vm.name}":`);
    for (const line of lines) this.#rig.log.info(`  ${line}`);
  }
}

function lineOf({ name, outcome, detail }: LinuxStep): string {
  return `${name}: ${outcome}${detail === '' ? '' : ` (${detail.replaceAll('##[', '## [')})`}`;
}
