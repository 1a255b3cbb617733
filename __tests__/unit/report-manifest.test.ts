import { describe, expect, test } from '@jest/globals';
import { renderManifest } from '../../src/report/manifest.ts';
import type { Result } from '../../src/report/result.ts';
import { GIBIBYTE } from '../../src/units.ts';
import { inputsOf, planOf, replicasOf, resultOf, startedAt, worldOf } from '../support/facts.ts';
import {
  plan,
  finished,
  reason,
  leak,
  partlyFailed,
  refused,
  adopted,
} from '../support/results.ts';

const createdAt = '2026-03-01T11:00:00.000Z';

/** The manifest, read back. */
function manifestOf(result: Result): unknown {
  return JSON.parse(renderManifest(result, createdAt)) as unknown;
}

describe('the manifest', () => {
  test('of a finished run tells run, VM, disks, VHDs and timings', () => {
    expect(manifestOf(finished)).toMatchObject({
      schemaVersion: 1,
      createdAt,
      succeeded: true,
      run: plan.run,
      vm: { name: 'builder', osType: 'Linux', osState: 'Generalized', securityType: 'Standard' },
      tags: plan.tags,
      disks: [
        {
          kind: 'os',
          sizeBytes: 8 * GIBIBYTE,
          snapshot: { uniqueId: 'unique-os' },
          replicas: [
            { number: 1, copied: true, copyId: 'copy-1', seconds: 64, etag: '"0x2"' },
            {},
            {},
          ],
        },
        { kind: 'data', lun: 2, caching: 'ReadOnly', replicas: [{ number: 1 }] },
      ],
      failedReplicas: [],
      phases: [
        {
          name: 'Sign in',
          startedAt: new Date(startedAt).toISOString(),
          seconds: 0.5,
          succeeded: true,
        },
        { name: 'Copy', seconds: 64 },
      ],
      leftBehind: [],
    });
    expect(manifestOf(finished)).not.toHaveProperty('failure');
    expect(manifestOf(finished)).not.toHaveProperty('disks.0.snapshot.id');
  });

  test('of a partly failed run has the failed VHDs apart, and what is left behind', () => {
    expect(manifestOf(partlyFailed)).toMatchObject({
      succeeded: false,
      failure: reason.message,
      disks: [{ replicas: [{ number: 1 }, { number: 3 }] }, {}],
      failedReplicas: [{ url: replicasOf(plan)[1]?.url, reason: reason.message }],
      leftBehind: [{ command: leak.command, reason: leak.reason }],
    });
  });

  test('of a refused run has the findings and no plan', () => {
    expect(manifestOf(refused)).toMatchObject({ succeeded: false, findings: refused.findings });
    expect(manifestOf(refused)).not.toHaveProperty('disks');
    expect(manifestOf(refused)).not.toHaveProperty('vm');
  });

  test('of an adopted set says that nothing was copied', () => {
    const [disk] = (manifestOf(adopted) as { disks: { replicas: object[] }[] }).disks;
    expect(disk?.replicas).toHaveLength(3);
    expect(disk?.replicas[0]).toMatchObject({ copied: false, etag: '"0x1"' });
    expect(disk?.replicas[0]).not.toHaveProperty('seconds');
    expect(disk).not.toHaveProperty('snapshot');
  });

  test('names a snapshot that is kept, unless the run failed', () => {
    const keeping = resultOf(planOf(worldOf({ inputs: inputsOf({ keepSnapshots: true }) })));
    expect(manifestOf(keeping)).toMatchObject({
      disks: [{ snapshot: { id: plan.disks[0]?.snapshotId } }, {}],
    });
    expect(manifestOf({ ...keeping, failure: 'No.' })).not.toHaveProperty('disks.0.snapshot.id');
  });
});
