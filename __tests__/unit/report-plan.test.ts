import { describe, expect, test } from '@jest/globals';
import { renderPlan } from '../../src/report/plan.ts';
import { blobOf, inputsOf, planOf, replicasOf, worldOf } from '../support/facts.ts';
import { plan, adoptedPlan, withVm } from '../support/results.ts';

describe('the plan in the log', () => {
  test('has every step and every name', () => {
    expect(renderPlan(plan)).toEqual([
      'Plan for VM "builder" (running): stop it, deallocate it, mark it generalized (it can never start again).',
      'Disk "builder-os" (os, 8.0 GiB) through snapshot "builder-os-0123456789ab" to:',
      ...replicasOf(plan)
        .slice(0, 3)
        .map(({ url }) => `  ${url}`),
      'Disk "builder-data" (lun2, 4.0 GiB) through snapshot "builder-lun2-0123456789ab" to:',
      ...replicasOf(plan)
        .slice(3)
        .map(({ url }) => `  ${url}`),
      '11 changes by the resource manager and 4 copies; at most 28.0 GiB to copy, at least 2 min 17 s when every page holds data; the SAS live for 24 h 0 min.',
    ]);
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
