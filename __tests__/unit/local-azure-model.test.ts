import { describe, expect, test } from '@jest/globals';
import { Bucket } from '../../local-azure/blobs/bucket.ts';
import { createLoad } from '../../local-azure/blobs/load.ts';
import { Writes } from '../../local-azure/blobs/writes.ts';
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
    expect([bucket.isOpen(0, 0), bucket.isOpen(2, 0)]).toEqual([false, true]);
  });

  test('takes some and not others once half of its queue is full', () => {
    const bucket = new Bucket(500, 20);
    const taken = Array.from({ length: 10 }, () => {
      bucket.take(1, 0);
      return [0, 0.5, 1].filter((luck) => bucket.isOpen(0, luck)).length;
    });
    expect(taken).toEqual([3, 3, 3, 3, 3, 2, 2, 1, 1, 1]);
  });

  const use = (name: string, direction: 'read' | 'write' = 'write') => ({
    call: 'PUT',
    bytes: 0,
    used: [{ kind: 'perBlob', name, direction } as const],
    isAcrossRegions: false,
  });
  const perBlob = { requestsPerSecond: 2 };

  test('is one for all calls to a blob, and refuses beyond with the time to wait', async () => {
    const load = createLoad({ blobs: { perBlob, retryAfterSeconds: 7 } });
    const first = load.carry(use('a'));
    expect(await load.carry(use('a', 'read'))).toEqual({
      used: { kind: 'perBlob', name: 'a', direction: 'read' },
      problem: expect.objectContaining({
        status: 503,
        code: 'ServerBusy',
        headers: { 'retry-after': '7' },
      }),
    });
    expect(await load.carry(use('b'))).toBeUndefined();
    expect(await first).toBeUndefined();
  });

  test('keeps the work of the service waiting, and refuses none of it', async () => {
    const load = createLoad({ blobs: { perExport: { mibPerSecond: 100 }, perBlob } });
    const used = { kind: 'perExport', name: 'e', direction: 'read' } as const;
    const ended: number[] = [];
    const shares = [1, 2, 3].map(async (order) => {
      await load.share([used], MIB, new AbortController().signal);
      ended.push(order);
    });
    expect((await load.carry({ ...use('a'), bytes: MIB, used: [used] }))?.used).toEqual(used);
    await Promise.all(shares);
    expect(ended).toEqual([1, 2, 3]);
  });

  test('is one for the reads and one for the writes of a blob where they are split', async () => {
    const load = createLoad({ blobs: { perBlob, budgets: 'split' } });
    const outcomes = [use('a'), use('a', 'read'), use('a'), use('a', 'read')].map((one) =>
      load.carry(one),
    );
    const refused = (await Promise.all(outcomes)).map((busy) => busy !== undefined);
    expect(refused).toEqual([false, false, true, true]);
  });
});

describe('writes', () => {
  const blob = { account: 'a', container: 'c', name: 'b' };

  test('count while they are in flight and for a moment after', () => {
    const writes = new Writes(2000);
    expect(writes.isWritten(blob, 0)).toBe(false);
    const [one, two] = [writes.start(blob, () => 100), writes.start(blob, () => 500)];
    one[Symbol.dispose]();
    expect(writes.isWritten(blob, 10_000)).toBe(true);
    two[Symbol.dispose]();
    expect([2499, 2500].map((now) => writes.isWritten(blob, now))).toEqual([true, false]);
    expect(writes.isWritten({ ...blob, name: 'other' }, 600)).toBe(false);
  });

  test.each([
    { readWhileWritten: 'refused' as const, isLocked: true },
    { readWhileWritten: 'allowed' as const, isLocked: false },
  ])('keep others from reading where the model says so: $readWhileWritten', (given) => {
    const load = createLoad({ blobs: { readWhileWritten: given.readWhileWritten } });
    const write = load.startWrite(blob);
    expect(load.isLocked(blob)).toBe(given.isLocked);
    write[Symbol.dispose]();
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
