import { describe, expect, test } from '@jest/globals';
import type { Blobs } from '../../src/azure/blobs.ts';
import type { Pages } from '../../src/azure/pages.ts';
import type { DiskExport } from '../../src/copy/disk-export.ts';
import type { DiskSource } from '../../src/copy/disk-source.ts';
import { ReplicaBlob, type ReplicaRig } from '../../src/copy/replica-blob.ts';
import type { BlobState } from '../../src/facts.ts';
import { Leases } from '../../src/lease.ts';
import type { PlannedReplica } from '../../src/plan.ts';
import { GIBIBYTE } from '../../src/units.ts';
import { blobOf, planOf, runOf, startedAt, worldOf } from '../support/facts.ts';
import { literalClock, literalJournal, literalLog } from '../support/literal-ports.ts';

const disk = firstOf(planOf(worldOf()).disks);
const replica = firstOf(disk.replicas);
const overwriting: PlannedReplica = {
  ...replica,
  overwrite: { etag: '"old"', draftUrl: replica.url.replace('.vhd', '.draft-k.vhd') },
};
const draftUrl = overwriting.overwrite?.draftUrl ?? '';
const endsAt = startedAt + 24 * 3600_000;
const source: DiskSource = {
  disk,
  first: { endsAt } as unknown as DiskExport,
  more: [],
  snapshotUniqueId: 'unique',
};
const taken = Object.assign(new Error('It is there.'), {
  statusCode: 409,
  code: 'BlobAlreadyExists',
});

function firstOf<T>([first]: readonly T[]): T {
  if (first === undefined) throw new Error('There is none.');
  return first;
}

interface Changes {
  readonly replica?: PlannedReplica;
  readonly keepPartial?: boolean;
  /** What making the page blob throws. */
  readonly refusal?: Error;
  /** The blob that is there then. */
  readonly found?: BlobState;
}

/** A blob, and what was asked of Azure and written into the journal in their order. */
function blobWith({ replica: planned = replica, keepPartial = false, ...changes }: Changes = {}): {
  readonly blob: ReplicaBlob;
  readonly events: string[];
  readonly metadata: Readonly<Record<string, string>>[];
} {
  const events: string[] = [];
  const metadata: Readonly<Record<string, string>>[] = [];
  const pages: Partial<Pages> = {
    create: (url, lengthBytes, marks) => {
      events.push(`create ${url} ${lengthBytes}`);
      metadata.push(marks);
      return changes.refusal === undefined ? Promise.resolve() : Promise.reject(changes.refusal);
    },
  };
  const blobs: Partial<Blobs> = {
    blobState: () => Promise.resolve(changes.found),
    setMetadata: (url, marks) => {
      events.push(`mark ${url}`);
      metadata.push(marks);
      return Promise.resolve('"new"');
    },
  };
  const release = (lease: object): Promise<void> =>
    Promise.resolve(void events.push(`release ${JSON.stringify(lease)}`));
  const rig: ReplicaRig = {
    blobs: blobs as Blobs,
    pages: pages as Pages,
    leases: new Leases(literalJournal(events), release, literalLog()),
    clock: literalClock(startedAt),
    signal: new AbortController().signal,
    runKey: 'k',
    run: runOf(),
    keepPartial,
  };
  return { blob: new ReplicaBlob(planned, source, rig), events, metadata };
}

const lease = { kind: 'blob', url: replica.url, key: 'k' };
const marks = {
  vmtovhd_key: 'k',
  vmtovhd_run: expect.stringContaining('octo-org/images'),
  vmtovhd_disk: 'os',
  vmtovhd_snapshot: 'unique',
};
const copying = {
  ...marks,
  vmtovhd_state: 'copying',
  vmtovhd_expires: new Date(endsAt).toISOString(),
};

