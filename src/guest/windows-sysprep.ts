import { listOf, redact } from '../errors.ts';
import { formatSeconds } from '../units.ts';
import { imageStateOf } from './windows-facts.ts';
import {
  countOf,
  flagOf,
  listOfFact,
  momentOf,
  readReport,
  textOf,
  textsOf,
  type CutList,
} from './windows-report.ts';

/** What sysprep.ps1 did. */
export interface SysprepStart {
  readonly started: boolean;
  readonly imageState: string | undefined;
  readonly processes: CutList | undefined;
  /** When Windows started, in milliseconds. */
  readonly bootTime: number | undefined;
  /** What Windows answered to the start of the process; 0 is success. */
  readonly code: number | undefined;
  readonly error: string | undefined;
  /** What was taken away: files, folders and handlers of the Azure agent. */
  readonly removed: CutList | undefined;
  /** What could not be taken away. */
  readonly left: CutList | undefined;
}

/** What state.ps1 saw. */
export interface WindowsState {
  /** Where Windows Setup stands, without the prefix `IMAGE_STATE_`. */
  readonly imageState: string | undefined;
  /** Processes of Sysprep that still work. */
  readonly processes: readonly string[];
  /** When Windows started, in milliseconds. */
  readonly bootTime: number | undefined;
  /** Lines of setuperr.log and setupact.log that tell of errors, the usual cause first. */
  readonly errors: readonly string[];
  /** The end of setupact.log. */
  readonly tail: readonly string[];
}

/** An answer of the guest, or that there was none, and when, in milliseconds. */
export interface Sighting {
  readonly atMs: number;
  readonly state: WindowsState | undefined;
}

/** What the sightings are judged by. */
export interface SysprepWatch {
  readonly vmName: string;
  /** When Sysprep was started, on the clock of the sightings. */
  readonly startedAtMs: number;
  readonly timeoutMs: number;
  /** How long nothing may work before an unfinished Sysprep counts as ended. */
  readonly settleMs: number;
  /** The start of Windows that `readSysprepStart` read. */
  readonly bootTime: number | undefined;
}

/** A failure in one line, and the guest's own log. */
export interface SysprepFailure {
  readonly failed: string;
  readonly log: readonly string[];
}

export type SysprepVerdict = 'running' | 'generalized' | SysprepFailure;

/** How much the computed start of Windows moves when its clock is set. */
const BOOT_TOLERANCE_MS = 60_000;

/** Reads what the script of `sysprepScript` printed; undefined where its report is not whole. */
export function readSysprepStart(output: string, marker: string): SysprepStart | undefined {
  const report = readReport(output, marker, 'sysprep');
  const started = flagOf(report?.['started']);
  if (report === undefined || started === undefined) return undefined;
  return {
    started,
    imageState: imageStateOf(report['imageState']),
    processes: listOfFact(report['processes']),
    bootTime: momentOf(report['bootTime']),
    code: countOf(report['code']),
    error: textOf(report['error']),
    removed: listOfFact(report['removed']),
    left: listOfFact(report['left']),
  };
}

/** Reads what the script of `stateScript` printed; undefined where its report is not whole. */
export function readWindowsState(output: string, marker: string): WindowsState | undefined {
  const report = readReport(output, marker, 'state');
  const processes = listOfFact(report?.['processes']);
  if (report === undefined || processes === undefined) return undefined;
  return {
    imageState: imageStateOf(report['imageState']),
    processes: processes.names,
    bootTime: momentOf(report['bootTime']),
    errors: textsOf(report['errors']) ?? [],
    tail: textsOf(report['tail']) ?? [],
  };
}

/** What the answer of sysprep.ps1 means: whether there is something to watch. */
export function judgeSysprepStart(start: SysprepStart, vmName: string): SysprepVerdict {
  if (start.started || (start.processes?.count ?? 0) > 0) return 'running';
  if (start.imageState === 'GENERALIZE_RESEAL_TO_OOBE') return 'generalized';
  const because =
    start.error ??
    (start.code === undefined
      ? `ImageState is "${start.imageState ?? 'unknown'}", not "COMPLETE"`
      : `Windows answered ${start.code}`);
  const after = (start.removed?.count ?? 0) === 0 ? '' : ` ${removedNote(start)}`;
  return {
    failed: `Sysprep could not be started in VM "${vmName}": ${because}. Windows is not generalized; look into the guest and run again.${after}`,
    log: [],
  };
}

/**
 * Judges what was seen of Sysprep since its start. An ImageState counts only when nothing works any more: while
 * Sysprep works it passes through `UNDEPLOYABLE`.
 * See https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-states.
 */
export function judgeSysprep(sightings: readonly Sighting[], watch: SysprepWatch): SysprepVerdict {
  const nowMs = sightings.at(-1)?.atMs ?? watch.startedAtMs;
  const isLate = nowMs - watch.startedAtMs >= watch.timeoutMs;
  const last = sightings.findLast(({ state }) => state !== undefined)?.state;
  if (last === undefined) return isLate ? silent(watch) : 'running';
  if (hasRestarted(sightings, watch)) return failure(watch, last, restarted);
  const isIdle = last.processes.length === 0;
  if (isIdle && last.imageState === 'GENERALIZE_RESEAL_TO_OOBE') return 'generalized';
  if (isIdle && hasSettled(sightings, watch)) return failure(watch, last, ended(last));
  return isLate ? failure(watch, last, late(last, watch)) : 'running';
}

