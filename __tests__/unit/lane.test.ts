import { describe, expect, test } from '@jest/globals';
import { Lane } from '../../src/copy/lane.ts';

const MIB = 1024 ** 2;

/** Fails round after round, each after the pause of the one before it, and gives the pauses. */
function failRounds(lane: Lane, rounds: number): readonly (number | undefined)[] {
  let now = 1;
  return Array.from({ length: rounds }, () => {
    const pause = lane.failed(now, now + 10);
    lane.resume();
    now += 10 + (pause ?? 0) + 1;
    return pause;
  });
}

describe('a lane', () => {
  test('pauses longer from round to round, up to half a minute', () => {
    expect(failRounds(new Lane(), 9)).toEqual([
      500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  test('takes nothing during its pause', () => {
    const lane = new Lane();
    const before = lane.size;
    expect(before).toBeGreaterThan(0);
    lane.failed(1, 2);
    expect(lane.size).toBe(0);
    lane.resume();
    expect(lane.size).toBeGreaterThan(0);
    expect(lane.size).toBeLessThan(before);
  });

  test('pauses once for all requests that were in flight together', () => {
    const lane = new Lane();
    expect([lane.failed(5, 20), lane.failed(6, 21), lane.failed(20, 30)]).toEqual([
      500,
      undefined,
      undefined,
    ]);
    expect(lane.failed(21, 40)).toBe(1000);
  });

  test.each([
    { asked: 120_000, pause: 120_000 },
    { asked: 100, pause: 500 },
    { asked: 0, pause: 500 },
  ])('asked to wait $asked ms it pauses $pause ms', ({ asked, pause }) => {
    expect(new Lane().failed(1, 2, asked)).toBe(pause);
  });

  test('begins anew with short pauses after a success', () => {
    const lane = new Lane();
    failRounds(lane, 5);
    lane.landed(MIB, 100, 1_000_000);
    expect(lane.failed(1_000_001, 1_000_002)).toBe(500);
  });

  test('is given up after seventeen rounds without a success, five minutes at least', () => {
    const lane = new Lane();
    const pauses = failRounds(lane, 16);
    expect(lane.isHopeless).toBe(false);
    expect(pauses.reduce<number>((sum, pause) => sum + (pause ?? 0), 0)).toBeGreaterThan(300_000);
    lane.failed(2_000_000, 2_000_001);
    expect(lane.isHopeless).toBe(true);
    lane.landed(MIB, 100, 3_000_000);
    expect(lane.isHopeless).toBe(false);
  });
});
