import type { IncomingHttpHeaders } from 'node:http';
import { problems, type Problem } from './problems.ts';

/** What the source of a copy is at the moment. */
export interface SourceState {
  readonly etag: string;
  readonly lastModified: Date;
}

/**
 * The answer of a source that does not meet the `x-ms-source-if-*` conditions: 412, or 304 for the conditions of
 * something new. {@link https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations}
 */
export function findSourceProblem(
  headers: IncomingHttpHeaders,
  { etag, lastModified }: SourceState,
): Problem | undefined {
  const valueOf = (name: string) => headers[`x-ms-source-if-${name}`];
  const timeOf = (name: string) => Date.parse(String(valueOf(name)));
  const match = valueOf('match');
  const noneMatch = valueOf('none-match');
  // HTTP dates count whole seconds.
  const changed = Math.floor(lastModified.getTime() / 1000) * 1000;
  if (
    (match !== undefined && match !== '*' && match !== etag) ||
    changed > timeOf('unmodified-since')
  ) {
    return problems.conditionNotMet;
  }
  const isUnchanged =
    (noneMatch !== undefined && (noneMatch === '*' || noneMatch === etag)) ||
    changed <= timeOf('modified-since');
  return isUnchanged ? { ...problems.conditionNotMet, status: 304 } : undefined;
}