describe('the page blob of a replica', () => {
  test('is written down before it is made, with the footer and the marks of its run', async () => {
    const { blob, events, metadata } = blobWith();
    await blob.create();
    expect(events).toEqual([
      `open ${JSON.stringify(lease)}`,
      `create ${replica.url} ${8 * GIBIBYTE + 512}`,
    ]);
    expect(metadata).toEqual([copying]);
  });

  test('is ours when the answer was lost and it carries the key', async () => {
    const found = blobOf(replica.url, {
      metadata: { vmtovhd_key: 'k', vmtovhd_state: 'copying' },
    });
    const { blob } = blobWith({ refusal: taken, found });
    await expect(blob.create()).resolves.toBeUndefined();
  });

  test.each([
    { name: 'of another run', metadata: { vmtovhd_key: 'other', vmtovhd_state: 'copying' } },
    { name: 'that is complete', metadata: { vmtovhd_key: 'k', vmtovhd_state: 'complete' } },
    { name: 'of somebody else', metadata: {} },
  ])('is not one $name', async ({ metadata }) => {
    const { blob } = blobWith({ refusal: taken, found: blobOf(replica.url, { metadata }) });
    await expect(blob.create()).rejects.toThrow(
      /^Could not make blob ".*": BlobAlreadyExists \(409\): .* It appeared during this run and was not touched/,
    );
  });

  test('is removed by its lease, once', async () => {
    const { blob, events } = blobWith();
    await blob.create();
    await blob.release();
    await blob.release();
    expect(events.slice(2)).toEqual([
      `release ${JSON.stringify(lease)}`,
      `close ${JSON.stringify(lease)}`,
    ]);
  });

  test('is left where it may be kept for a re-run, and removed where not', async () => {
    const kept = blobWith({ keepPartial: true });
    await kept.blob.create();
    await kept.blob.leave();
    expect(kept.events[0]).toBe(`open ${JSON.stringify({ ...lease, stays: true })}`);
    expect(kept.events.filter((event) => event.startsWith('release'))).toEqual([]);
    const gone = blobWith();
    await gone.blob.create();
    await gone.blob.leave();
    expect(gone.events).toContain(`release ${JSON.stringify(lease)}`);
  });

  test('of a Copy Blob has the ID of its last copy in the journal', async () => {
    const { blob, events } = blobWith();
    expect(await blob.hold(() => Promise.resolve('first'))).toBe('first');
    blob.restarted('second');
    expect(events).toEqual([
      `open ${JSON.stringify(lease)}`,
      `open ${JSON.stringify({ ...lease, copyId: 'first' })}`,
      `close ${JSON.stringify(lease)}`,
      `open ${JSON.stringify({ ...lease, copyId: 'second' })}`,
      `close ${JSON.stringify({ ...lease, copyId: 'first' })}`,
    ]);
  });
});

describe('a replica that is complete', () => {
  test.each([
    { kind: 'checksums', crc64: '0123456789abcdef' },
    { kind: 'read-back', crc64: '0123456789abcdef' },
  ] as const)('carries the checksum that was proven by $kind', async (proof) => {
    const { blob, metadata } = blobWith();
    expect(await blob.complete(replica.url, proof)).toBe('"new"');
    expect(metadata).toEqual([
      { ...marks, vmtovhd_state: 'complete', vmtovhd_crc64: '0123456789abcdef' },
    ]);
  });

  test('by Copy Blob carries none', async () => {
    const { blob, metadata } = blobWith();
    await blob.complete(replica.url, { kind: 'copy-status' });
    expect(metadata).toEqual([{ ...marks, vmtovhd_state: 'complete' }]);
  });

  test('as a draft still ends, and its lease first says what it is for', async () => {
    const { blob, events, metadata } = blobWith({ replica: overwriting });
    await blob.create();
    await blob.complete(blob.url, { kind: 'copy-status' });
    expect(blob.url).toBe(draftUrl);
    const draft = { ...lease, url: draftUrl };
    const swapping = { ...draft, swap: { url: replica.url, etag: '"old"' } };
    expect(events.slice(2)).toEqual([
      `open ${JSON.stringify(swapping)}`,
      `close ${JSON.stringify(draft)}`,
      `mark ${draftUrl}`,
    ]);
    expect(metadata[1]).toEqual({ ...copying, vmtovhd_state: 'complete' });
    await blob.complete(replica.url, { kind: 'copy-status' });
    expect(metadata[2]).toEqual({ ...marks, vmtovhd_state: 'complete' });
    expect(events.at(-1)).toBe(`mark ${replica.url}`);
  });
});

test('a copy inside an account may last for a day, whenever the SAS ends', () => {
  const { blob } = blobWith();
  expect(blob.copyingMetadata('account')['vmtovhd_expires']).toBe(new Date(endsAt).toISOString());
  const short: DiskSource = { ...source, first: { endsAt: startedAt } as unknown as DiskExport };
  const rig = { clock: literalClock(startedAt), runKey: 'k', run: runOf(), keepPartial: false };
  const other = new ReplicaBlob(replica, short, rig as unknown as ReplicaRig);
  expect(other.copyingMetadata('account')['vmtovhd_expires']).toBe(new Date(endsAt).toISOString());
  expect(other.copyingMetadata()['vmtovhd_expires']).toBe(new Date(startedAt).toISOString());
});
