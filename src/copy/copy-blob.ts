import type { Blobs, CopyRequest } from '../azure/blobs.ts';
import { ActionError, azureFailure, explain, redact } from '../errors.ts';
import { KEY_METADATA, STATE_METADATA } from '../marks.ts';
import type { Clock } from '../ports.ts';

/** What following a copy needs. */
export interface CopyRig {
  readonly blobs: Pick<Blobs, 'startCopy' | 'blobState'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly runKey: string;
}

/** The source could not be read to the end: its SAS has ended or was revoked. */
export class SourceEnded extends ActionError {}

/** Nothing has moved for a long time. */
export class CopyStalled extends ActionError {}

/** When something last moved: copies into one account may be served one after another, so they share one. */
export interface StallWatch {
  movedAt: number;
}

/** Copy Blob is polled at growing intervals. */
const FIRST_POLL_MS = 1_000;
const LONGEST_POLL_MS = 15_000;
const POLL_GROWTH = 1.5;
/** How long polls may fail in a row: the copy goes on in Azure meanwhile. */
const MAX_TROUBLE_MS = 30 * 60_000;
/** Polls without any movement, some of a quarter of a minute each, after which a copy counts as stalled. */
const MAX_STILL_POLLS = 80;

/**
 * Starts a Copy Blob and returns its copy ID. When the answer to a start was lost, its repetition meets the copy that
 * is under way; a blob that carries the run's key tells of it.
 */
export async function startCopy(request: CopyRequest, rig: CopyRig): Promise<string> {
  rig.signal.throwIfAborted();
  try {
    return await rig.blobs.startCopy(request);
  } catch (error) {
    const started = await findStarted(request.destination, error, rig);
    if (started !== undefined) return started;
    throw explain(
      `Could not start the copy to blob "${request.destination}"`,
      error,
      remedies[azureFailure(error).code ?? ''],
    );
  }
}

async function findStarted(url: string, error: unknown, rig: CopyRig): Promise<string | undefined> {
  if (![409, 412].includes(azureFailure(error).status ?? 0)) return undefined;
  const blob = await rig.blobs.blobState(url, rig.signal).catch(() => undefined);
  const isOurs =
    blob?.metadata[KEY_METADATA] === rig.runKey && blob.metadata[STATE_METADATA] === 'copying';
  return isOurs ? blob.copy?.id : undefined;
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
 * Throws when it failed, was aborted, was replaced by another copy or vanished with its blob; SourceEnded when its
 * source was not to be read any more, and CopyStalled when nothing has moved for twenty minutes.
 * https://learn.microsoft.com/rest/api/storageservices/copy-blob
 */
export async function followCopy(
  url: string,
  copyId: string,
  rig: CopyRig,
  watch: StallWatch,
  onProgress: (copiedBytes: number) => void,
): Promise<void> {
  let pause = FIRST_POLL_MS;
  let copied = 0;
  let seen = watch.movedAt;
  let stillPolls = 0;
  const progress = (bytes: number): void => {
    if (bytes > copied) watch.movedAt = rig.clock.now();
    copied = Math.max(copied, bytes);
    onProgress(bytes);
  };
  let troubleSince: number | undefined;
  for (;;) {
    try {
      if (await pollCopy(url, copyId, rig, progress)) return;
      troubleSince = undefined;
      stillPolls = watch.movedAt === seen ? stillPolls + 1 : 0;
      seen = watch.movedAt;
      if (stillPolls > MAX_STILL_POLLS) {
        throw new CopyStalled(
          'copy',
          `The copy to blob "${url}" has not moved for long. Run again, or set "copy-method: page-ranges".`,
        );
      }
    } catch (error) {
      rig.signal.throwIfAborted();
      if (error instanceof ActionError) throw error;
      troubleSince ??= rig.clock.now();
      if (!isPassing(error) || rig.clock.now() - troubleSince > MAX_TROUBLE_MS) {
        throw explain(`Could not follow the copy to blob "${url}"`, error);
      }
    }
    await rig.clock.sleep(pause, rig.signal);
    pause = Math.min(pause * POLL_GROWTH, LONGEST_POLL_MS);
  }
}

/** No answer, throttling and failures of the service pass; a refusal does not. */
function isPassing(error: unknown): boolean {
  const { status } = azureFailure(error);
  return status === undefined || status === 408 || status === 429 || status >= 500;
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
      throw ended(url, description ?? `status "${status}"`);
  }
}

/** A copy whose source was not to be read says so in its description. */
function ended(url: string, description: string): ActionError {
  const what = `The copy to blob "${url}" failed: ${redact(description)}.`;
  return /\b40[134]\b.*reading the source/.test(description)
    ? new SourceEnded(
        'copy',
        `${what} The SAS of the snapshot ended or was revoked during the copy; set a longer "sas-duration".`,
      )
    : new ActionError('copy', `${what} Run again.`);
}

function failure(url: string, why: string, next: string): ActionError {
  return new ActionError('copy', `The copy to blob "${url}" ${why}. ${next}`);
}
