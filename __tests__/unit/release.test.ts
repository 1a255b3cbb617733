import { describe, expect, test } from '@jest/globals';
import type { BlobState, CopyState, Snapshot, VirtualMachine } from '../../src/facts.ts';
import type { Lease } from '../../src/lease.ts';
import { linuxMarker } from '../../src/guest/linux-record.ts';
import { createRelease } from '../../src/release.ts';
import { blobOf, vmOf } from '../support/facts.ts';
import { literalClock, literalLog } from '../support/literal-ports.ts';

const url = 'https://a.blob.core.windows.net/vhds/x.vhd';
const ours = { 'vm-to-vhd-key': 'k' };
const ourMetadata = { vmtovhd_key: 'k' };
const off = (powerState: VirtualMachine['powerState']): Partial<VirtualMachine> => ({ powerState });
const windows = { osType: 'Windows' } as const;
const pending: CopyState = {
  id: 'copy',
  status: 'pending',
  description: undefined,
  copiedBytes: 1,
};

interface Things {
  readonly snapshot?: Snapshot;
  readonly vm?: VirtualMachine;
  /** What each look at the blob finds in turn; the last one stays. */
  readonly blobs?: readonly (BlobState | undefined)[];
  /** Of a temporary resource; none when there is none. */
  readonly tags?: Readonly<Record<string, string>>;
  /** What deleting the snapshot or resource meets in turn, before it succeeds. */
  readonly refusals?: readonly Error[];
  /** What marking the VM generalized meets. */
  readonly markRefusals?: readonly Error[];
  /** What the serial console of the VM shows. */
  readonly serial?: string;
}

/** Closes a lease among these things, and tells what was changed. */
async function close(
  lease: Lease,
  { snapshot, vm, blobs = [], tags, refusals = [], markRefusals = [], serial }: Things,
  changes: string[] = [],
  clock = literalClock(),
  log = literalLog(),
): Promise<readonly string[]> {
  const refused = refusals.values();
  const unmarked = markRefusals.values();
  const change =
    (verb: string) =>
    (...parts: readonly unknown[]): Promise<never> => {
      changes.push([verb, ...parts.filter((part) => typeof part === 'string')].join(' '));
      return Promise.resolve() as Promise<never>;
    };
  let looks = 0;
  const azure: Parameters<typeof createRelease>[0] = {
    guests: {
      run: change('run'),
      serialLog: () => Promise.resolve(serial),
      removeExtension: change('removeExtension'),
    },
    temporaryResources: {
      tagsOf: () => Promise.resolve(tags),
      list: change('list'),
      delete: async (...parts) => {
        await change('delete')(...parts);
        await next(refused);
      },
    },
    compute: {
      listSnapshots: change('listSnapshots'),
      getSnapshot: () => Promise.resolve(snapshot),
      getVm: () => Promise.resolve(vm),
      getDisk: change('getDisk'),
      powerOff: change('powerOff'),
      deallocate: change('deallocate'),
      start: change('start'),
      generalize: async (...parts) => {
        await change('generalize')(...parts);
        await next(unmarked);
      },
      createSnapshot: change('createSnapshot'),
      tagSnapshot: change('tagSnapshot'),
      grantRead: change('grantRead'),
      revokeAccess: change('revokeAccess'),
      deleteSnapshot: async (...parts) => {
        await change('deleteSnapshot')(...parts);
        await next(refused);
      },
    },
    blobs: {
      containerState: change('containerState'),
      createContainer: change('createContainer'),
      listBlobs: change('listBlobs'),
      blobState: () => Promise.resolve(blobs[Math.min(looks++, blobs.length - 1)]),
      startCopy: change('startCopy'),
      abortCopy: change('abortCopy'),
      setMetadata: change('setMetadata'),
      writeBlob: change('writeBlob'),
      readBlob: change('readBlob'),
      deleteBlob: change('deleteBlob'),
      readTail: change('readTail'),
    },
    lockBlobs: {
      create: change('create'),
      acquire: change('acquire'),
      renew: change('renew'),
      break: change('break'),
      setMetadata: change('setMetadata'),
      remove: (lockUrl, condition) => {
        changes.push(`remove ${lockUrl} ${JSON.stringify(condition)}`);
        return next(refused);
      },
    },
  };
  await createRelease(azure, clock, log)(lease, new AbortController().signal);
  return changes;
}

/** Fails with what is next, as long as there is something. */
function next(refusals: Iterator<Error>): Promise<void> {
  const { value } = refusals.next() as { value: Error | undefined };
  return value === undefined ? Promise.resolve() : Promise.reject(value);
}

