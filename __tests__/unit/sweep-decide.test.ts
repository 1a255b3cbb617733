import { describe, expect, test } from '@jest/globals';
import type { ListedBlob, ListedSnapshot } from '../../src/facts.ts';
import { decideSweep, type Leftover } from '../../src/sweep/decide.ts';
import { blobOf } from '../support/facts.ts';

const now = Date.UTC(2026, 2, 10, 12);
const hour = 3600_000;
const moment = { now, minAgeMs: 24 * hour };
const hoursAgo = (hours: number): string => new Date(now - hours * hour).toISOString();
const vhds = 'https://a.blob.core.windows.net/vhds';

function snapshotOf(overrides: Partial<ListedSnapshot> = {}): ListedSnapshot {
  return {
    id: '/s',
    uniqueId: 'u',
    tags: { 'vm-to-vhd-key': 'k', 'vm-to-vhd-expires': hoursAgo(1) },
    timeCreated: hoursAgo(30),
    diskState: 'Unattached',
    sourceId: '/d',
    ...overrides,
  };
}

function listed(name: string, overrides: Partial<ListedBlob> = {}): ListedBlob {
  return {
    ...blobOf(`${vhds}/${name}`),
    name,
    lastModified: hoursAgo(30),
    copiedFrom: undefined,
    metadata: { vmtovhd_key: 'k', vmtovhd_state: 'copying' },
    ...overrides,
  };
}

const copyOf = (status: string): ListedBlob['copy'] => ({
  id: 'c',
  status,
  description: undefined,
  copiedBytes: 1,
});

function judge(
  snapshots: readonly ListedSnapshot[],
  blobs: readonly ListedBlob[] = [],
): readonly Leftover[] {
  return decideSweep({ snapshots, blobs, resources: [] }, moment);
}

describe('snapshots', () => {
  const tags = (more: Readonly<Record<string, string>>): Partial<ListedSnapshot> => ({
    tags: { 'vm-to-vhd-key': 'k', ...more },
  });

  test.each<[string, ListedSnapshot, readonly string[]]>([
    ['old and past its expiry', snapshotOf(), ['snapshot']],
    ['open for reading', snapshotOf({ diskState: 'ActiveSAS' }), ['grant', 'snapshot']],
    ['frozen while open', snapshotOf({ diskState: 'ActiveSASFrozen' }), ['grant', 'snapshot']],
    ['without an expiry', snapshotOf(tags({})), ['snapshot']],
    ['exactly old enough', snapshotOf({ timeCreated: hoursAgo(24) }), ['snapshot']],
    ['exactly at its expiry', snapshotOf(tags({ 'vm-to-vhd-expires': hoursAgo(0) })), ['snapshot']],
  ])('one that is %s is swept', (_name, snapshot, kinds) => {
    const [swept, ...more] = judge([snapshot]);
    expect(more).toEqual([]);
    expect(swept).toMatchObject({ kind: 'snapshot', id: '/s', spared: undefined });
    expect(swept?.leases.map(({ kind }) => kind)).toEqual(kinds);
    expect(swept?.leases).toContainEqual({ kind: 'snapshot', id: '/s', key: 'k' });
  });

  test.each<[string, ListedSnapshot, string]>([
    ['younger', snapshotOf({ timeCreated: hoursAgo(23.9) }), 'too young'],
    ['of unknown age', snapshotOf({ timeCreated: undefined }), 'of unknown age'],
    [
      'of a run that may live',
      snapshotOf(tags({ 'vm-to-vhd-expires': hoursAgo(-1) })),
      'its run may live until 2026-03-10T13:00:00.000Z',
    ],
    [
      'of an expiry that cannot be read',
      snapshotOf(tags({ 'vm-to-vhd-expires': 'soon' })),
      'of unknown expiry',
    ],
    ['kept', snapshotOf({ ...tags({ 'vm-to-vhd-kept': 'true' }), diskState: 'ActiveSAS' }), 'kept'],
  ])('one that is %s is left alone', (_name, snapshot, spared) => {
    expect(judge([snapshot])).toEqual([expect.objectContaining({ id: '/s', spared, leases: [] })]);
  });

  test.each([{}, { 'vm-to-vhd-key': '' }, { 'vm-to-vhd-run': '1', team: 'a' }])(
    'one with the tags %j is not spoken of',
    (others) => {
      expect(judge([snapshotOf({ tags: others, diskState: 'ActiveSAS' })])).toEqual([]);
    },
  );
});

