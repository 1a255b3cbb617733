import { describe, expect, test } from '@jest/globals';
import { findEarlier, judgeBlob, runMark, type KeptSnapshot } from '../../src/earlier.ts';
import type { ListedSnapshot } from '../../src/facts.ts';
import type { DiskKey } from '../../src/layout.ts';
import { blobOf, layoutOf, planOf, runOf, vmOf, worldOf } from '../support/facts.ts';

const generalized = vmOf({ isGeneralized: true, powerState: 'deallocated' });
const world = worldOf({ vm: generalized, run: runOf({ attempt: '2' }) });
const layout = layoutOf(world);

/** The snapshot that an attempt kept of a disk of the layout. */
function keptOf(
  key: DiskKey,
  overrides: Partial<ListedSnapshot> = {},
  attempt = '1',
): ListedSnapshot {
  const disk = layout.disks.find((one) => one.key === key);
  if (disk === undefined) throw new Error('no such disk');
  const { repository, runId } = world.run;
  return {
    id: disk.snapshotId.replace(world.run.key, `key${attempt}`),
    uniqueId: `unique-${disk.label}-${attempt}`,
    timeCreated: undefined,
    diskState: 'Unattached',
    sourceId: disk.diskId.toUpperCase(),
    tags: {
      'vm-to-vhd-owner': repository,
      'vm-to-vhd-run': runId,
      'vm-to-vhd-attempt': attempt,
      'vm-to-vhd-key': `key${attempt}`,
      'vm-to-vhd-disk': disk.label,
      'vm-to-vhd-generalized': 'true',
    },
    ...overrides,
  };
}

const all = (attempt = '1'): readonly ListedSnapshot[] =>
  layout.disks.map(({ key }) => keptOf(key, {}, attempt));
const withTag = (name: string, value: string): ListedSnapshot => {
  const snapshot = keptOf('os');
  return { ...snapshot, tags: { ...snapshot.tags, [name]: value } };
};

describe('a re-run', () => {
  test('goes on with the snapshots of the last attempt that kept all, and the others are stale', () => {
    const run = runOf({ attempt: '4' });
    const partOfThird = keptOf('os', {}, '3');
    const earlier = findEarlier(generalized, layout, [...all('1'), partOfThird, ...all('2')], run);
    expect([...earlier.snapshots.values()].map(({ uniqueId }) => uniqueId)).toEqual(
      layout.disks.map(({ label }) => `unique-${label}-2`),
    );
    expect(earlier.stale.map(({ key }) => key)).toEqual([...all('1').map(() => 'key1'), 'key3']);
    expect(earlier.reason).toBe(
      'Going on with the snapshots of attempt 2: only what is missing is copied.',
    );
  });

  test('goes on with the snapshots beside the claim of an attempt that died, which is stale', () => {
    const tags = { ...keptOf('os').tags, 'vm-to-vhd-claim': 'x/build/capture' };
    const dead: Record<string, string> = { ...tags, 'vm-to-vhd-key': 'dead' };
    delete dead['vm-to-vhd-generalized'];
    const claim = keptOf('os', { id: '/x/builder-claim-dead', tags: dead });
    const earlier = findEarlier(generalized, layout, [claim, ...all()], world.run);
    expect(earlier.snapshots.size).toBe(layout.disks.length);
    expect(earlier.stale.map(({ key }) => key)).toEqual(['dead']);
  });

  test('of a VM that may have run since copies everything anew', () => {
    const earlier = findEarlier(vmOf(), layout, all(), world.run);
    expect(earlier.snapshots.size).toBe(0);
    expect(earlier.stale).toHaveLength(layout.disks.length);
    expect(earlier.reason).toContain('VM "builder" may have run since');
  });

  test('of a VM that was not generalized when its snapshots were taken copies everything anew', () => {
    const listed = [withTag('vm-to-vhd-generalized', ''), ...all().slice(1)];
    const earlier = findEarlier(generalized, layout, listed, world.run);
    expect(earlier.snapshots.size).toBe(0);
    expect(earlier.reason).toContain('VM "builder" may have run since');
  });

  test('goes on with snapshots that an attempt before the last had taken', () => {
    const taken = all('1').map((snapshot) => ({
      ...snapshot,
      tags: { ...snapshot.tags, 'vm-to-vhd-attempt': '2', 'vm-to-vhd-key': 'key2' },
    }));
    const earlier = findEarlier(generalized, layout, taken, runOf({ attempt: '3' }));
    expect([...earlier.snapshots.values()].map(({ id, key }) => [id, key])).toEqual(
      taken.map(({ id }) => [id, 'key2']),
    );
  });

  test('with a part of the snapshots copies everything anew', () => {
    const earlier = findEarlier(generalized, layout, [keptOf('os')], world.run);
    expect(earlier.snapshots.size).toBe(0);
    expect(earlier.stale).toHaveLength(1);
    expect(earlier.reason).toContain('are not those of all disks');
  });

  test.each<readonly [string, ListedSnapshot]>([
    ['of another repository', withTag('vm-to-vhd-owner', 'other/repository')],
    ['of another workflow run', withTag('vm-to-vhd-run', '99')],
    ['of the same attempt, which is another job', withTag('vm-to-vhd-attempt', '2')],
    ['of a later attempt', withTag('vm-to-vhd-attempt', '3')],
    ['without an attempt', withTag('vm-to-vhd-attempt', 'x')],
    ['that the user keeps', withTag('vm-to-vhd-kept', 'true')],
    ['without tags', keptOf('os', { tags: {} })],
    ['of a disk of another VM', keptOf('os', { sourceId: '/another/disk' })],
  ])('does not touch a snapshot %s', (_name, snapshot) => {
    expect(findEarlier(generalized, layout, [snapshot], world.run)).toEqual({
      snapshots: new Map(),
      stale: [],
      reason: undefined,
    });
  });

  test.each<readonly [string, Partial<ListedSnapshot>]>([
    [
      'that was only taken to be read beside the first',
      { id: keptOf('os').id.replace('-os-', '-os-2-') },
    ],
  ])('does not go on with a snapshot %s', (_name, change) => {
    const listed = [keptOf('os', change), ...all().slice(1)];
    expect(findEarlier(generalized, layout, listed, world.run).snapshots.size).toBe(0);
  });
});

