import type { Lookup } from '../facts.ts';

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