/** What went wrong, and what to do when the log does not tell the cause. */
interface Trouble {
  readonly what: string;
  readonly next: string;
}

const lost =
  'Windows cannot be used any more: make the VM anew or go back to a snapshot from before';

const restarted: Trouble = {
  what: 'Windows restarted while Sysprep worked',
  next: `Find out who restarted it. ${lost}`,
};

/** Sysprep has ended without `GENERALIZE_RESEAL_TO_OOBE`. */
function ended({ imageState }: WindowsState): Trouble {
  const next: Readonly<Record<string, string>> = {
    COMPLETE: 'Windows was not generalized and still works: repair the cause and run again',
    UNDEPLOYABLE: lost,
    SPECIALIZE_RESEAL_TO_OOBE:
      'The setup of Windows has not ended, often because a restart is pending: restart the VM, wait until the setup has ended and run again',
  };
  const state = imageState ?? 'unknown';
  return {
    what: `Sysprep ended without generalizing Windows (ImageState "${state}")`,
    next: next[state] ?? lost,
  };
}

function late({ imageState, processes }: WindowsState, { timeoutMs }: SysprepWatch): Trouble {
  const working = processes.length === 0 ? '' : `, ${listOf(processes)} still working`;
  return {
    what: `Sysprep has not ended within ${formatSeconds(timeoutMs / 1000)} (ImageState "${imageState ?? 'unknown'}"${working})`,
    next: 'Set a longer "deprovision-timeout" if the log shows progress. This run leaves Sysprep working: look at its end before you use the VM',
  };
}

function silent({ vmName, timeoutMs }: SysprepWatch): SysprepFailure {
  return {
    failed: `VM "${vmName}" has not told for ${formatSeconds(timeoutMs / 1000)} how far Sysprep is: no answer of Run Command was whole. Check the Azure agent in the guest, and look at the end of Sysprep before you use the VM.`,
    log: [],
  };
}

/** Causes that Sysprep's log tells, with their remedy. Looked for in this order. */
const causes: readonly (readonly [RegExp, string])[] = [
  [
    /Sysprep will not run on an upgraded OS/i,
    'Windows was upgraded in place. Take a clean installation',
  ],
  [/BitLocker/i, 'BitLocker is on. Turn it off for all volumes and wait for "FullyDecrypted"'],
  [/reserved storage/i, 'an update works with reserved storage. Wait for it, restart the VM'],
  [/require a reboot|pending CBS/i, 'updates wait for a restart. Restart the VM'],
  [
    /Windows Advanced Threat Protection/i,
    'Microsoft Defender for Endpoint keeps its settings from Sysprep. Offboard the VM',
  ],
];

const packageLine = /Package (\S+) was installed for a user, but not provisioned for all users/;

function causeOf(errors: readonly string[]): string | undefined {
  const packages = new Set(errors.flatMap((line) => packageLine.exec(line)?.[1] ?? []));
  if (packages.size > 0) {
    return `app packages are installed for a user but not provisioned for all users: ${listOf([...packages])}. Remove them ("Remove-AppxPackage -AllUsers -Package NAME")`;
  }
  const [, cause] = causes.find(([sign]) => errors.some((line) => sign.test(line))) ?? [];
  return cause ?? firstError(errors);
}

/** The first error, without its time and its level. */
function firstError(errors: readonly string[]): string | undefined {
  const text = errors[0]?.replace(/^.*?\bError\s+(\[0x[0-9a-f]+\]\s+)?/i, '').replace(/\.$/, '');
  return text === undefined ? undefined : redact(`the log says "${text}"`);
}

function failure(
  { vmName }: SysprepWatch,
  { errors, tail }: WindowsState,
  { what, next }: Trouble,
): SysprepFailure {
  const cause = causeOf(errors);
  const because = cause === undefined ? '' : `: ${cause}`;
  return {
    failed: `VM "${vmName}": ${what}${because}. ${next}.`,
    log: [...errors, ...tail.filter((line) => !errors.includes(line))].map(redact),
  };
}

function hasRestarted(sightings: readonly Sighting[], watch: SysprepWatch): boolean {
  const boots = [watch.bootTime, ...sightings.map(({ state }) => state?.bootTime)].filter(
    (boot) => boot !== undefined,
  );
  const [first] = boots;
  return first !== undefined && boots.some((boot) => Math.abs(boot - first) > BOOT_TOLERANCE_MS);
}

/** Whether nothing has worked for long enough; an answer that did not come tells nothing. */
function hasSettled(sightings: readonly Sighting[], { settleMs }: SysprepWatch): boolean {
  const seen = sightings.filter(({ state }) => state !== undefined);
  const busy = seen.findLastIndex(({ state }) => state?.processes.length !== 0);
  const idle = seen.slice(busy + 1);
  const since = idle[0]?.atMs;
  const until = idle.at(-1)?.atMs;
  return since !== undefined && until !== undefined && until - since >= settleMs;
}

function removedNote({ removed }: SysprepStart): string {
  return `Taken away before: ${listOf(removed?.names ?? [])}.`;
}
