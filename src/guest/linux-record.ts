import { stripVTControlCharacters } from 'node:util';
import type { GuestRecord, VirtualMachine } from '../facts.ts';
import { hash } from '../lock-names.ts';
import { readLinuxReport } from './linux.ts';

/** What a deprovisioning is of: a VM made anew under the same name, or with another OS disk, is another one. */
export type RecordedVm = Pick<VirtualMachine, 'id' | 'vmId' | 'osDisk'>;

/** What shows that a system has started, by the firmware or the kernel. */
const BOOT_SIGN = /BdsDxe: (?:loading|starting) Boot|Linux version \d|\[ +0\.000000\] /;

/**
 * The marker of a deprovisioning, from 32 random hexadecimal digits: half of it is random, so that nobody in the guest
 * can know it; the other half tells later runs what it was of.
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
  const console = stripVTControlCharacters(text);
  const lines = [...console.matchAll(new RegExp(`@([0-9a-f]{16}${subjectOf(vm)}) `, 'g'))];
  const last = lines.at(-1);
  const marker = last?.[1];
  if (last === undefined || marker === undefined) return undefined;
  const first = lines.find(([, one]) => one === marker) ?? last;
  const hasStarted = BOOT_SIGN.test(console.slice(last.index));
  if (hasStarted || !BOOT_SIGN.test(console.slice(0, first.index))) return undefined;
  const { end } = readLinuxReport(console, marker);
  const isOff = vm.powerState === 'stopped' || vm.powerState === 'deallocated';
  if (isOff) return end?.kind === 'ok' ? { marker, state: 'done' } : undefined;
  return end === undefined || end.kind === 'ok' ? { marker, state: 'working' } : undefined;
}

function subjectOf({ id, vmId = '', osDisk }: RecordedVm): string {
  return hash([id, vmId, osDisk.diskId ?? ''].join('\n').toLowerCase());
}
