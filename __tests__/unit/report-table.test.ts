import { describe, expect, test } from '@jest/globals';
import { renderTable, replicaRows } from '../../src/report/table.ts';
import { finished, partlyFailed, refused, adopted } from '../support/results.ts';

describe('the table', () => {
  test('has a row for every replica, whatever became of it', () => {
    expect(
      replicaRows(partlyFailed).map(({ disk, replica, result }) => [disk, replica, result]),
    ).toEqual([
      ['os', '1', 'verified'],
      ['os', '2', 'FAILED'],
      ['os', '3', 'verified'],
      ['lun2', '1', 'verified'],
    ]);
    expect(replicaRows(adopted)[0]).toMatchObject({ time: '-', rate: '-', result: 'was there' });
    expect(replicaRows(refused)).toEqual([]);
  });

  test('has columns of equal width', () => {
    expect(renderTable(replicaRows(partlyFailed)).slice(0, 3)).toEqual([
      'DISK  REPLICA  ACCOUNT    BLOB                     SIZE     TIME       RATE       RESULT',
      'os    1        imageswe1  builder-1234-os-1.vhd    8.0 GiB  1 min 4 s  128 MiB/s  verified',
      'os    2        imageswe2  builder-1234-os-2.vhd    8.0 GiB  -          -          FAILED',
    ]);
  });

  test('has a rate also for a copy that took no time, and a row for a disk that is not planned', () => {
    const [first] = finished.capture?.outcomes ?? [];
    if (first?.kind !== 'copied') throw new Error('nothing was copied');
    const capture = { snapshots: [], outcomes: [{ ...first, seconds: 0, lengthBytes: 1024 ** 2 }] };
    const [row] = replicaRows({ ...finished, plan: undefined, capture });
    expect(row).toMatchObject({ rate: '1000 MiB/s', disk: '', size: '0 B' });
  });
});