function snapshotWith(tags: Readonly<Record<string, string>>): Snapshot {
  return { id: '/s', uniqueId: 'u', tags };
}

describe('snapshots and grants', () => {
  const snapshot: Lease = { kind: 'snapshot', id: '/s', key: 'k' };
  const grant: Lease = { kind: 'grant', id: '/s', key: 'k' };
  test.each<readonly [string, Lease, Things, readonly string[]]>([
    [
      'a snapshot of the run is deleted',
      snapshot,
      { snapshot: snapshotWith(ours) },
      ['deleteSnapshot /s'],
    ],
    [
      'a grant on a snapshot of the run is revoked',
      grant,
      { snapshot: snapshotWith(ours) },
      ['revokeAccess /s'],
    ],
    ['a snapshot that is gone is nothing to do', snapshot, {}, []],
    [
      'a snapshot that is not found, but has the key in its name, is deleted all the same',
      { ...snapshot, id: '/builder-os-k' },
      {},
      ['deleteSnapshot /builder-os-k'],
    ],
    ['a grant on a snapshot that is gone is nothing to do', grant, {}, []],
  ])('%s', async (_name, lease, things, expected) => {
    expect(await close(lease, things)).toEqual(expected);
  });

  test.each<readonly [string, Lease, Snapshot]>([
    ['a snapshot of another run', snapshot, snapshotWith({ 'vm-to-vhd-key': 'other' })],
    ['a snapshot without tags', snapshot, snapshotWith({})],
    ['a grant on a snapshot of another run', grant, snapshotWith({})],
  ])('%s is told, not touched', async (_name, lease, foreign) => {
    const changes: string[] = [];
    await expect(close(lease, { snapshot: foreign }, changes)).rejects.toThrow('vm-to-vhd-key');
    expect(changes).toEqual([]);
  });
});

describe('a snapshot that is busy', () => {
  const lease: Lease = { kind: 'snapshot', id: '/s', key: 'k' };
  const snapshot = snapshotWith(ours);
  const busy = Object.assign(new Error('busy'), { statusCode: 409 });
  const [revoke, remove] = ['revokeAccess /s', 'deleteSnapshot /s'];

  test('is revoked once more before it is deleted again', async () => {
    expect(await close(lease, { snapshot, refusals: [busy, busy] })).toEqual([
      ...[remove, revoke],
      ...[remove, revoke],
      remove,
    ]);
  });

  test('for ever is given up', async () => {
    const refusals = Array.from({ length: 50 }, () => busy);
    await expect(close(lease, { snapshot, refusals })).rejects.toBe(busy);
  });

  test('is told from one that may not be deleted, which is not tried again', async () => {
    const changes: string[] = [];
    const denied = Object.assign(new Error('denied'), { statusCode: 403 });
    await expect(close(lease, { snapshot, refusals: [denied] }, changes)).rejects.toBe(denied);
    expect(changes).toEqual([remove]);
  });
});

describe('blobs', () => {
  const lease: Lease = { kind: 'blob', url, key: 'k' };
  const copying: Lease = { ...lease, copyId: 'copy' };
  const left = blobOf(url, { metadata: ourMetadata, etag: '"left"', lengthBytes: 0 });
  const [abort, remove] = [`abortCopy ${url} copy`, `deleteBlob ${url} "left"`];
  test.each<readonly [string, Lease, Things['blobs'], readonly string[]]>([
    ['one with the key of the run is deleted by its ETag', lease, [left], [remove]],
    [
      'a pending copy is aborted before, and the new ETag counts',
      copying,
      [blobOf(url, { metadata: ourMetadata, copy: pending }), left],
      [abort, remove],
    ],
    [
      'the destination of the own copy is known by its copy ID alone',
      copying,
      [
        blobOf(url, { copy: pending }),
        { ...left, metadata: {}, copy: { ...pending, status: 'aborted' } },
      ],
      [abort, remove],
    ],
    [
      'one of another run is not touched',
      lease,
      [blobOf(url, { metadata: { vmtovhd_key: 'other' } })],
      [],
    ],
    ['one of somebody else is not touched', copying, [blobOf(url)], []],
    [
      'the pending copy of somebody else is not aborted',
      copying,
      [blobOf(url, { copy: { ...pending, id: 'other' } })],
      [],
    ],
    ['a copy ID that is not known matches nothing', lease, [blobOf(url, { copy: pending })], []],
    [
      'one that is replaced after the abort is not deleted',
      copying,
      [blobOf(url, { metadata: ourMetadata, copy: pending }), blobOf(url)],
      [abort],
    ],
    [
      'one that is gone after the abort is nothing more to do',
      copying,
      [blobOf(url, { metadata: ourMetadata, copy: pending }), undefined],
      [abort],
    ],
    ['one that is gone is nothing to do', copying, [undefined], []],
  ])('%s', async (_name, blob, blobs, expected) => {
    expect(await close(blob, blobs === undefined ? {} : { blobs })).toEqual(expected);
  });
});

