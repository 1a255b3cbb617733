import type { AzureFailure } from '../errors.ts';

/** What follows from a piece that was not copied. */
export type Verdict =
  /** It passes: the piece is tried again, after a while where one side is overrun. */
  | {
      readonly kind: 'again';
      readonly overrun: 'source' | 'destination' | undefined;
      readonly retryAfterMs: number | undefined;
    }
  /** The SAS of the export has ended, or was revoked. */
  | { readonly kind: 'renew' }
  /** This replica does not serve that one: the piece comes from elsewhere. */
  | { readonly kind: 'edge' }
  /** Put Page From URL is not taken here; Copy Blob may be. */
  | { readonly kind: 'unsupported' }
  /** The destination cannot be written. */
  | { readonly kind: 'fatal' };

/** What a replica may answer as a source that another one is not to ask again. */
const EDGE_STATUSES = [304, 400, 401, 403, 404, 409, 412, 416];

/**
 * Judges a Put Page From URL that failed. What the source answered is in headers of its own; a source that is a replica
 * gets the blame in doubt, since an export then shows whether it was the destination.
 * https://learn.microsoft.com/rest/api/storageservices/put-page-from-url
 */
export function judgePiece(failure: AzureFailure, from: 'export' | 'replica'): Verdict {
  const { status, code, retryAfterMs } = failure;
  const sourceStatus =
    failure.source?.status ?? (code === 'CannotVerifyCopySource' ? status : undefined);
  if (sourceStatus !== undefined) return judgeSource(sourceStatus, retryAfterMs, from);
  if (status === undefined || passes(status)) {
    const overrun = isOverrun(status) ? 'destination' : undefined;
    return { kind: 'again', overrun, retryAfterMs };
  }
  if (from === 'replica' && EDGE_STATUSES.includes(status)) return { kind: 'edge' };
  return [400, 405, 501].includes(status) ? { kind: 'unsupported' } : { kind: 'fatal' };
}

function judgeSource(
  status: number,
  retryAfterMs: number | undefined,
  from: 'export' | 'replica',
): Verdict {
  if (passes(status)) return { kind: 'again', overrun: 'source', retryAfterMs };
  if (from === 'replica') return { kind: 'edge' };
  return [401, 403, 404, 409].includes(status) ? { kind: 'renew' } : { kind: 'unsupported' };
}

/** No answer in time, throttling, and failures of the service. */
function passes(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

function isOverrun(status: number | undefined): boolean {
  return status === 429 || status === 503;
}
