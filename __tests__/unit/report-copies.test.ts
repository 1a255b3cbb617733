import { describe, expect, test } from '@jest/globals';
import type { Outcome, Traffic } from '../../src/copy/outcome.ts';
import { renderProof, renderThroughput, renderTraffic } from '../../src/report/copies.ts';
import { GIBIBYTE, MEBIBYTE } from '../../src/units.ts';
import { replicasOf } from '../support/facts.ts';
import {
  adopted,
  adoptedOf,
  copied,
  copiedByCopyBlob,
  finished,
  plan,
  reason,
  refused,
  resultOf,
  traffic,
} from '../support/results.ts';

const [os1, os2, os3, data] = replicasOf(plan);
if (os1 === undefined || os2 === undefined || os3 === undefined || data === undefined) {
  throw new Error('the plain plan has three OS VHDs and a data VHD');
}

describe('the proof', () => {
  const combined =
    'combined from the checksums that the storage service gave of every range it wrote';

  test.each<readonly [string, Outcome[], readonly string[]]>([
    [
      'checksums, for each disk of its own',
      [
        copied(os1),
        copied(os2),
        copied(os3),
        copied(data, { proof: { kind: 'checksums', crc64: 'ffffffffffffffff' } }),
      ],
      [
        `os: CRC-64 0f1e2d3c4b5a6978 of the whole VHD, the same in 3 VHDs: ${combined}.`,
        `lun2: CRC-64 ffffffffffffffff of the whole VHD: ${combined}.`,
      ],
    ],
    [
      'what was read back',
      [os1, os2].map((replica) =>
        copied(replica, { proof: { kind: 'read-back', crc64: '0123456789abcdef' } }),
      ),
      [
        'os: CRC-64 0123456789abcdef of the whole VHD, the same in 2 VHDs: read back through the runner, as the source was.',
      ],
    ],
    [
      'what Copy Blob has instead',
      [copied(os1), copiedByCopyBlob(os2), copiedByCopyBlob(os3)],
      [
        `os: CRC-64 0f1e2d3c4b5a6978 of the whole VHD: ${combined}. By Copy Blob, which gives no checksum: 2 VHDs, with copy status, length, footer and page ranges as they must be.`,
      ],
    ],
    [
      'what was there before, beside a failure',
      [adoptedOf(os1), { kind: 'failed', replica: os2, error: reason }],
      ['os: There before: 1 VHD, with length and footer as they must be.'],
    ],
    [
      'two checksums of one disk apart',
      [copied(os1), copied(os2, { proof: { kind: 'checksums', crc64: '0000000000000001' } })],
      [
        `os: CRC-64 0f1e2d3c4b5a6978 of the whole VHD: ${combined}. CRC-64 0000000000000001 of the whole VHD: ${combined}.`,
      ],
    ],
    ['nothing of what failed', [{ kind: 'failed', replica: os1, error: reason }], []],
  ])('tells %s', (_name, outcomes, expected) => {
    expect(renderProof(resultOf(plan, outcomes))).toEqual(expected);
  });

  test('is not told without a plan', () => {
    expect(renderProof(refused)).toEqual([]);
  });
});

describe('the traffic', () => {
  test('tells bytes, transactions and what the empty pages saved', () => {
    expect(renderTraffic(finished)).toEqual([
      '8.0 GiB were moved, by 2,100 transactions on blobs, of which 2,052 Put Page From URL.',
      '8.0 GiB of 32.0 GiB were data; 24.0 GiB of empty pages were neither read nor written.',
    ]);
  });

  test('counts only what page ranges made as known to be data', () => {
    const lengthBytes = 30 * GIBIBYTE;
    const outcomes: Outcome[] = [
      copied(os1, { lengthBytes }),
      copiedByCopyBlob(os2),
      adoptedOf(os3),
      { kind: 'failed', replica: data, error: reason },
    ];
    const result = resultOf(plan, outcomes);
    const capture = {
      snapshots: [],
      outcomes,
      traffic: { ...traffic, savedBytes: 25.9 * GIBIBYTE },
    };
    expect(renderTraffic({ ...result, capture })).toContain(
      '4.1 GiB of 30.0 GiB were data; 25.9 GiB of empty pages were neither read nor written.',
    );
  });

  test('tells what an earlier run had done, and nothing of pages that all hold data', () => {
    const outcomes = [os1, os2].map((replica) => copied(replica, { resumedBytes: GIBIBYTE }));
    const capture = { snapshots: [], outcomes, traffic: { ...traffic, savedBytes: 0 } };
    expect(renderTraffic({ ...finished, capture })).toEqual([
      '8.0 GiB were moved, by 2,100 transactions on blobs, of which 2,052 Put Page From URL.',
      '2.0 GiB had landed in an earlier run.',
    ]);
  });

  test('is none where nothing was copied', () => {
    expect(renderTraffic(adopted)).toEqual([]);
    expect(renderTraffic(refused)).toEqual([]);
  });
});

describe('the picture of the throughput', () => {
  test('is a Mermaid chart of a line over the seconds', () => {
    expect(renderThroughput(traffic.samples)).toBe(
      [
        '```mermaid',
        'xychart-beta',
        '  x-axis "Seconds" 16 --> 61',
        '  y-axis "MiB/s" 0 --> 166',
        '  line [100.0, 150.5, 0.0, 90.0]',
        '```',
      ].join('\n'),
    );
  });

  test.each<readonly [string, Traffic['samples']]>([
    ['no points', []],
    ['one point', [{ seconds: 1, bytesPerSecond: 5 }]],
  ])('is not drawn of %s', (_name, samples) => {
    expect(renderThroughput(samples)).toBeUndefined();
  });

  /** Points evenly apart, but for the last one. */
  function samplesOf(count: number, apart: number, last: number): Traffic['samples'] {
    return Array.from({ length: count }, (_, index) => ({
      seconds: index === count - 1 ? last : (index + 1) * apart,
      bytesPerSecond: index * MEBIBYTE,
    }));
  }

  test.each([
    [2, 1, 1.5],
    [2, 1, 2.4],
    [3, 1, 2.5],
    [60, 1, 59.6],
    [43, 512, 21_599.3],
    [59, 65_536, 59 * 65_536 + 30_000],
  ])('has whole steps, so that none of %d points is lost', (count, apart, last) => {
    const picture = renderThroughput(samplesOf(count, apart, last)) ?? '';
    const [, begin = '', end = ''] = /x-axis "Seconds" (\d+) --> (\d+)\n/.exec(picture) ?? [];
    const points = /line \[(.+)\]/.exec(picture)?.[1]?.split(', ') ?? [];
    expect(points).toHaveLength(count);
    const step = (Number(end) - Number(begin)) / (count - 1);
    expect(Number.isInteger(step)).toBe(true);
    expect(step).toBeGreaterThanOrEqual(1);
    expect(Math.abs(Number(end) - last)).toBeLessThan(Math.max(1, (count - 1) / 2 + 1));
  });

  test('has an axis also when nothing moved', () => {
    const samples = [1, 2].map((seconds) => ({ seconds, bytesPerSecond: 0 }));
    expect(renderThroughput(samples)).toContain('y-axis "MiB/s" 0 --> 1\n  line [0.0, 0.0]');
  });
});