describe('a lock', () => {
  const lock: Lease = { kind: 'lock', url, key: '0123456789ab' };
  const metadata = { vmtovhd_key: lock.key, vmtovhd_state: 'lock' };
  const leased = blobOf(url, { metadata, isLeased: true });
  const free = blobOf(url, { metadata });
  const other = blobOf(url, { metadata: { ...metadata, vmtovhd_key: 'other' }, isLeased: true });
  const leaseId = '01234567-89ab-4000-8000-0123456789ab';
  const withLease = `remove ${url} ${JSON.stringify({ leaseId })}`;
  const withEtag = `remove ${url} ${JSON.stringify({ etag: free.etag })}`;
  const changed = Object.assign(new Error('changed'), { statusCode: 412 });

  test.each<readonly [string, Things, readonly string[]]>([
    ['is deleted with the lease of the run', {}, [withLease]],
    [
      'whose lease has ended is deleted as it was seen',
      { blobs: [free], refusals: [changed] },
      [withLease, withEtag],
    ],
    [
      'that was changed in the very moment is tried again',
      { blobs: [free, leased], refusals: [changed, changed] },
      [withLease, withEtag, withLease],
    ],
    ['of another run is left to it', { blobs: [other], refusals: [changed] }, [withLease]],
    ['that is gone is nothing to do', { blobs: [undefined], refusals: [changed] }, [withLease]],
  ])('%s', async (_name, things, expected) => {
    expect(await close(lock, things)).toEqual(expected);
  });

  test('that may not be deleted is told', async () => {
    const denied = Object.assign(new Error('denied'), { statusCode: 403 });
    await expect(close(lock, { refusals: [denied] })).rejects.toBe(denied);
  });
});

describe('a VM that ran before', () => {
  const lease: Lease = { kind: 'stopped-vm', id: '/vm' };
  test.each<readonly [string, Things, readonly string[]]>([
    ['is started again', { vm: vmOf({ powerState: 'stopped' }) }, ['start /vm']],
    ['that runs is left alone', { vm: vmOf({ powerState: 'running' }) }, []],
    ['that is gone is nothing to do', {}, []],
  ])('%s', async (_name, things, expected) => {
    expect(await close(lease, things)).toEqual(expected);
  });
});

describe('a VM whose guest is deprovisioned', () => {
  const lock = 'https://a.blob.core.windows.net/vhds/.vm-to-vhd/vm-0.lock';
  const { vmId } = vmOf();
  const lease: Lease = { kind: 'deprovisioned-vm', id: '/vm', vmId, key: 'k', locks: [lock] };
  const marker = linuxMarker('0123456789abcdef', vmOf());
  const record = `[    0.000000] Linux version 6.1.0\n@${marker} end ok\n`;
  const marking = ['deallocate /vm', 'generalize /vm'];
  const held = blobOf(lock, { metadata: ourMetadata });

  test.each<readonly [string, Things, readonly string[]]>([
    ['that its guest powered off is deallocated and marked', { vm: vmOf(off('stopped')) }, marking],
    ['that is deallocated is marked', { vm: vmOf(off('deallocated')) }, ['generalize /vm']],
    ['that is being deallocated is marked', { vm: vmOf(off('deallocating')) }, ['generalize /vm']],
    ['of Windows is marked, though Sysprep left it on', { vm: vmOf(windows) }, marking],
    ['that this run has locked is marked', { vm: vmOf(off('stopped')), blobs: [held] }, marking],
    [
      'whose console tells of the end and nothing since is marked',
      { vm: vmOf(off('stopped')), serial: record },
      marking,
    ],
    ['that is marked already is left alone', { vm: vmOf({ isGeneralized: true }) }, []],
    ['that was made anew under its name is left alone', { vm: vmOf({ vmId: 'anew' }) }, []],
    ['that is gone is nothing to do', {}, []],
  ])('%s', async (_name, things, expected) => {
    expect(await close(lease, things)).toEqual(expected);
  });

  test.each<readonly [string, Things, string]>([
    ['that runs was started since', { vm: vmOf() }, 'it was started'],
    [
      'that was started and stopped since, as its console tells,',
      { vm: vmOf(off('stopped')), serial: `${record}builder login: ` },
      'it was started',
    ],
    [
      'that another run has by now',
      { vm: vmOf(off('stopped')), blobs: [blobOf(lock, { metadata: { vmtovhd_key: 'other' } })] },
      'another run took it up',
    ],
  ])('%s is left alone, and told', async (_name, things, why) => {
    const log = literalLog();
    expect(await close(lease, things, [], literalClock(), log)).toEqual([]);
    expect(log.lines).toEqual([
      `warn: VM "builder" is not marked generalized: ${why} since its guest was deprovisioned.`,
    ]);
  });

  test('that is busy is tried again until it is free', async () => {
    const clock = literalClock();
    const busy = Object.assign(new Error('busy'), { statusCode: 409, code: 'OperationNotAllowed' });
    const things = { vm: vmOf(off('deallocating')), markRefusals: Array<Error>(7).fill(busy) };
    expect(await close(lease, things, [], clock)).toHaveLength(8);
    expect(clock.now()).toBeGreaterThan(102_000);
  });
});

