import { describe, expect, test } from '@jest/globals';
import { Bucket } from '../../local-azure/blobs/bucket.ts';
import { createLoad } from '../../local-azure/blobs/load.ts';
import { drawFrom } from '../../local-azure/draw.ts';
import { fillModel } from '../../local-azure/model-preset.ts';

const MIB = 1024 * 1024;

describe('latency', () => {
  const spread = { p50: 80, p99: 400 };
  const drawAll = (seed: number) =>
    Array.from({ length: 10_000 }, (_, call) => drawFrom(spread, seed, `call ${call}`));

  test('lies below the median for half of the calls and above p99 for one in a hundred', () => {
    const values = drawAll(1);
    const shareAbove = (limit: number) => values.filter((value) => value > limit).length / 10_000;
    expect(shareAbove(80)).toBeGreaterThan(0.48);
    expect(shareAbove(80)).toBeLessThan(0.52);
    expect(shareAbove(400)).toBeGreaterThan(0.006);
    expect(shareAbove(400)).toBeLessThan(0.014);
  });

  test('follows from the seed', () => {
    expect(drawAll(1)).toEqual(drawAll(1));
    expect(drawAll(1)).not.toEqual(drawAll(2));
  });
});

describe('budget', () => {
  test('lets bytes through at its pace, whoever asks', () => {
    const bucket = new Bucket(60 * MIB, 1000);
    const waits = [1, 2, 3].map(() => bucket.take(6 * MIB, 0));
    expect(waits).toEqual([100, 200, 300]);
    expect(bucket.take(6 * MIB, 1000)).toBeCloseTo(100);
  });

  test('takes nobody more once its queue is too long, until work is done', () => {
    const bucket = new Bucket(500, 10);
    for (let call = 0; call < 6; call += 1) bucket.take(1, 0);
    expect([bucket.isOpen(0), bucket.isOpen(2)]).toEqual([false, true]);
  });

  test('is one for all calls to a blob, and refuses beyond with the time to wait', async () => {
    const load = createLoad({
      blobs: { perBlob: { requestsPerSecond: 2 }, retryAfterSeconds: 7 },
    });
    const use = (name: string) => ({
      call: 'PUT',
      bytes: 0,
      used: [{ kind: 'perBlob', name } as const],
      isAcrossRegions: false,
    });
    const first = load.carry(use('a'));
    expect(await load.carry(use('a'))).toMatchObject({
      status: 503,
      code: 'ServerBusy',
      headers: { 'retry-after': '7' },
    });
    expect(await load.carry(use('b'))).toBeUndefined();
    expect(await first).toBeUndefined();
  });
});

describe('preset', () => {
  test('fills in what the model does not say itself', () => {
    const model = fillModel({ preset: 'azure', copyMiBPerSecond: 100, blobs: { perBlob: {} } });
    expect(model.copyMiBPerSecond).toBe(100);
    expect(model.blobs?.perBlob).toEqual({});
    expect(model.blobs?.perExport).toEqual({ mibPerSecond: 60, requestsPerSecond: 500 });
    expect(model.operationMs?.deallocate).toBe(33_000);
  });

  test('is nothing without being named', () => {
    expect(fillModel({ armLatencyMs: 5 })).toEqual({ armLatencyMs: 5 });
    expect(createLoad(fillModel({})).isOn).toBe(false);
  });
});
