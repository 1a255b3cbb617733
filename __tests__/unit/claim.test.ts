import { describe, expect, test } from '@jest/globals';
import { foreignClaims } from '../../src/claim.ts';
import { holderOf } from '../../src/earlier.ts';
import type { ListedSnapshot } from '../../src/facts.ts';
import { inputsOf, planOf, runOf, vmOf, worldOf, type World } from '../support/facts.ts';

const still = vmOf({ isGeneralized: true, powerState: 'deallocated' });
const restart = inputsOf({ generalize: 'none', sourcePower: 'restart' });
const keep = inputsOf({ generalize: 'none', sourcePower: 'keep' });

function claimOf(overrides: Partial<World> = {}): ListedSnapshot {
  const { claim } = planOf(worldOf(overrides));
  if (claim?.snapshot === undefined) throw new Error('no claim');
  const { id, tags, diskId: sourceId } = claim.snapshot;
  return { id, tags, sourceId, uniqueId: 'u', timeCreated: undefined, diskState: 'Unattached' };
}

describe('the claim of a run', () => {
  test('is a snapshot of the OS disk that names the run, its lock and its expiry', () => {
    const plan = planOf(worldOf());
    const claim = plan.claim?.snapshot;
    expect(claim?.id).toMatch(
      /\/resourceGroups\/images\/.*\/snapshots\/builder-claim-0123456789ab$/,
    );
    expect(claim?.diskId).toBe(plan.disks[0]?.diskId);
    const lock = plan.locks.find(({ url }) => url.includes('/vm-'))?.url ?? '';
    expect(claim?.tags).toEqual({
      team: 'images',
      'vm-to-vhd-owner': 'octo-org/images',
      'vm-to-vhd-run': '1234',
      'vm-to-vhd-attempt': '1',
      'vm-to-vhd-key': '0123456789ab',
      'vm-to-vhd-expires': '2026-03-02T10:00:00.000Z',
      'vm-to-vhd-claim': `${/vm-(\w+)\.lock$/.exec(lock)?.[1] ?? ''}/build/capture`,
      'vm-to-vhd-lock': lock,
    });
  });

  test.each<readonly [string, Partial<World>, boolean]>([
    ['stops and generalizes the VM', {}, true],
    ['starts it again', { inputs: restart }, true],
    ['takes it as it runs', { inputs: keep }, false],
    ['finds it generalized', { vm: still }, false],
  ])('is made by one that %s: %p', (_name, world, isMade) => {
    expect(planOf(worldOf(world)).claim?.snapshot !== undefined).toBe(isMade);
  });

  test('is looked for where the snapshots are, and where the VM is', () => {
    const groups = (inputs: World['inputs']): readonly string[] | undefined =>
      planOf(worldOf({ inputs })).claim?.groups.map(({ resourceGroup }) => resourceGroup);
    expect(groups(inputsOf())).toEqual(['images']);
    expect(groups(inputsOf({ snapshotResourceGroup: 'Images' }))).toEqual(['images']);
    expect(groups(inputsOf({ snapshotResourceGroup: 'other' }))).toEqual(['other', 'images']);
  });

  test('has a name that Azure takes, however long that of the VM is', () => {
    const vm = vmOf({ name: 'ä'.repeat(100) });
    expect(claimOf({ vm }).id.split('/').at(-1)).toMatch(/^-{61}-claim-[0-9a-f]{12}$/);
  });
});

describe('another run', () => {
  const id = vmOf().id;
  test.each<readonly [string, ListedSnapshot, Parameters<typeof runOf>[0], boolean]>([
    ['is seen by its claim', claimOf(), { runId: '2', key: 'other' }, true],
    ['is seen in another job of the same run', claimOf(), { job: 'b', key: 'other' }, true],
    [
      'is seen in a later attempt',
      claimOf({ run: runOf({ attempt: '3' }) }),
      { attempt: '2', key: 'other' },
      true,
    ],
    ['is no earlier attempt', claimOf(), { attempt: '2', key: 'other' }, false],
    ['is not this run', claimOf(), {}, false],
    ['is none on another VM', claimOf({ vm: vmOf({ id: `${id}-2` }) }), { key: 'other' }, false],
    [
      'is none by a snapshot of another kind',
      { ...claimOf(), tags: { 'vm-to-vhd-key': 'x' } },
      {},
      false,
    ],
  ])('%s', (_name, listed, run, isSeen) => {
    expect(foreignClaims([listed], id.toUpperCase(), runOf(run))).toHaveLength(isSeen ? 1 : 0);
  });

  test('is named by its repository, attempt and job', () => {
    const [claim] = foreignClaims([claimOf()], id, runOf({ runId: '2', key: 'other' }));
    expect(holderOf(claim?.mark)).toBe('run 1234 of "octo-org/images" (attempt 1, job "build")');
    expect(holderOf('?')).toBe('another run');
  });
});