describe('a finished VHD', () => {
  const complete = { vmtovhd_key: 'k', vmtovhd_state: 'complete' };
  const old = 'https://a.blob.core.windows.net/vhds/old.vhd';
  const draft: Lease = { kind: 'blob', url, key: 'k', swap: { url: old, etag: '"1"' } };
  const done: CopyState = { id: 'c', status: 'success', description: undefined, copiedBytes: 2 };

  test('is not deleted, though its lease was never noted as closed', async () => {
    const lease: Lease = { kind: 'blob', url, key: 'k' };
    expect(await close(lease, { blobs: [blobOf(url, { metadata: complete })] })).toEqual([]);
  });

  test.each<readonly [string, BlobState]>([
    ['the blob in whose place it comes was not touched', blobOf(old, { etag: '"1"' })],
    ['that blob is whole again', blobOf(old, { etag: '"2"', metadata: complete, copy: done })],
  ])('that is a draft goes when %s', async (_name, target) => {
    const finished = blobOf(url, { metadata: complete });
    expect(await close(draft, { blobs: [finished, target, finished] })).toEqual([
      `deleteBlob ${url} ${finished.etag}`,
    ]);
  });

  test.each<readonly [string, BlobState | undefined]>([
    ['is only half copied', blobOf(old, { etag: '"2"', metadata: complete, copy: pending })],
    [
      'is copied but was never found right',
      blobOf(old, { etag: '"2"', metadata: { ...complete, vmtovhd_state: 'copying' }, copy: done }),
    ],
    ['was taken by another', blobOf(old, { etag: '"2"' })],
    ['is gone', undefined],
  ])('that is a draft is kept when the blob in whose place it comes %s', async (_name, target) => {
    const changes: string[] = [];
    const finished = blobOf(url, { metadata: complete });
    const work = close(draft, { blobs: [finished, target] }, changes);
    await expect(work).rejects.toThrow('is kept to put in its place');
    expect(changes).toEqual([]);
  });
});

describe('a part of a copy', () => {
  const lease: Lease = { kind: 'resource', id: '/nic', key: 'k' };
  const refusal = (statusCode: number, code: string): Error =>
    Object.assign(new Error('not yet'), { statusCode, code });
  const reserved = refusal(400, 'NicReservedForAnotherVm');

  test('of the run is deleted', async () => {
    expect(await close(lease, { tags: ours })).toEqual(['delete /nic']);
  });

  test('that is gone is nothing to do', async () => {
    expect(await close(lease, {})).toEqual([]);
  });

  test('of another run is told, not touched', async () => {
    const changes: string[] = [];
    const tags = { 'vm-to-vhd-key': 'other' };
    await expect(close(lease, { tags }, changes)).rejects.toThrow('vm-to-vhd-key');
    expect(changes).toEqual([]);
  });

  test('that is still held is tried again for longer than Azure holds it', async () => {
    const clock = literalClock();
    const refusals = Array<Error>(8).fill(reserved);
    expect(await close(lease, { tags: ours, refusals }, [], clock)).toHaveLength(9);
    expect(clock.now()).toBeGreaterThan(180_000);
  });

  test.each<[string, Error]>([
    ['is in use for good', reserved],
    ['is busy for good', refusal(409, 'AnotherOperationInProgress')],
  ])('that %s is a failure', async (_name, error) => {
    const refusals = Array<Error>(9).fill(error);
    await expect(close(lease, { tags: ours, refusals })).rejects.toBe(error);
  });

  test.each<[string, Error]>([
    ['locked', refusal(409, 'ScopeLocked')],
    ['forbidden', refusal(403, 'AuthorizationFailed')],
  ])('that is %s is not tried again', async (_name, error) => {
    const changes: string[] = [];
    await expect(close(lease, { tags: ours, refusals: [error] }, changes)).rejects.toBe(error);
    expect(changes).toHaveLength(1);
  });
});
