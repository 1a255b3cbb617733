import pLimit from 'p-limit';
import { azureFailure } from './errors.ts';
import type { Lookup } from './facts.ts';

/** Makes a fact of an answer. */
export type Look = <T>(answer: Promise<T | undefined>) => Promise<Lookup<T>>;

const LOOKS_AT_ONCE = 32;

/** A failed look is a fact too, and so is a thing that is not there; only a cancelled run stops it. */
export function createLook(signal: AbortSignal): Look {
  return async (answer) => {
    try {
      const value = await answer;
      return value === undefined ? { kind: 'missing' } : { kind: 'found', value };
    } catch (error) {
      signal.throwIfAborted();
      const { status, code, message } = azureFailure(error);
      return status === 404 ? { kind: 'missing' } : { kind: 'failed', code, message };
    }
  };
}

/** Looks at many things, some at once, and keeps each under its key. */
export async function gather<K, V, T>(
  asked: ReadonlyMap<K, V>,
  look: (value: V) => Promise<Lookup<T>>,
): Promise<ReadonlyMap<K, Lookup<T>>> {
  const limit = pLimit(LOOKS_AT_ONCE);
  const looks = [...asked].map(([key, value]) =>
    limit(async () => [key, await look(value)] as const),
  );
  return new Map(await Promise.all(looks));
}

/** Looks at what has an ID or a URL, each once. */
export function gatherById<T>(
  ids: Iterable<string>,
  look: (id: string) => Promise<Lookup<T>>,
): Promise<ReadonlyMap<string, Lookup<T>>> {
  return gather(new Map([...ids].map((id) => [id, id])), look);
}
