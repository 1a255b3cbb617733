import { describe, expect, test } from '@jest/globals';
import type { Copied } from '../../src/copy/outcome.ts';
import { cutRows, renderTable, replicaRows } from '../../src/report/table.ts';
import { GIBIBYTE, MEBIBYTE } from '../../src/units.ts';
import { inputsOf, planOf, replicasOf, worldOf } from '../support/facts.ts';
import {
  adopted,
  copied,
  finished,
  mixed,
  partlyFailed,
  plan,
  reason,
  refused,
  resultOf,
} from '../support/results.ts';

/** The row of a copied replica. */
function rowOf(overrides: Partial<Copied>): unknown {
  const outcomes = replicasOf(plan)
    .slice(0, 1)
    .map((replica) => copied(replica, overrides));
  return replicaRows(resultOf(plan, outcomes))[0];
}

describe('the table', () => {
  test('has a row for every replica, whatever became of it', () => {
    expect(
      replicaRows(partlyFailed).map(({ disk, replica, result }) => [disk, replica, result]),
    ).toEqual([
      ['os', '1', 'verified (checksums)'],
      ['os', '2', 'FAILED'],
      ['os', '3', 'verified (checksums)'],
      ['lun2', '1', 'verified (checksums)'],
    ]);
    expect(replicaRows(refused)).toEqual([]);
  });

  test('has them by disk and number, whichever ended first', () => {
    const outcomes = [...(finished.capture?.outcomes ?? [])].reverse();
    expect(replicaRows(resultOf(plan, outcomes))).toEqual(replicaRows(finished));
  });

  test('tells what was proven of each, and how much of it came from where', () => {
    expect(replicaRows(mixed)).toMatchObject([
      { moved: '1.0 GiB', source: 'snapshot 25 %, replicas 25 %, earlier run 50 %' },
      { source: 'replicas 100 %', result: 'verified (status, form)' },
      { moved: '-', source: '-', retries: '-', result: 'was there' },
      { source: 'snapshot 75 %, replicas 25 %', result: 'verified (read back)' },
    ]);
  });

  test.each<readonly [string, Partial<Copied>, object]>([
    [
      'the rate of the bytes that moved, not of the size',
      { movedBytes: 640 * MEBIBYTE, seconds: 64 },
      { moved: '640 MiB', time: '1 min 4 s', rate: '10 MiB/s', size: '8.0 GiB' },
    ],
    [
      'a rate also of a copy that took no time',
      { movedBytes: MEBIBYTE, seconds: 0 },
      { rate: '1000 MiB/s' },
    ],
    [
      'no rate where an earlier run had landed everything',
      { movedBytes: 0, resumedBytes: GIBIBYTE, fromExports: 0, fromReplicas: 0 },
      { moved: '0 B', rate: '-', source: 'earlier run 100 %' },
    ],
    [
      'no source of a disk without data',
      { movedBytes: 0, fromExports: 0, fromReplicas: 0 },
      { source: '-' },
    ],
    [
      'a little of something as such',
      { fromExports: 1024, fromReplicas: GIBIBYTE },
      { source: 'snapshot <1 %, replicas >99 %' },
    ],
    ['the retries', { retries: 12 }, { retries: '12' }],
  ])('has %s', (_name, overrides, expected) => {
    expect(rowOf(overrides)).toMatchObject(expected);
  });

  test('has a row for a disk that is not planned', () => {
    const [row] = replicaRows({ ...finished, plan: undefined });
    expect(row).toMatchObject({ disk: '', size: '0 B', result: 'verified (checksums)' });
  });

  test('has columns of equal width', () => {
    expect(renderTable(replicaRows(partlyFailed)).slice(0, 3)).toEqual([
      'DISK  REPLICA  ACCOUNT    BLOB                     SIZE     MOVED    TIME       RATE      RETRIES  SOURCE                        RESULT',
      'os    1        imageswe1  builder-1234-os-1.vhd    8.0 GiB  2.0 GiB  1 min 4 s  32 MiB/s  3        snapshot 75 %, replicas 25 %  verified (checksums)',
      'os    2        imageswe2  builder-1234-os-2.vhd    8.0 GiB  -        -          -         -        -                             FAILED',
    ]);
    expect(replicaRows(adopted)[0]).toMatchObject({ time: '-', rate: '-', result: 'was there' });
  });

  test('of a thousand replicas is cut, says so, and begins with those that failed', () => {
    const inputs = inputsOf({ copies: { kind: 'replicas', count: 1000 } });
    const many = planOf(worldOf({ inputs }));
    const outcomes = replicasOf(many).map((replica) =>
      replica.number === 700
        ? ({ kind: 'failed', replica, error: reason } as const)
        : copied(replica),
    );
    const lines = renderTable(replicaRows(resultOf(many, outcomes)));
    expect(lines).toHaveLength(1 + 200 + 1);
    expect(lines[1]).toMatch(/^os {4}700 .* FAILED$/);
    expect(lines[2]).toMatch(/^os {4}1 /);
    expect(lines.at(-1)).toBe('801 more are in the manifest.');
  });

  test('is whole and in its order when it is short', () => {
    const rows = replicaRows(partlyFailed);
    expect(cutRows(rows)).toEqual({ shown: rows, more: 0 });
  });
});
