import type { Lock, Lookup } from '../facts.ts';
import { isAtOrUnder } from '../resource-id.ts';
import type { Survey } from '../survey.ts';

/** The message for a thing that was not found or could not be read; none for one that was found. */
export function notFound<T>(lookup: Lookup<T>, what: string, next: string): readonly string[] {
  switch (lookup.kind) {
    case 'found':
      return [];
    case 'missing':
      return [`${what} does not exist. ${next}`];
    case 'failed':
      return [`${what} cannot be read: ${reasonOf(lookup)}. ${next}`];
  }
}

/** Azure's reason in a sentence: code and message without the last stop. */
export function reasonOf({ code, message }: { code: string | undefined; message: string }): string {
  return [code, message.replace(/\.$/, '')].filter(Boolean).join(': ');
}

/** The locks that hold for a resource: those on it and on what is above it, each once, whichever look found them. */
export function locksOn(id: string, { locks }: Pick<Survey, 'locks'>): readonly Lock[] {
  const found = [...locks.values()].flatMap((lookup) =>
    lookup.kind === 'found' ? lookup.value : [],
  );
  const holding = found.filter(({ scope }) => isAtOrUnder(id, scope));
  return [...new Map(holding.map((lock) => [nameLock(lock).toLowerCase(), lock])).values()];
}

/** A lock as the beginning of a sentence. */
export function nameLock({ name, level, scope }: Lock): string {
  return `Lock "${name}" (${level}) on "${scope}"`;
}
