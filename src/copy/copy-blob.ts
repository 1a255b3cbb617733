import type { Blobs, CopyRequest } from '../azure/blobs.ts';
import { ActionError, azureFailure, explain, redact } from '../errors.ts';
import type { Clock } from '../ports.ts';

/** What following a copy needs. */
export interface CopyRig {
  readonly blobs: Pick<Blobs, 'startCopy' | 'blobState'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970 after which the source cannot be read any more. */
  readonly deadlineMs: number;
}

/** Copy Blob is polled at growing intervals. */
const FIRST_POLL_MS = 1_000;
const LONGEST_POLL_MS = 15_000;
const POLL_GROWTH = 1.5;
/** Polls that may fail in a row, each after the SDK's own retries. */
const MAX_FAILED_POLLS = 5;

/** Starts a Copy Blob. Returns its copy ID. */
export async function startCopy(request: CopyRequest, rig: CopyRig): Promise<string> {
  rig.signal.throwIfAborted();
  try {
    return await rig.blobs.startCopy(request);
  } catch (error) {
    const { code } = azureFailure(error);
    throw explain(
      `Could not start the copy to blob "${request.destination}"`,
      error,
      remedies[code ?? ''],
    );
  }
}

const remedies: Readonly<Record<string, string>> = {
  BlobAlreadyExists: 'It appeared during this run and was not touched; choose another "blob-name".',
  PendingCopyOperation:
    'Another copy to it is pending; wait for its end or choose another "blob-name".',
  CannotVerifyCopySource:
    'The storage account must be allowed to read the disk export; check "allowedCopyScope" and the firewall.',
};

/**
 * Follows a Copy Blob to its end and says how many bytes it has copied. Only the copy with this ID counts.
 * Throws when it failed, was aborted, was replaced by another copy, vanished with its blob, or outlives its source.
 * https://learn.microsoft.com/rest/api/storageservices/copy-blob
 */
export async function followCopy(
  url: string,
  copyId: string,
  rig: CopyRig,
  onProgress: (copiedBytes: number) => void,
): Promise<void> {
  let pause = FIRST_POLL_MS;
  let failedPolls = 0;
  for (;;) {
    try {
      if (await pollCopy(url, copyId, rig, onProgress)) return;
      failedPolls = 0;
    } catch (error) {
      failedPolls += 1;
      rig.signal.throwIfAborted();
      if (error instanceof ActionError) throw error;
      if (failedPolls > MAX_FAILED_POLLS)
        throw explain(`Could not follow the copy to blob "${url}"`, error);
    }
    if (rig.clock.now() > rig.deadlineMs) {
      throw failure(url, 'has not ended before its source SAS', 'Set a longer "sas-duration".');
    }
    await rig.clock.sleep(pause, rig.signal);
    pause = Math.min(pause * POLL_GROWTH, LONGEST_POLL_MS);
  }
}

/** True when the copy is done, false while it is pending. */
async function pollCopy(
  url: string,
  copyId: string,
  rig: CopyRig,
  onProgress: (copiedBytes: number) => void,
): Promise<boolean> {
  const blob = await rig.blobs.blobState(url, rig.signal);
  if (blob === undefined) {
    throw failure(url, 'vanished: the blob was deleted while it was written', 'Run again.');
  }
  if (blob.copy?.id !== copyId) {
    throw failure(
      url,
      'was replaced: somebody else wrote to the blob',
      'Choose another "blob-name".',
    );
  }
  const { status, description, copiedBytes } = blob.copy;
  switch (status) {
    case 'success':
      onProgress(blob.lengthBytes);
      return true;
    case 'pending':
      onProgress(copiedBytes);
      return false;
    case 'aborted':
      throw failure(url, 'was aborted by somebody else', 'Run again.');
    default:
      throw failure(
        url,
        `failed: ${redact(description ?? `status "${status}"`)}`,
        nextFor(description),
      );
  }
}

function nextFor(description = ''): string {
  return description.includes('reading the source')
    ? 'The SAS of the snapshot ended or was revoked during the copy; set a longer "sas-duration".'
    : 'Run again.';
}

function failure(url: string, why: string, next: string): ActionError {
  return new ActionError('copy', `The copy to blob "${url}" ${why}. ${next}`);
}
