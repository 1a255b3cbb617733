import { describe, expect, test } from '@jest/globals';
import { renderManifest } from '../../src/report/manifest.ts';
import type { Result } from '../../src/report/result.ts';
import { GIBIBYTE } from '../../src/units.ts';
import { inputsOf, planOf, replicasOf, startedAt, worldOf } from '../support/facts.ts';
import {
  plan,
  finished,
  reason,
  leak,
  partlyFailed,
  refused,
  adopted,
  mixed,
  osCrc64,
  resultOf,
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
            {
              number: 1,
              copied: true,
              method: 'page-ranges',
              seconds: 64,
              etag: '"0x2"',
              proof: { kind: 'checksums', crc64: osCrc64 },
            },
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

  test('tells of every VHD how it was made and what was proven of it', () => {
    const { disks } = manifestOf(mixed) as { disks: { replicas: object[] }[] };
    expect(disks[0]?.replicas).toMatchObject([
      {
        method: 'page-ranges',
        movedBytes: GIBIBYTE,
        resumedBytes: GIBIBYTE,
        fromExports: GIBIBYTE / 2,
        fromReplicas: GIBIBYTE / 2,
        retries: 3,
      },
      { method: 'copy-blob', copyId: 'copy-1', retries: 0, proof: { kind: 'copy-status' } },
      { copied: false },
    ]);
    expect(disks[0]?.replicas[0]).not.toHaveProperty('copyId');
    expect(disks[1]?.replicas).toMatchObject([{ proof: { kind: 'read-back' } }]);
  });

  test('tells the traffic without its samples, and no traffic where nothing was copied', () => {
    expect(manifestOf(finished)).toHaveProperty('traffic', {
      putPages: 2052,
      otherCalls: 48,
      movedBytes: 8 * GIBIBYTE,
      savedBytes: 24 * GIBIBYTE,
    });
    expect(manifestOf(adopted)).not.toHaveProperty('traffic');
    expect(manifestOf(refused)).not.toHaveProperty('traffic');
  });

  test('tells the method, the proof and every snapshot of the plan', () => {
    const exports = [{ snapshotId: '/a' }, { snapshotId: '/b' }];
    const shared = { ...plan, disks: plan.disks.map((disk) => ({ ...disk, exports })) };
    expect(manifestOf(resultOf(shared))).toMatchObject({
      plan: {
        copyMethod: 'auto',
        verify: 'checksums',
        snapshots: ['/a', '/b', '/a', '/b'],
        expected: { transactions: plan.expected.transactions },
      },
    });
    expect(manifestOf(adopted)).toMatchObject({ plan: { snapshots: [] } });
  });

  test('names a snapshot that is kept, unless the run failed', () => {
    const keeping = resultOf(planOf(worldOf({ inputs: inputsOf({ keepSnapshots: true }) })));
    expect(manifestOf(keeping)).toMatchObject({
      disks: [{ snapshot: { id: plan.disks[0]?.snapshotId } }, {}],
    });
    expect(manifestOf({ ...keeping, failure: 'No.' })).not.toHaveProperty('disks.0.snapshot.id');
  });
});
