import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import {
  closeInOrder,
  closeLease,
  describeLeak,
  Leases,
  type Lease,
  type Release,
} from '../../src/lease.ts';
import { sas, signature } from '../support/facts.ts';
import { literalJournal, literalLog } from '../support/literal-ports.ts';

const snapshot: Lease = { kind: 'snapshot', id: '/s/os', key: 'k' };
const secondSnapshot: Lease = { kind: 'snapshot', id: '/s/lun0', key: 'k' };
const grant: Lease = { kind: 'grant', id: '/s/os', key: 'k' };
const blob: Lease = { kind: 'blob', url: 'https://a/vhds/x.vhd', key: 'k' };
const lock: Lease = { kind: 'lock', url: 'https://a/vhds/.vm-to-vhd/x.lock', key: 'k' };
const stopped: Lease = { kind: 'stopped-vm', id: '/vm' };

/** Leases whose journal and release write into one list. */
function rig(fails: (lease: Lease) => boolean = () => false): {
  leases: Leases;
  events: string[];
  log: ReturnType<typeof literalLog>;
} {
  const events: string[] = [];
  const log = literalLog();
  const release: Release = async (lease) => {
    events.push(`begin ${nameOf(lease)}`);
    await setImmediate();
    if (fails(lease)) throw new Error(`${sas} says no`);
    events.push(`end ${nameOf(lease)}`);
  };
  return { leases: new Leases(literalJournal(events), release, log), events, log };
}

function nameOf(lease: Lease): string {
  return `${lease.kind} ${'url' in lease ? lease.url : lease.id}`;
}

function hold(leases: Leases, ...all: readonly Lease[]): Promise<unknown> {
  return Promise.all(all.map((lease) => leases.hold(lease, () => Promise.resolve())));
}

describe('a lease', () => {
  test('is written down before it is acquired, and gives what was acquired', async () => {
    const { leases, events } = rig();
    const value = await leases.hold(snapshot, () => {
      events.push('acquire');
      return Promise.resolve('value');
    });
    expect(value).toBe('value');
    expect(events).toEqual([`open ${JSON.stringify(snapshot)}`, 'acquire']);
  });

  test('is held also when acquiring it failed: the request may have succeeded', async () => {
    const { leases, events } = rig();
    const failure = new Error('timed out');
    await expect(leases.hold(snapshot, () => Promise.reject(failure))).rejects.toBe(failure);
    await leases[Symbol.asyncDispose]();
    expect(events).toContain('end snapshot /s/os');
  });

  test('that is owed is closed at the end also where it could not be written down, and told', async () => {
    const events: string[] = [];
    const log = literalLog();
    const full = (): never => {
      throw new Error('no space left on device');
    };
    const release = (lease: Lease): Promise<void> => {
      events.push(`release ${lease.kind}`);
      return Promise.resolve();
    };
    const leases = new Leases({ open: full, close: full }, release, log);
    leases.owe(stopped);
    expect(leases.holds(stopped)).toBe(true);
    await leases[Symbol.asyncDispose]();
    expect(events).toEqual(['release stopped-vm']);
    expect(log.lines[0]).toBe('warn: The journal could not be written: no space left on device.');
  });

  test('is written down as closed only after its end', async () => {
    const { leases, events } = rig();
    await hold(leases, snapshot);
    await leases.release(snapshot);
    expect(events.slice(1)).toEqual([
      'begin snapshot /s/os',
      'end snapshot /s/os',
      `close ${JSON.stringify(snapshot)}`,
    ]);
  });

  test('is closed once', async () => {
    const { leases, events } = rig();
    await hold(leases, snapshot);
    await Promise.all([leases.release(snapshot), leases.release(snapshot)]);
    await leases[Symbol.asyncDispose]();
    expect(events.filter((event) => event === 'begin snapshot /s/os')).toHaveLength(1);
  });

  test('that is kept is closed in the journal and not in Azure', async () => {
    const { leases, events } = rig();
    await hold(leases, snapshot);
    leases.keep(snapshot);
    leases.keep(snapshot);
    await leases[Symbol.asyncDispose]();
    expect(events.slice(1)).toEqual([`close ${JSON.stringify(snapshot)}`]);
  });

  test('that is amended is closed as amended, and the journal never loses it', async () => {
    const { leases, events } = rig();
    const amended = { ...blob, copyId: 'c' };
    await hold(leases, blob);
    leases.amend(blob, amended);
    expect(events.slice(1)).toEqual([
      `open ${JSON.stringify(amended)}`,
      `close ${JSON.stringify(blob)}`,
    ]);
    await leases.release(blob);
    expect(events).toHaveLength(3);
    await leases.release(amended);
    expect(events.at(-1)).toBe(`close ${JSON.stringify(amended)}`);
  });

  test('that is not held cannot be amended or released', async () => {
    const { leases, events } = rig();
    leases.amend(blob, { ...blob, copyId: 'c' });
    await leases.release(blob);
    expect(events).toEqual([]);
  });
});

test('in a hurry a snapshot is deleted as soon as the revoking of its grant is accepted', async () => {
  const events: string[] = [];
  const revoked = Promise.withResolvers<undefined>();
  const closing = closeInOrder(
    [snapshot, grant],
    async (lease, onSent) => {
      events.push(lease.kind);
      if (lease.kind === 'snapshot') revoked.resolve(undefined);
      else {
        onSent?.();
        await revoked.promise;
      }
    },
    { isHurried: true },
  );
  await closing;
  expect(events).toEqual(['grant', 'snapshot']);
});

