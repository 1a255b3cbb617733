import type { Lock } from '../facts.ts';
import { isAtOrUnder } from '../resource-id.ts';
import type { Survey } from '../survey.ts';

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
