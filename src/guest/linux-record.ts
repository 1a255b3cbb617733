import { stripVTControlCharacters } from 'node:util';
import type { GuestRecord, VirtualMachine } from '../facts.ts';
import { hash } from '../lock-names.ts';
import { readLinuxReport } from './linux.ts';

/** What a deprovisioning is of: a VM made anew under the same name, or with another OS disk, is another one. */
export type RecordedVm = Pick<VirtualMachine, 'id' | 'vmId' | 'osDisk'>;

/** What the firmware or the kernel shows of a start. */
const START = /BdsDxe: (?:loading|starting) Boot|Linux version \d|\[ +0\.000000\] /;
/** What else a system shows that has started, should its kernel be quiet. */
const SIGN_OF_LIFE = /GRUB|Booting |Welcome to |\blogin: |Cloud-init v|cloud-init\[|\]: Detected /;

/**
 * The marker of a deprovisioning, from 32 random hexadecimal digits: half of it is random, so that nobody in the guest
 * can know it before; the other half tells later runs what it was of. Those take it from the console, so that whoever
 * can write there could tell them what is not so, but has the guest anyway.
 */
export function linuxMarker(random: string, vm: RecordedVm): string {
  return `${random.slice(0, 16)}${subjectOf(vm)}`;
}

/**
 * The record of a VM's last deprovisioning on its serial console, if the system has not started since. Undefined where
 * that is not sure: a console on which no start before shows would not show one after either. What the console keeps
 * when a VM is deallocated no source tells; a record that is gone is none.
 * https://learn.microsoft.com/azure/virtual-machines/boot-diagnostics
 */
export function findLinuxRecord(
  text: string,
  vm: RecordedVm & Pick<VirtualMachine, 'powerState'>,
): GuestRecord | undefined {
  const found = findLast(text, vm);
  if (found === undefined || hasStarted(found.after) || !START.test(found.before)) return undefined;
  const { marker } = found;
  const end = readLinuxReport(stripVTControlCharacters(text), marker).end?.kind;
  if (vm.powerState === 'running') {
    return end === undefined || end === 'ok' ? { marker, state: 'working' } : undefined;
  }
  const isOff = vm.powerState === 'stopped' || vm.powerState === 'deallocated';
  return isOff && end === 'ok' ? { marker, state: 'done' } : undefined;
}

/** Whether the console shows that the system has started after its last deprovisioning. */
export function hasStartedSince(text: string, vm: RecordedVm): boolean {
  return hasStarted(findLast(text, vm)?.after ?? '');
}

function hasStarted(text: string): boolean {
  return START.test(text) || SIGN_OF_LIFE.test(text);
}

interface Found {
  readonly marker: string;
  /** What the console showed before its first line. */
  readonly before: string;
  /** What it showed from its last line on. */
  readonly after: string;
}

function findLast(text: string, vm: RecordedVm): Found | undefined {
  const shown = stripVTControlCharacters(text);
  const lines = [...shown.matchAll(new RegExp(`@([0-9a-f]{16}${subjectOf(vm)}) `, 'g'))];
  const last = lines.at(-1);
  const marker = last?.[1];
  if (last === undefined || marker === undefined) return undefined;
  const first = lines.find(([, one]) => one === marker) ?? last;
  return { marker, before: shown.slice(0, first.index), after: shown.slice(last.index) };
}

function subjectOf({ id, vmId = '', osDisk }: RecordedVm): string {
  return hash([id, vmId, osDisk.diskId ?? ''].join('\n').toLowerCase());
}
