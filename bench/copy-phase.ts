import type { Call } from '../local-azure/edge/calls.ts';

/** The part of a run in which VHDs are copied, as the local Azure saw it. */
export interface CopyPhase {
  /**
   * From the first call to an export until the last page is written; where VHDs are copied by Copy Blob too, which no
   * call ends, until the last VHD is marked complete.
   */
  readonly seconds: number;
  /** Pages written from URLs that came through. */
  readonly pieces: number;
  /** Those that were refused, by whomever. */
  readonly refused: number;
  /** Exports that were granted. */
  readonly exports: number;
}

/** Finds the copy phase in the calls of a run. */
export function findCopyPhase(calls: readonly Call[]): CopyPhase {
  const writes = calls.filter(({ method, url }) => method === 'PUT' && /[?&]comp=page$/.test(url));
  const written = writes.filter(({ status }) => status === 201);
  const reads = calls.filter(({ host }) => host.startsWith('md-'));
  const hasWholeCopies = calls.some(({ method, status, url }) => isCopyStart(method, status, url));
  const marks = hasWholeCopies ? calls.filter(({ url }) => /[?&]comp=metadata$/.test(url)) : [];
  const startMs = Math.min(...[...reads, ...writes].map(startOf));
  const endMs = Math.max(
    ...[...written, ...marks].map((call) => startOf(call) + (call.durationMs ?? 0)),
  );
  return {
    seconds: Math.max(0, (endMs - startMs) / 1000),
    pieces: written.length,
    refused: writes.length - written.length,
    exports: calls.filter(({ method, url }) => method === 'POST' && url.includes('/beginGetAccess'))
      .length,
  };
}

/** Of calls to blobs only Copy Blob is accepted with 202. */
function isCopyStart(method: string, status: number | undefined, url: string): boolean {
  return method === 'PUT' && status === 202 && new URL(url).host.includes('.blob.');
}

function startOf({ startedAt }: Call): number {
  return Date.parse(startedAt);
}
