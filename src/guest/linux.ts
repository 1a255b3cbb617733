import { readFileSync } from 'node:fs';
import { markedLines } from './marked-lines.ts';

const startText = readFileSync(new URL('./linux/start.sh', import.meta.url), 'utf8');
const deprovisionText = readFileSync(new URL('./linux/deprovision.sh', import.meta.url), 'utf8');
const reportText = readFileSync(new URL('./linux/report.sh', import.meta.url), 'utf8');

/** How a Linux guest is to be deprovisioned. */
export interface LinuxOrder {
  /** 32 hexadecimal digits that nobody in the guest can know; the report is asked for with the same ones. */
  readonly marker: string;
  /** Whether the account that Azure made goes, with its home. */
  readonly deprovisionUser: boolean;
  /** That account after the VM's OS profile, for guests whose ovf-env.xml is gone. */
  readonly adminUser?: string | undefined;
  /** Whether a member of a domain may be deprovisioned; otherwise the guest refuses. */
  readonly allowsDomainMember: boolean;
  /** Azure's ID of a machine that must not be deprovisioned; the guest refuses if it is this one. */
  readonly notMachine?: string | undefined;
  /** How long the guest has, from the end of the delay on. */
  readonly timeoutSeconds: number;
  /** How long the agent has to tell Azure that the start script ended, before it is stopped. */
  readonly delaySeconds: number;
  /** Run Command has no cancel: a script that comes to run later than this (guest's clock) does nothing. */
  readonly notAfter?: Date | undefined;
}

/** What a step of the deprovisioning came to. */
export interface LinuxStep {
  readonly name: string;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  readonly detail: string;
}

/** Something that the user should know of the image, such as `accounts` or `swap`. */
export interface LinuxNote {
  readonly kind: string;
  readonly text: string;
}

const endKinds = ['started', 'refused', 'running', 'ok', 'failed', 'lost'] as const;

/**
 * How a script ended: the start script as `started` or `refused` (nothing was changed), the detached one as `ok` (it
 * powers off) or `failed`; the report says `running` while there is no such end, and `lost` when the guest has no
 * record of the run, since it was restarted.
 */
export interface LinuxEnd {
  readonly kind: (typeof endKinds)[number];
  readonly detail: string;
}

/** What the scripts have told, by Run Command or on the serial console. */
export interface LinuxReport {
  /** `distribution`, `agent` and `cloud-init` (versions), `init`, `provisioning`, `user` and `domain`, as far as told. */
  readonly facts: ReadonlyMap<string, string>;
  readonly notes: readonly LinuxNote[];
  readonly steps: readonly LinuxStep[];
  /** The last lines of what the last step printed. */
  readonly log: readonly string[];
  /** Undefined when the script did not come to its end, or its output is lost. */
  readonly end: LinuxEnd | undefined;
}

const markerForm = /^[0-9a-f]{32}$/;
/** What the guest takes for an account; the builder leaves other names out, and the guest judges without. */
const accountForm = /^[A-Za-z_][A-Za-z0-9._-]{0,63}$/;
const machineForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Before this a shell of 32 bits can count. */
const endOfTime = 2 ** 31 - 1;

/**
 * The script that looks at the guest and starts the deprovisioning, for Run Command on Linux.
 * Throws a RangeError for a marker or a number that is not of its form.
 */
export function linuxStartScript(order: LinuxOrder): string {
  const adminUser = order.adminUser ?? '';
  const notMachine = order.notMachine?.toLowerCase() ?? '';
  const settings = {
    marker: checkMarker(order.marker),
    deprovision_user: String(order.deprovisionUser),
    admin_user: accountForm.test(adminUser) ? adminUser : '',
    not_machine: machineForm.test(notMachine) ? notMachine : '',
    allow_domain_member: String(order.allowsDomainMember),
    timeout_seconds: wholeNumber('timeoutSeconds', order.timeoutSeconds),
    delay_seconds: wholeNumber('delaySeconds', order.delaySeconds),
    not_after: wholeNumber('notAfter', secondsOf(order.notAfter)),
  };
  const head = assignments(settings);
  const end = `end_of_${order.marker}`;
  return (
    `#!/bin/sh\n# azure-vm-to-vhd linux start\n${head}` +
    `deprovision_script() {\ncat <<'${end}'\n#!/bin/sh\n${head}${deprovisionText}${end}\n}\n` +
    startText
  );
}

/** The script that prints how far the deprovisioning with this marker is. Throws a RangeError for any other marker. */
export function linuxReportScript({ marker }: Pick<LinuxOrder, 'marker'>): string {
  const head = assignments({ marker: checkMarker(marker) });
  return `#!/bin/sh\n# azure-vm-to-vhd linux report\n${head}${reportText}`;
}

/** Reads what the scripts with this marker printed; lines that are not theirs, or not whole, do not count. */
export function readLinuxReport(text: string, marker: string): LinuxReport {
  const lines = markedLines(text, marker).map(readWords);
  const of = (word: string): readonly (readonly [string, string])[] =>
    lines.flatMap(({ word: one, rest }) => (one === word ? [splitFirst(rest)] : []));
  return {
    facts: new Map(of('fact')),
    notes: of('note').map(([kind, text]) => ({ kind, text })),
    steps: of('step').flatMap(([name, rest]) => readStep(name, rest)),
    log: lines.flatMap(({ word, rest }) => (word === 'log' ? [rest] : [])),
    end: of('end').flatMap(readEnd).at(-1),
  };
}

function readWords(line: string): { readonly word: string; readonly rest: string } {
  const [word, rest] = splitFirst(line);
  return { word, rest };
}

function readStep(name: string, text: string): readonly LinuxStep[] {
  const [outcome, detail] = splitFirst(text);
  if (outcome !== 'ok' && outcome !== 'failed' && outcome !== 'skipped') return [];
  return [{ name, outcome, detail }];
}

function readEnd([word, detail]: readonly [string, string]): readonly LinuxEnd[] {
  const kind = endKinds.find((one) => one === word);
  return kind === undefined ? [] : [{ kind, detail }];
}

function splitFirst(text: string): readonly [string, string] {
  const at = text.indexOf(' ');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1).trim()];
}

function assignments(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
}

function checkMarker(marker: string): string {
  if (!markerForm.test(marker)) throw new RangeError('A marker is 32 hexadecimal digits.');
  return marker;
}

function wholeNumber(name: string, value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`"${name}" must be a whole number, got ${value}.`);
  }
  return String(value);
}

function secondsOf(time: Date | undefined): number {
  return time === undefined ? endOfTime : Math.ceil(time.getTime() / 1000);
}
