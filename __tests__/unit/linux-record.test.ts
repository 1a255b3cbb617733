import { describe, expect, test } from '@jest/globals';
import type { VirtualMachine } from '../../src/facts.ts';
import { findLinuxRecord, linuxMarker } from '../../src/guest/linux-record.ts';
import { vmOf } from '../support/facts.ts';

const marker = linuxMarker('0123456789abcdef0123456789abcdef', vmOf());
const boot = '[    0.000000] Linux version 6.1.0-41-cloud-amd64\r\n';
const steps = [
  `[  912.4] @${marker} step settle ok`,
  `\u001b[0m@${marker} step sync-disks ok`,
  '',
].join('\r\n');
const end = `@${marker} end ok\r\n`;
const off = `${boot}login: ${steps}${end}[  913.1] reboot: Power down\r\n`;
const stopped = vmOf({ powerState: 'stopped' });
const running = { powerState: 'running' } as const;
const working = { marker, state: 'working' };
const done = { marker, state: 'done' };

test('a marker has a random half, and one that another machine, disk or run does not have', () => {
  expect(marker).toMatch(/^0123456789abcdef[0-9a-f]{16}$/);
  const others = [
    linuxMarker('0123456789abcde0', vmOf()),
    linuxMarker('0123456789abcdef', vmOf({ vmId: 'made-anew' })),
    linuxMarker('0123456789abcdef', vmOf({ osDisk: { ...stopped.osDisk, diskId: '/swapped' } })),
  ];
  expect(new Set([marker, ...others]).size).toBe(4);
  expect(others.every((other) => /^[0-9a-f]{32}$/.test(other))).toBe(true);
});

describe('the record on the console', () => {
  test.each<readonly [string, Partial<VirtualMachine>]>([
    ['stopped', { powerState: 'stopped' }],
    ['deallocated', { powerState: 'deallocated' }],
  ])('of a VM that is %s tells that its guest is deprovisioned', (_name, vm) => {
    expect(findLinuxRecord(off, vmOf(vm))).toEqual(done);
  });

  test.each<readonly [string, string]>([
    ['has told of its first step', `${boot}${steps}`],
    ['is about to go off', `${boot}${steps}${end}`],
  ])('of a running VM that %s tells that it is at it', (_name, text) => {
    expect(findLinuxRecord(text, vmOf({ agent: 'notReady' }))).toEqual(working);
  });

  test('is that of the last deprovisioning', () => {
    const before = linuxMarker('fedcba9876543210', vmOf());
    const failed = `${boot}@${before} step settle ok\n@${before} end failed Step settle failed\n`;
    expect(findLinuxRecord(`${failed}${steps}${end}`, stopped)).toEqual(done);
    expect(findLinuxRecord(`${off}${failed}`, stopped)).toBeUndefined();
  });

  test.each<readonly [string, string, Partial<VirtualMachine>]>([
    ['there is none', boot, {}],
    ['it has no end', `${boot}${steps}`, {}],
    ['it ended in a failure', `${boot}${steps}@${marker} end failed Step leases failed`, {}],
    ['it failed and the guest runs', `${boot}${steps}@${marker} end failed x`, running],
    ['the system has started since', `${off}${boot}`, {}],
    ['a system with a quiet kernel has started since', `${off}builder login: `, {}],
    ['the VM is on its way', `${boot}${steps}${end}`, { powerState: 'deallocating' }],
    ['the firmware has started since', `${off}BdsDxe: loading Boot0001 "Linux"\n`, {}],
    ['no start before it shows, and so none would after it', `${steps}${end}`, {}],
    ['it is of another OS disk', off, { osDisk: { ...stopped.osDisk, diskId: '/swapped' } }],
    ['it is of a machine that was made anew', off, { vmId: 'made-anew' }],
  ])('counts for nothing where %s', (_name, text, vm) => {
    expect(findLinuxRecord(text, vmOf({ powerState: 'stopped', ...vm }))).toBeUndefined();
  });
});
