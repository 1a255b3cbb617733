import { describe, expect, test } from '@jest/globals';
import { each, together } from '../../src/concurrency.ts';
import { ActionError, describe as describeError } from '../../src/errors.ts';

const { signal } = new AbortController();

/** Waits until the signal is aborted, and then rejects as an Azure call does. */
function untilStopped(linked: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      reject(Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' }));
    };
    if (linked.aborted) stop();
    else linked.addEventListener('abort', stop);
  });
}

describe('each', () => {
  test('results come in the order of the items, whoever ends first', async () => {
    const first = Promise.withResolvers<undefined>();
    const results = await each([1, 2], signal, async (item) => {
      if (item === 1) await first.promise;
      else first.resolve(undefined);
      return item * 10;
    });
    expect(results).toEqual([10, 20]);
  });

  test('no items are no work', async () => {
    expect(await each([], signal, () => Promise.resolve(1))).toEqual([]);
  });

  test('sixteen items are worked on at once', async () => {
    const gate = Promise.withResolvers<undefined>();
    let running = 0;
    let most = 0;
    await each(Array.from({ length: 40 }), signal, async () => {
      running += 1;
      most = Math.max(most, running);
      if (running === 16) gate.resolve(undefined);
      await gate.promise;
      running -= 1;
    });
    expect(most).toBe(16);
  });

  test('a failure stops the others, which are waited for, and is thrown as it is', async () => {
    const failure = new Error('no');
    const stopped: number[] = [];
    const work = each([1, 2, 3], signal, async (item, linked) => {
      if (item === 2) throw failure;
      await untilStopped(linked).catch((error: unknown) => {
        stopped.push(item);
        throw error;
      });
    });
    await expect(work).rejects.toBe(failure);
    expect(stopped).toEqual([1, 3]);
  });

  test('a sibling that wraps its stop is no failure of its own', async () => {
    const failure = new Error('no');
    const work = each([1, 2], signal, (item, linked) =>
      item === 2
        ? Promise.reject(failure)
        : untilStopped(linked).catch((cause: unknown) => {
            throw new ActionError('cancelled', 'Could not wait: cancelled.', { cause });
          }),
    );
    await expect(work).rejects.toBe(failure);
  });

  test('items that wait are not begun after a failure', async () => {
    const begun: number[] = [];
    const items = Array.from({ length: 20 }, (_, index) => index);
    const work = each(items, signal, (item) => {
      begun.push(item);
      return item === 0 ? Promise.reject(new Error('no')) : Promise.resolve();
    });
    const failure = await work.catch((error: unknown) => error);
    expect(describeError(failure)).toContain('no');
    expect(begun).toEqual(items.slice(0, 16));
  });

  test('several failures are thrown together', async () => {
    const work = each(['a', 'b'], signal, (item) => Promise.reject(new Error(item)));
    await expect(work).rejects.toMatchObject({ errors: [{ message: 'a' }, { message: 'b' }] });
  });

  test('a cancelled run throws its own reason, after all have stopped', async () => {
    const run = new AbortController();
    const begun = Promise.withResolvers<undefined>();
    let stopped = 0;
    const work = each([1, 2], run.signal, async (item, linked) => {
      if (item === 2) begun.resolve(undefined);
      try {
        await untilStopped(linked);
      } finally {
        stopped += 1;
      }
    });
    const reason = new Error('cancelled by the user');
    await begun.promise;
    run.abort(reason);
    await expect(work).rejects.toBe(reason);
    expect(stopped).toBe(2);
  });

  test('a run that is cancelled before begins nothing', async () => {
    let begun = 0;
    const work = each([1], AbortSignal.abort(new Error('before')), () => {
      begun += 1;
      return Promise.resolve();
    });
    await expect(work).rejects.toThrow('before');
    expect(begun).toBe(0);
  });
});

describe('together', () => {
  test('two tasks give a pair', async () => {
    const pair = await together(
      signal,
      () => Promise.resolve('a'),
      () => Promise.resolve(1),
    );
    expect(pair).toEqual(['a', 1]);
  });

  test('the failure of one stops the other', async () => {
    const failure = new Error('no');
    const work = together(signal, untilStopped, () => Promise.reject(failure));
    await expect(work).rejects.toBe(failure);
  });
});
