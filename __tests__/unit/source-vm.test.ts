import { describe, expect, test } from '@jest/globals';
import type { VirtualMachine } from '../../src/facts.ts';
import { Leases, type Lease } from '../../src/lease.ts';
import { linuxMarker } from '../../src/guest/linux-record.ts';
import { SourceVm } from '../../src/source-vm.ts';
import { Timeline } from '../../src/timeline.ts';
import { inputsOf, planOf, vmOf, worldOf } from '../support/facts.ts';
import { literalClock, literalJournal, literalLog } from '../support/literal-ports.ts';

const marker = linuxMarker('0123456789abcdef', vmOf());
const boot = '[    0.000000] Linux version 6.1.0\n';
const text = `${boot}@${marker} end ok\n`;
const done = { marker, state: 'done' } as const;
const working = { marker, state: 'working' } as const;
const nothing = (): Promise<void> => Promise.resolve();

/** What else is so, where it is not as usual. */
interface Circumstances {
  readonly requireLocks?: () => Promise<void>;
  readonly isLost?: boolean;
  readonly isCancelled?: boolean;
  /** What its serial console shows. */
  readonly shown?: string | Error;
}

/** The VM of a plan as it was looked at, and as it is now. */
function source(
  before: Partial<VirtualMachine>,
  now: Partial<VirtualMachine> | undefined,
  { requireLocks = nothing, isLost = false, isCancelled = false, shown = text }: Circumstances = {},
) {
  const events: string[] = [];
  const log = literalLog();
  const release = (lease: Lease): Promise<void> => {
    events.push(`release ${lease.kind}`);
    return Promise.resolve();
  };
  const leases = new Leases(literalJournal(events), release, log);
  const compute = {
    getVm: () => Promise.resolve(now === undefined ? undefined : vmOf(now)),
    powerOff: nothing,
    deallocate: nothing,
    generalize: nothing,
    start: nothing,
  };
  const guests = {
    serialLog: () => (shown instanceof Error ? Promise.reject(shown) : Promise.resolve(shown)),
  };
  const signal = isCancelled ? AbortSignal.abort() : new AbortController().signal;
  const timeline = new Timeline(literalClock(), log);
  const inputs = inputsOf({ generalize: 'deprovision', source: 'vm' });
  const vm = new SourceVm(
    planOf(worldOf({ inputs, vm: vmOf(before) })),
    { azure: { compute, guests }, leases, log, timeline, signal },
    { require: requireLocks, isLost },
  );
  return { vm, leases, log, events };
}

describe('a VM that is looked at once more', () => {
  test.each<readonly [string, Partial<VirtualMachine>, Partial<VirtualMachine>]>([
    ['is as it was', {}, {}],
    ['is off and its guest done', { ...stopped(), guestRecord: done }, stopped()],
    ['was powered off by the guest that was at it', { guestRecord: working }, stopped()],
  ])('is taken when it %s', async (_name, before, now) => {
    await expect(source(before, now).vm.requireUnchanged()).resolves.toBeUndefined();
  });

  test.each<readonly [string, Partial<VirtualMachine>, Partial<VirtualMachine> | undefined]>([
    ['is gone', {}, undefined],
    ['was stopped', {}, stopped()],
    ['was marked generalized', {}, { isGeneralized: true }],
    ['was started although its guest is done', { ...stopped(), guestRecord: done }, {}],
    ['was deallocated while its guest was at it', { guestRecord: working }, deallocated()],
  ])('is refused when it %s', async (_name, before, now) => {
    await expect(source(before, now).vm.requireUnchanged()).rejects.toThrow(
      'VM "builder" has changed since it was looked at',
    );
  });
});

describe('a VM whose guest an earlier run has deprovisioned is refused', () => {
  const other = text.replaceAll(marker, linuxMarker('fedcba9876543210', vmOf()));
  test.each<readonly [string, string | Error, string]>([
    ['it has started meanwhile', `${text}${boot}`, 'does not tell any more'],
    ['another one has deprovisioned it meanwhile', `${text}${boot}${other}`, 'does not tell any'],
    ['its console is gone', '', 'does not tell any more that its guest is deprovisioned'],
    ['its console cannot be read', new Error('no'), 'Could not look at the serial console of VM'],
  ])('when %s', async (_name, shown, message) => {
    const { vm } = source({ ...stopped(), guestRecord: done }, stopped(), { shown });
    await expect(vm.requireUnchanged()).rejects.toThrow(message);
  });
});

describe('a VM whose guest is deprovisioned', () => {
  test('is marked by who closes what the run held', async () => {
    const { vm, leases, events } = source({}, {});
    vm.deprovisioned();
    await vm[Symbol.asyncDispose]();
    await leases[Symbol.asyncDispose]();
    expect(events).toContain('release deprovisioned-vm');
  });

  test('is marked once: not by who closes when the run has done it', async () => {
    const { vm, leases, events } = source({}, {});
    vm.deprovisioned();
    await vm.settle(new AbortController().signal);
    await leases[Symbol.asyncDispose]();
    expect(events).not.toContain('release deprovisioned-vm');
  });

  test.each([
    ['fails', { isCancelled: false }],
    ['is cancelled and knows it', { isCancelled: true, isLost: true }],
  ])('is left to another run that may have it when this one %s, and told', async (_name, more) => {
    const requireLocks = (): Promise<void> => Promise.reject(new Error('The lock was lost.'));
    const { vm, leases, events, log } = source({}, {}, { requireLocks, ...more });
    vm.deprovisioned();
    await vm[Symbol.asyncDispose]();
    await leases[Symbol.asyncDispose]();
    expect(events).not.toContain('release deprovisioned-vm');
    expect(log.lines.join('\n')).toContain('with "generalize: mark" where its serial console');
  });

  test('is marked by a cancelled run without a further look at its locks', async () => {
    const requireLocks = (): Promise<void> => Promise.reject(new Error('There is no time.'));
    const { vm, leases, events } = source({}, {}, { requireLocks, isCancelled: true });
    vm.deprovisioned();
    await vm[Symbol.asyncDispose]();
    await leases[Symbol.asyncDispose]();
    expect(events).toContain('release deprovisioned-vm');
  });
});

function stopped(): Partial<VirtualMachine> {
  return { powerState: 'stopped' };
}

function deallocated(): Partial<VirtualMachine> {
  return { powerState: 'deallocated' };
}
