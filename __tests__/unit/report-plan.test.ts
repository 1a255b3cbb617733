import { describe, expect, test } from '@jest/globals';
import type { Plan } from '../../src/plan.ts';
import { renderPlan } from '../../src/report/plan.ts';
import { accountOf, blobOf, inputsOf, planOf, replicasOf, worldOf } from '../support/facts.ts';
import { plan, adoptedPlan, withVm } from '../support/results.ts';

/** The plain plan with work of its own, so that these lines do not move with the forecast. */
const planned: Plan = {
  ...plan,
  disks: plan.disks.map((disk) => ({
    ...disk,
    exports: [{ snapshotId: disk.snapshotId }],
  })),
  expected: {
    bytes: 28 * 1024 ** 3,
    seconds: 137,
    changes: 11,
    copies: 4,
    exports: 2,
    transactions: 7208,
  },
};

/** The same with so many exports of every disk. */
function withExports(count: number, overrides: Partial<Plan> = {}): Plan {
  const disks = planned.disks.map((disk) => ({
    ...disk,
    exports: Array.from({ length: count }, (_, index) => ({
      snapshotId: index === 0 ? disk.snapshotId : `${disk.snapshotId}-${index + 1}`,
    })),
  }));
  return { ...planned, disks, ...overrides };
}

describe('the plan in the log', () => {
  test('has every step and every name', () => {
    expect(renderPlan(planned)).toEqual([
      'Plan for VM "builder" (running): stop it, deallocate it, mark it generalized (it can never start again).',
      'Disk "builder-os" (os, 8.0 GiB) through snapshot "builder-os-0123456789ab" to:',
      ...replicasOf(plan)
        .slice(0, 3)
        .map(({ url }) => `  ${url}`),
      'Disk "builder-data" (lun2, 4.0 GiB) through snapshot "builder-lun2-0123456789ab" to:',
      ...replicasOf(plan)
        .slice(3)
        .map(({ url }) => `  ${url}`),
      'Copied by page ranges, or by Copy Blob where that is cheaper or page ranges are refused; proven by the checksums of the storage service.',
      '11 changes by the resource manager and 4 copies; at most 28.0 GiB to copy, at least 2 min 17 s when every page holds data; the SAS live for 24 h 0 min.',
      'Costs: 7,208 transactions on blobs when every page holds data and none is repeated, 28.0 GiB of page blobs at most, 2 snapshots as long as needed, one more while the run lasts.',
      'VM "builder" is claimed by snapshot "builder-claim-0123456789ab" of its OS disk, which is deleted at the end.',
    ]);
  });

  test.each([
    [1, false, 'through snapshot "builder-os-0123456789ab" to:'],
    [1, true, 'through snapshot "builder-os-0123456789ab", which is kept, to:'],
    [
      3,
      false,
      'through snapshots "builder-os-0123456789ab", "builder-os-0123456789ab-2" and "builder-os-0123456789ab-3" to:',
    ],
    [
      2,
      true,
      'through snapshots "builder-os-0123456789ab" (which is kept) and "builder-os-0123456789ab-2" to:',
    ],
  ])('names every snapshot of %d, kept: %p', (count, keepSnapshots, expected) => {
    expect(renderPlan(withExports(count, { keepSnapshots }))[1]).toBe(
      `Disk "builder-os" (os, 8.0 GiB) ${expected}`,
    );
  });

  test.each<readonly [Plan['copyMethod'], Plan['verify'], string]>([
    [
      'page-ranges',
      'checksums',
      'Copied by page ranges only; proven by the checksums of the storage service.',
    ],
    [
      'copy-blob',
      'checksums',
      'Copied by Copy Blob only; proven by copy status, length, footer and page ranges, since Copy Blob gives no checksums.',
    ],
    [
      'copy-blob',
      'full',
      'Copied by Copy Blob only; proven by reading source and VHDs back through the runner.',
    ],
  ])('tells the method "%s" and the proof "%s"', (copyMethod, verify, expected) => {
    expect(renderPlan({ ...planned, copyMethod, verify })).toContain(expected);
  });

  test('tells which traffic leaves the region', () => {
    const accounts = [
      accountOf('imageswe1'),
      accountOf('imageswe2', { location: 'northeurope' }),
      accountOf('imageswe3', { location: 'eastus' }),
    ];
    const lines = renderPlan(planOf(worldOf({ inputs: inputsOf(), accounts })));
    expect(lines.at(-2)).toMatch(/, traffic from westeurope to northeurope and eastus\.$/);
  });

  test('says what is kept, overwritten, started again and left', () => {
    const existing = new Map(replicasOf(plan).map(({ url }) => [url, blobOf(url)]));
    const inputs = inputsOf({
      keepSnapshots: true,
      generalize: 'none',
      sourcePower: 'restart',
      ifExists: 'overwrite',
    });
    const lines = renderPlan(planOf(worldOf({ inputs, existing })));
    expect(lines[0]).toBe(
      'Plan for VM "builder" (running): stop it, start it again after the snapshots.',
    );
    expect(lines[1]).toContain('"builder-os-0123456789ab", which is kept, to:');
    expect(lines[2]).toBe(`  ${replicasOf(plan)[0]?.url ?? ''} (overwritten)`);
    const kept = withVm({}, inputsOf({ generalize: 'none', sourcePower: 'keep' }));
    expect(renderPlan(kept)[0]).toBe('Plan for VM "builder" (running): leave it as it is.');
    expect(renderPlan(adoptedPlan)).toEqual(['Plan for VM "builder": every VHD is there already.']);
  });
});
