import pLimit from 'p-limit';

/** Items worked on at once. */
const AT_ONCE = 16;

/**
 * Runs a task for every item, some at once, and gives the results in order. At the first failure the others
 * are told to stop by their signal and waited for; then every failure is thrown, a single one as it is.
 */
export async function each<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  task: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<readonly R[]> {
  const siblings = new AbortController();
  const linked = AbortSignal.any([signal, siblings.signal]);
  const limit = pLimit(AT_ONCE);
  const running = items.map((item) =>
    limit(async () => {
      try {
        linked.throwIfAborted();
        return await task(item, linked);
      } catch (error) {
        siblings.abort();
        throw error;
      }
    }),
  );
  return resultsOf(await Promise.allSettled(running), signal);
}

/** Runs two tasks side by side; when one fails, the other is told to stop and waited for. */
export async function together<A, B>(
  signal: AbortSignal,
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
): Promise<readonly [A, B]> {
  const [a, b] = await each<(signal: AbortSignal) => Promise<A | B>, A | B>(
    [first, second],
    signal,
    (task, linked) => task(linked),
  );
  return [a as A, b as B];
}

function resultsOf<R>(
  settled: readonly PromiseSettledResult<R>[],
  signal: AbortSignal,
): readonly R[] {
  const failures = settled.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (failures.length === 0) {
    return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }
  signal.throwIfAborted();
  const causes = failures.filter((failure) => !isStopped(failure));
  if (causes.length > 1) throw new AggregateError(causes);
  throw causes[0] ?? failures[0];
}

/** A sibling that stopped because it was told to. */
function isStopped(failure: unknown): boolean {
  const names =
    failure instanceof Error ? [failure.name, nameOf(failure.cause)] : [nameOf(failure)];
  return names.includes('AbortError');
}

function nameOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'name' in value ? value.name : undefined;
}
