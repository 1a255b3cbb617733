import { describe, expect, test } from '@jest/globals';
import type { VirtualMachine } from '../../src/facts.ts';
import { Leases, type Lease } from '../../src/lease.ts';
import { SourceVm } from '../../src/source-vm.ts';
import { Timeline } from '../../src/timeline.ts';
import { inputsOf, planOf, vmOf, worldOf } from '../support/facts.ts';
import { literalClock, literalJournal, literalLog } from '../support/literal-ports.ts';

const marker = '0'.repeat(32);
const done = { marker, state: 'done' } as const;
const working = { marker, state: 'working' } as const;
const nothing = (): Promise<void> => Promise.resolve();

/** The VM of a plan as it was looked at, and as it is now. */
function source(
  before: Partial<VirtualMachine>,
  now: Partial<VirtualMachine> | undefined,
  requireLocks = nothing,
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
  const { signal } = new AbortController();
  const timeline = new Timeline(literalClock(), log);
  const inputs = inputsOf({ generalize: 'deprovision', source: 'vm' });
  const vm = new SourceVm(
    planOf(worldOf({ inputs, vm: vmOf(before) })),
    { azure: { compute }, leases, log, timeline, signal },
    { require: requireLocks },
  );
  return { vm, leases, log, events };
}

describe('a VM that is looked at once more', () => {
  test.each<readonly [string, Partial<VirtualMachine>, Partial<VirtualMachine>]>([
    ['is as it was', {}, {}],
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

describe('a VM whose guest is deprovisioned', () => {
  test('is marked by who closes what the run held', async () => {
    const { vm, leases, events } = source({}, {});
    await vm.deprovisioned();
    await vm[Symbol.asyncDispose]();
    await leases[Symbol.asyncDispose]();
    expect(events).toContain('release deprovisioned-vm');
  });

  test('is marked once: not by who closes when the run has done it', async () => {
    const { vm, leases, events } = source({}, {});
    await vm.deprovisioned();
    await vm.settle(new AbortController().signal);
    await leases[Symbol.asyncDispose]();
    expect(events).not.toContain('release deprovisioned-vm');
  });

  test('is left to another run that may have it by now, and told', async () => {
    const lost = (): Promise<void> => Promise.reject(new Error('The lock was lost.'));
    const { vm, leases, events, log } = source({}, {}, lost);
    await vm.deprovisioned();
    await vm[Symbol.asyncDispose]();
    await leases[Symbol.asyncDispose]();
    expect(events).not.toContain('release deprovisioned-vm');
    expect(log.lines.join('\n')).toContain(
      'run again with "generalize: mark", and do not start it',
    );
  });
});

function stopped(): Partial<VirtualMachine> {
  return { powerState: 'stopped' };
}

function deallocated(): Partial<VirtualMachine> {
  return { powerState: 'deallocated' };
}