describe('a blob of an earlier attempt', () => {
  const mark = runMark(runOf({ attempt: '1' }));
  const kept: KeptSnapshot = { id: '/s', uniqueId: 'u', key: 'k' };
  const marks = (change: Record<string, string>): Record<string, string> => ({
    vmtovhd_run: mark,
    vmtovhd_key: 'k',
    vmtovhd_snapshot: 'u',
    vmtovhd_state: 'copying',
    ...change,
  });

  test.each<
    readonly [string, Record<string, string>, KeptSnapshot | undefined, string | undefined]
  >([
    ['is gone on with', marks({}), kept, 'partial'],
    ['that is complete is taken', marks({ vmtovhd_state: 'complete' }), kept, 'finished'],
    ['of another snapshot is stale', marks({ vmtovhd_snapshot: 'other' }), kept, 'stale'],
    ['without its snapshot is stale', marks({}), undefined, 'stale'],
    ['of another run is none', marks({ vmtovhd_run: 'other/repository/1/1' }), kept, undefined],
    [
      'of another job is none',
      marks({ vmtovhd_run: runMark(runOf({ job: 'other' })) }),
      kept,
      undefined,
    ],
    ['of this very attempt is none', marks({ vmtovhd_run: runMark(world.run) }), kept, undefined],
    ['without marks is none', {}, kept, undefined],
  ])('%s', (_name, metadata, snapshot, kind) => {
    const blob = blobOf('https://a/b.vhd', { metadata });
    expect(judgeBlob(blob, snapshot, world.run)?.kind).toBe(kind);
  });
});

describe('the plan of a re-run', () => {
  const urls = layout.disks.flatMap((disk) => disk.replicas.map(({ url }) => url));
  const [first = '', second = '', third = ''] = urls;
  const blob = (
    url: string,
    state: string,
    snapshot: string,
  ): readonly [string, ReturnType<typeof blobOf>] => [
    url,
    blobOf(url, {
      metadata: {
        vmtovhd_run: runMark(runOf({ attempt: '1' })),
        vmtovhd_key: 'key1',
        vmtovhd_state: state,
        vmtovhd_snapshot: snapshot,
      },
    }),
  ];

  test('takes what is finished, goes on with what is not, and takes no new snapshot', () => {
    const existing = new Map([
      blob(first, 'complete', 'unique-os-1'),
      blob(second, 'copying', 'unique-os-1'),
    ]);
    const plan = planOf({ ...world, existing, kept: all() });
    const [os] = plan.disks;
    expect(os?.replicas.map(({ earlier }) => earlier?.kind)).toEqual([
      'finished',
      'partial',
      undefined,
    ]);
    expect(os?.replicas.every(({ overwrite }) => overwrite === undefined)).toBe(true);
    expect(os?.exports).toEqual([{ snapshotId: keptOf('os').id }]);
    expect(os?.snapshotId).toBe(keptOf('os').id);
    expect(plan.leftovers).toEqual([]);
  });

  test('replaces what is of another snapshot, and removes what is unfinished of it', () => {
    const existing = new Map([blob(first, 'complete', 'other'), blob(second, 'copying', 'other')]);
    const plan = planOf({ ...world, existing });
    const [os] = plan.disks;
    expect(os?.replicas.map(({ overwrite }) => overwrite !== undefined)).toEqual([
      true,
      false,
      false,
    ]);
    expect(plan.leftovers).toEqual([
      { kind: 'blob', url: second, key: 'key1' },
      { kind: 'blob', url: `${second}.pieces`, key: 'key1' },
    ]);
    expect(os?.replicas[2]?.url).toBe(third);
  });
});