describe('blobs', () => {
  const lease = { kind: 'blob', url: `${vhds}/x.vhd`, key: 'k' };

  test.each<[string, Partial<ListedBlob>]>([
    ['pending', { copy: copyOf('pending') }],
    ['failed', { copy: copyOf('failed'), lengthBytes: 0 }],
    ['done, but never verified', { copy: copyOf('success'), copiedFrom: 'https://md/abc' }],
  ])('one whose copy is %s is swept', (_name, overrides) => {
    expect(judge([], [listed('x.vhd', overrides)])).toEqual([
      { kind: 'blob', id: lease.url, ageSeconds: 30 * 3600, spared: undefined, leases: [lease] },
    ]);
  });

  test.each<[string, Partial<ListedBlob>, string]>([
    ['younger', { lastModified: hoursAgo(2) }, 'too young'],
    [
      'of a run that may live',
      {
        metadata: {
          vmtovhd_key: 'k',
          vmtovhd_state: 'copying',
          vmtovhd_expires: hoursAgo(-2),
        },
      },
      'its run may live until 2026-03-10T14:00:00.000Z',
    ],
    [
      'copied from a draft of its run',
      { copy: copyOf('success'), copiedFrom: `${vhds}/x.draft-k.vhd` },
      'finished: its draft was put in its place',
    ],
  ])('one that is %s is left alone', (_name, overrides, spared) => {
    const [judged] = judge([], [listed('x.vhd', overrides)]);
    expect(judged).toMatchObject({ spared, leases: [] });
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ['foreign', {}],
    ['without a key', { vmtovhd_state: 'copying' }],
    ['a finished VHD', { vmtovhd_key: 'k', vmtovhd_state: 'complete' }],
  ])('one that is %s is not spoken of', (_name, metadata) => {
    expect(judge([], [listed('x.vhd', { metadata })])).toEqual([]);
  });
});

describe('drafts', () => {
  const complete = { vmtovhd_key: 'k', vmtovhd_state: 'complete' };
  const draft = listed('x.draft-k.vhd', { metadata: complete });
  const judgeDraft = (...others: readonly ListedBlob[]): Leftover | undefined =>
    judge([], [draft, ...others]).find(({ id }) => id === draft.url);
  const old = listed('x.vhd', { metadata: {}, etag: '"0x9"' });

  test('an unfinished one is swept', () => {
    const [judged] = judge([], [listed('x.draft-k.vhd')]);
    expect(judged?.leases).toEqual([{ kind: 'blob', url: draft.url, key: 'k' }]);
  });

  test('a finished one is swept when the blob that it is for is whole, and only as long as that is the same', () => {
    const swap = { url: old.url, etag: '"0x9"' };
    expect(judgeDraft(old)).toMatchObject({
      spared: undefined,
      leases: [{ kind: 'blob', url: draft.url, key: 'k', swap }],
    });
  });

  test('a finished one is swept when it was put in its place', () => {
    const swapped = listed('x.vhd', { copy: copyOf('success'), copiedFrom: draft.url });
    expect(judgeDraft(swapped)?.spared).toBeUndefined();
  });

  test.each<[string, readonly ListedBlob[]]>([
    ['is not there', []],
    ['is in another account', [{ ...old, url: 'https://b.blob.core.windows.net/vhds/x.vhd' }]],
    ['is half copied', [{ ...old, copy: copyOf('pending') }]],
    ['is empty', [{ ...old, lengthBytes: 0 }]],
    ['is swept itself', [listed('x.vhd', { copy: copyOf('success') })]],
  ])('a finished one is left alone when the blob that it is for %s', (_name, others) => {
    expect(judgeDraft(...others)).toMatchObject({
      spared: 'finished, and "x.vhd" is not',
      leases: [],
    });
  });

  test.each([
    ['younger', { lastModified: hoursAgo(2) }, 'too young'],
    [
      'of a run that may live',
      { metadata: { ...complete, vmtovhd_expires: hoursAgo(-2) } },
      'its run may live until 2026-03-10T14:00:00.000Z',
    ],
  ] as const)('a finished one that is %s is left alone', (_name, overrides, spared) => {
    const [judged] = judge([], [{ ...draft, ...overrides }, old]);
    expect(judged).toMatchObject({ spared, leases: [] });
  });

  test('a name like that of a draft of another run is no draft', () => {
    expect(judge([], [listed('x.draft-other.vhd', { metadata: complete }), old])).toEqual([]);
  });
});

describe('parts of copies of VMs', () => {
  const id = '/vms/copy';
  const marks = { 'vm-to-vhd-key': 'k', 'vm-to-vhd-made': hoursAgo(30) };
  const judgePart = (tags: Readonly<Record<string, string>>): readonly Leftover[] =>
    decideSweep({ snapshots: [], blobs: [], resources: [{ id, tags }] }, moment);

  test('are swept when they are old and past their expiry', () => {
    expect(judgePart({ ...marks, 'vm-to-vhd-expires': hoursAgo(1) })).toEqual([
      {
        ...{ kind: 'resource', id, ageSeconds: 30 * 3600, spared: undefined },
        leases: [{ kind: 'resource', id, key: 'k' }],
      },
    ]);
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['young', { ...marks, 'vm-to-vhd-made': hoursAgo(2) }, 'too young'],
    ['of unknown age', { 'vm-to-vhd-key': 'k' }, 'of unknown age'],
    [
      'of a run that may live',
      { ...marks, 'vm-to-vhd-expires': hoursAgo(-1) },
      'its run may live until 2026-03-10T13:00:00.000Z',
    ],
  ])('are spared when they are %s', (_name, tags, spared) => {
    expect(judgePart(tags)).toMatchObject([{ spared, leases: [] }]);
  });

  test('without the mark of a run are not looked at', () => {
    expect(judgePart({ 'vm-to-vhd-made': hoursAgo(30) })).toEqual([]);
  });
});