describe('disposal', () => {
  test('closes a snapshot after the grant on it and a lock last of all, and everything else at once', async () => {
    const { leases, events } = rig();
    await hold(leases, lock, stopped, snapshot, blob, grant, secondSnapshot);
    await leases[Symbol.asyncDispose]();
    const closing = events.filter((event) => /^(begin|end)/.test(event));
    const first = closing.findIndex((event) => event.startsWith('end'));
    expect(closing.slice(0, first)).toEqual([
      'begin stopped-vm /vm',
      'begin blob https://a/vhds/x.vhd',
      'begin grant /s/os',
      'begin snapshot /s/lun0',
    ]);
    expect(closing.indexOf('begin snapshot /s/os')).toBeGreaterThan(
      closing.indexOf('end grant /s/os'),
    );
    expect(closing.slice(-2)).toEqual([`begin lock ${lock.url}`, `end lock ${lock.url}`]);
    expect(closing).toHaveLength(12);
  });

  test('closes the claim on a VM when the VM runs again, and before the locks', async () => {
    const { leases, events } = rig();
    const claim: Lease = { kind: 'claim', id: '/s/claim', key: 'k' };
    await hold(leases, lock, claim, stopped);
    await leases[Symbol.asyncDispose]();
    expect(events.filter((event) => /^(begin|end)/.test(event))).toEqual([
      ...['begin stopped-vm /vm', 'end stopped-vm /vm'],
      ...['begin claim /s/claim', 'end claim /s/claim'],
      ...[`begin lock ${lock.url}`, `end lock ${lock.url}`],
    ]);
  });

  test('closes a copy of a VM from the VM down to its network, whenever they were acquired', async () => {
    const { leases, events } = rig();
    const part = (type: string): Lease => ({
      ...{ kind: 'resource', key: 'k' },
      id: `/subscriptions/s/resourceGroups/g/providers/${type}/x`,
    });
    const types = [
      'Microsoft.Network/virtualNetworks',
      'Microsoft.Compute/disks',
      'Microsoft.Network/networkSecurityGroups',
      'microsoft.compute/virtualMachines',
      'Microsoft.Network/networkInterfaces',
    ];
    await hold(leases, ...types.map(part));
    await leases[Symbol.asyncDispose]();
    const closing = events
      .filter((event) => /^(begin|end)/.test(event))
      .map((event) => event.replace(/ resource .*\/(\w+)\/x$/, ' $1'));
    expect(closing).toEqual([
      'begin virtualMachines',
      'end virtualMachines',
      ...['begin disks', 'begin networkInterfaces', 'end disks', 'end networkInterfaces'],
      ...['begin virtualNetworks', 'begin networkSecurityGroups'],
      ...['end virtualNetworks', 'end networkSecurityGroups'],
    ]);
  });

  test('does not throw when a release does, goes on, and keeps the leak open in the journal', async () => {
    const { leases, events } = rig((lease) => lease === grant);
    await hold(leases, snapshot, grant);
    await leases[Symbol.asyncDispose]();
    expect(events).toContain('end snapshot /s/os');
    expect(events).not.toContain(`close ${JSON.stringify(grant)}`);
    expect(leases.leaks.map(({ lease }) => lease)).toEqual([grant]);
    await leases[Symbol.asyncDispose]();
    expect(leases.leaks).toHaveLength(1);
  });

  test('of nothing does nothing', async () => {
    const { leases, events } = rig();
    await leases[Symbol.asyncDispose]();
    expect(events).toEqual([]);
    expect(leases.leaks).toEqual([]);
  });
});

describe('a leak', () => {
  test.each<readonly [Lease, string, string]>([
    [snapshot, 'snapshot "/s/os"', 'az snapshot delete --ids "/s/os"'],
    [grant, 'read access to snapshot "/s/os"', 'az snapshot revoke-access --ids "/s/os"'],
    [
      blob,
      'unfinished blob "https://a/vhds/x.vhd"',
      'az storage blob delete --auth-mode login --blob-url "https://a/vhds/x.vhd"',
    ],
    [
      lock,
      `the lock "${lock.url}"`,
      `az storage blob delete --auth-mode login --blob-url "${lock.url}"`,
    ],
    [
      { kind: 'resource', id: '/vm/copy', key: 'k' },
      'temporary resource "/vm/copy"',
      'az resource delete --ids "/vm/copy"',
    ],
    [stopped, 'the stop of VM "/vm", which ran before', 'az vm start --ids "/vm"'],
  ])('of %j names the thing and the command, and no SAS', async (lease, what, command) => {
    const log = literalLog();
    const leak = await closeLease(lease, () => Promise.reject(new Error(`${sas} says no`)), {
      log,
    });
    if (leak === undefined) throw new Error('no leak');
    expect(leak.command).toBe(command);
    const line = describeLeak(leak);
    expect(line.startsWith(`Could not close ${what}: `)).toBe(true);
    expect(line.endsWith(` Do it with: ${command}`)).toBe(true);
    expect(line).not.toContain(signature);
    expect(log.lines).toEqual([]);
  });

  test('is none when the release succeeds, which the debug log tells', async () => {
    const log = literalLog();
    expect(await closeLease(stopped, () => Promise.resolve(), { log })).toBeUndefined();
    expect(log.lines).toEqual(['debug: Closed the stop of VM "/vm", which ran before.']);
  });

  test('is not caused by a cancelled run: a release has a signal of its own', async () => {
    let wasAborted: boolean | undefined;
    const release: Release = (_lease, signal) => {
      wasAborted = signal.aborted;
      return Promise.resolve();
    };
    await closeLease(snapshot, release, { log: literalLog() });
    expect(wasAborted).toBe(false);
  });
});
