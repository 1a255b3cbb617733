import { ActionError, reasonOf } from '../errors.ts';
import { serialTail } from '../serial-tail.ts';
import { beginInGuest, runInGuest, type GuestRig, type GuestVm } from './guest-command.ts';
import { refusedGuest, type StartedOrder } from './guest-order.ts';
import { VmWatch } from './vm-watch.ts';
import { inspectScript, stateScript, sysprepScript } from './windows.ts';
import {
  isDomainMember,
  readWindowsFacts,
  sysprepPhase,
  type WindowsFacts,
} from './windows-facts.ts';
import { judgeWindowsFacts } from './windows-rules.ts';
import {
  judgeSysprep,
  judgeSysprepStart,
  readSysprepStart,
  readWindowsState,
  type Sighting,
  type SysprepVerdict,
} from './windows-sysprep.ts';

/** How long one script watches sysprep before it tells. */
const WATCH_SECONDS = 45;
/** Sysprep hands over from process to process; so long nothing may work before it counts as ended. */
const SETTLE_MS = 60_000;
const BUSY_MS = 10 * 60_000;

/** Looks whether the guest is fit for sysprep, runs it and watches it to its end. */
export async function deprovisionWindows(
  vm: GuestVm,
  order: StartedOrder,
  rig: GuestRig,
): Promise<void> {
  const facts = await inspect(vm, order, rig);
  if (sysprepPhase(facts) === 'generalized') return;
  order.started();
  const marker = rig.newMarker();
  const answer = await beginInGuest(vm, sysprepScript(marker), busyUntil(rig), rig);
  const start = readSysprepStart(answer, marker);
  const startedAtMs = rig.clock.now();
  const verdict = start === undefined ? 'running' : judgeSysprepStart(start, vm.name);
  for (const path of start?.removed?.names ?? []) rig.log.info(`Removed in the guest: ${path}`);
  for (const path of start?.left?.names ?? [])
    rig.log.warn(`Could not be removed in the guest: ${path}`);
  const watch = {
    vmName: vm.name,
    startedAtMs,
    timeoutMs: order.timeoutSeconds * 1000,
    settleMs: SETTLE_MS,
    bootTime: start?.bootTime,
  };
  const sightings: Sighting[] = [];
  const seen = new VmWatch(vm, rig);
  let last: SysprepVerdict = verdict;
  while (last === 'running') {
    sightings.push(await sight(vm, seen, rig));
    last = judgeSysprep(sightings, watch);
  }
  if (last !== 'generalized') fail(vm, last, rig);
}

function busyUntil({ clock }: GuestRig): number {
  return clock.now() + BUSY_MS;
}

async function inspect(vm: GuestVm, order: StartedOrder, rig: GuestRig): Promise<WindowsFacts> {
  const marker = rig.newMarker();
  const answer = await runInGuest(vm, inspectScript(marker), busyUntil(rig), rig);
  const facts = readWindowsFacts(answer, marker);
  if (facts === undefined) {
    throw refusedGuest(
      vm,
      `VM "${vm.name}" gave no whole answer to what its Windows is like. Run again; if it stays so, look at its PowerShell.`,
    );
  }
  const findings = judgeWindowsFacts(facts, vm.name);
  for (const { level, message } of findings) if (level === 'warning') rig.log.warn(message);
  const refusals = findings
    .filter(({ level }) => level === 'refusal')
    .map(({ message }) => message);
  const isUnknown = facts.domain.kind !== 'known';
  if ((isDomainMember(facts) || isUnknown) && !order.allowsDomainMember) {
    refusals.push(
      `VM "${vm.name}" ${isUnknown ? 'does not tell whether it is' : 'is'} a member of a domain: its copy would meet the domain under the same name. Give "copy-subnet", a subnet that you chose for it.`,
    );
  }
  if (refusals.length > 0) throw refusedGuest(vm, refusals.join(' '));
  return facts;
}

/** A VM that is off tells nothing any more; any other answer that did not come is asked for again. */
async function sight(vm: GuestVm, watch: VmWatch, rig: GuestRig): Promise<Sighting> {
  const { clock, log, signal } = rig;
  const marker = rig.newMarker();
  try {
    const answer = await runInGuest(vm, stateScript(marker, WATCH_SECONDS), busyUntil(rig), rig);
    return { atMs: clock.now(), state: readWindowsState(answer, marker) };
  } catch (error) {
    signal.throwIfAborted();
    log.debug(reasonOf(error));
  }
  const seen = await watch.look();
  if (seen !== undefined && seen.powerState !== 'running' && seen.powerState !== 'starting') {
    throw new ActionError(
      'azure',
      `VM "${vm.name}" was stopped while Sysprep worked in it: whether Windows is generalized is not known. Start it and run again, which takes up where Sysprep is.`,
    );
  }
  await clock.sleep(WATCH_SECONDS * 1000, signal);
  return { atMs: clock.now(), state: undefined };
}

function fail(vm: GuestVm, verdict: Exclude<SysprepVerdict, string>, { log }: GuestRig): never {
  if (verdict.log.length > 0) log.info(`What the log of Sysprep in VM "${vm.name}" says:`);
  for (const line of serialTail(verdict.log.join('\n'))) log.info(`  ${line}`);
  throw new ActionError('azure', verdict.failed);
}
