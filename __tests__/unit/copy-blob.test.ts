import { describe, expect, test } from '@jest/globals';
import { CopyStalled, followCopy, startCopy, type CopyRig } from '../../src/copy/copy-blob.ts';
import { ActionError } from '../../src/errors.ts';
import type { BlobState, CopyState } from '../../src/facts.ts';
import { blobOf, sas, signature } from '../support/facts.ts';
import { literalClock, type LiteralClock } from '../support/literal-ports.ts';

const url = 'https://a.blob.core.windows.net/vhds/x.vhd';
const lost = new Error('connection reset');

/** What a poll finds: a blob, none, or an error. */
type Poll = BlobState | undefined | Error;

function copyOf(status: string, overrides: Partial<CopyState> = {}): BlobState {
  const copy = { id: 'copy', status, description: undefined, copiedBytes: 5 };
  return blobOf(url, { lengthBytes: 10, copy: { ...copy, ...overrides } });
}

interface Followed {
  readonly clock: LiteralClock;
  readonly progress: readonly number[];
  readonly error: unknown;
}

/** Follows a copy whose polls find this, one after the other; the last one stays. */
async function follow(
  polls: readonly Poll[],
  overrides: Partial<CopyRig> = {},
  { watch = { movedAt: 0 }, onPoll = (): void => undefined } = {},
): Promise<Followed> {
  const clock = literalClock();
  const progress: number[] = [];
  let at = 0;
  const rig: CopyRig = {
    clock,
    signal: new AbortController().signal,
    runKey: 'k',
    blobs: {
      startCopy: () => Promise.reject(new Error('not started here')),
      blobState: () => {
        onPoll();
        const poll = polls[Math.min(at++, polls.length - 1)];
        return poll instanceof Error ? Promise.reject(poll) : Promise.resolve(poll);
      },
    },
    ...overrides,
  };
  const report = (bytes: number): void => void progress.push(bytes);
  const error: unknown = await followCopy(url, 'copy', rig, watch, report).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return { clock, progress, error };
}

describe('a copy that is followed', () => {
  test('ends with its success, and its progress is told', async () => {
    const polls = [copyOf('pending', { copiedBytes: 0 }), copyOf('pending'), copyOf('success')];
    const { error, progress, clock } = await follow(polls);
    expect(error).toBeUndefined();
    expect(progress).toEqual([0, 5, 10]);
    expect(clock.pauses).toEqual([1000, 1500]);
  });

  test('is not waited for when it is done at once', async () => {
    expect((await follow([copyOf('success')])).clock.pauses).toEqual([]);
  });

  test('is asked ever less often, up to every 15 seconds', async () => {
    const pending = Array.from({ length: 9 }, () => copyOf('pending'));
    const { clock } = await follow([...pending, copyOf('success')]);
    expect(clock.pauses.map(Math.round)).toEqual([
      1000, 1500, 2250, 3375, 5063, 7594, 11_391, 15_000, 15_000,
    ]);
  });

  const source = '403 "Copy failed when reading the source."';
  test.each<readonly [string, Poll, string]>([
    [
      'failed',
      copyOf('failed', { description: '500 InternalError "Copy failed."' }),
      'failed: 500 InternalError "Copy failed.". Run again.',
    ],
    ['failed without a word', copyOf('failed'), 'failed: status "failed". Run again.'],
    [
      'could not read its source',
      copyOf('failed', { description: source }),
      `failed: ${source}. The SAS of the snapshot ended or was revoked during the copy; set a longer "sas-duration".`,
    ],
    ['was aborted', copyOf('aborted'), 'was aborted by somebody else. Run again.'],
    [
      'was replaced by another copy',
      copyOf('pending', { id: 'other' }),
      'was replaced: somebody else wrote to the blob. Choose another "blob-name".',
    ],
    [
      'was replaced by another blob',
      blobOf(url),
      'was replaced: somebody else wrote to the blob. Choose another "blob-name".',
    ],
    ['vanished', undefined, 'vanished: the blob was deleted while it was written. Run again.'],
    ['has an unknown state', copyOf('odd'), 'failed: status "odd". Run again.'],
  ])('that %s is an error at once', async (_name, poll, expected) => {
    const { error, clock } = await follow([copyOf('pending'), poll]);
    expect(error).toMatchObject({ code: 'copy', message: `The copy to blob "${url}" ${expected}` });
    expect(clock.pauses).toEqual([1000]);
  });

  test('that does not move for twenty minutes is stalled', async () => {
    const { error, clock } = await follow([copyOf('pending')]);
    expect(error).toBeInstanceOf(CopyStalled);
    expect(error).toMatchObject({
      message: `The copy to blob "${url}" has not moved for long. Run again, or set "copy-method: page-ranges".`,
    });
    const waitedMs = clock.pauses.reduce((sum, pause) => sum + pause, 0);
    expect(waitedMs / 60_000).toBeCloseTo(20, -1);
  });

  test('is not stalled as long as another copy into its account moves', async () => {
    const watch = { movedAt: 0 };
    const polls = [...Array.from({ length: 500 }, () => copyOf('pending')), copyOf('success')];
    const onPoll = (): void => void (watch.movedAt += 1);
    expect((await follow(polls, {}, { watch, onPoll })).error).toBeUndefined();
  });

  test('survives trouble of less than half an hour, however often', async () => {
    const trouble = Array.from({ length: 100 }, () => lost);
    const { error } = await follow([...trouble, copyOf('pending'), ...trouble, copyOf('success')]);
    expect(error).toBeUndefined();
  });

  test('is given up at once when it may not be read any more', async () => {
    const refused = Object.assign(new Error('No.'), { statusCode: 403 });
    const { error, clock } = await follow([refused, copyOf('success')]);
    expect(error).toMatchObject({ code: 'azure' });
    expect(clock.pauses).toEqual([]);
  });

  test('is given up after half an hour of trouble', async () => {
    const { error, clock } = await follow([new Error(`GET ${sas} failed`)]);
    expect(error).toMatchObject({ code: 'azure' });
    expect(String(error)).toContain(`Could not follow the copy to blob "${url}"`);
    expect(String(error)).not.toContain(signature);
    const waited = clock.pauses.reduce((sum, pause) => sum + pause, 0);
    expect(waited).toBeGreaterThan(30 * 60_000);
    expect(waited).toBeLessThan(31 * 60_000);
  });

  test('is not polled again after an error that is told already', async () => {
    const told = new ActionError('azure', 'Told.');
    const { error, clock } = await follow([told, copyOf('success')]);
    expect(error).toBe(told);
    expect(clock.pauses).toEqual([]);
  });

  test('stops with the run, in a poll and in a pause', async () => {
    const reason = new Error('cancelled');
    const signal = AbortSignal.abort(reason);
    expect((await follow([lost], { signal })).error).toBe(reason);
    expect((await follow([copyOf('pending')], { signal })).error).toBe(reason);
  });
});

describe('a copy that is started', () => {
  const request = { source: sas, destination: url, metadata: {} };

  function start(answer: () => Promise<string>): Promise<string> {
    const blobs = { startCopy: answer, blobState: () => Promise.resolve(undefined) };
    const { signal } = new AbortController();
    return startCopy(request, { blobs, clock: literalClock(), signal, runKey: 'k' });
  }

  test('gives its copy ID', async () => {
    expect(await start(() => Promise.resolve('copy'))).toBe('copy');
  });

  test.each([
    ['taken up when the answer to its start was lost', 'k', 'copying', 'found'],
    ['not taken up when another run started it', 'other', 'copying', undefined],
    ['not taken up when it is complete', 'k', 'complete', undefined],
  ])('is %s', async (_name, key, state, expected) => {
    const metadata = { vmtovhd_key: key, vmtovhd_state: state };
    const copy = { id: 'found', status: 'pending', description: undefined, copiedBytes: 0 };
    const exists = Object.assign(new Error('It exists.'), {
      code: 'BlobAlreadyExists',
      statusCode: 409,
    });
    const blobs = {
      startCopy: () => Promise.reject(exists),
      blobState: () => Promise.resolve(blobOf(url, { metadata, copy })),
    };
    const { signal } = new AbortController();
    const rig = { blobs, clock: literalClock(), signal, runKey: 'k' };
    const started = await startCopy(request, rig).catch(() => undefined);
    expect(started).toBe(expected);
  });

  test('is not started in a run that is cancelled', async () => {
    let started = 0;
    const blobs = {
      startCopy: () => Promise.resolve(String((started += 1))),
      blobState: () => Promise.resolve(undefined),
    };
    const signal = AbortSignal.abort(new Error('cancelled'));
    const work = startCopy(request, {
      blobs,
      clock: literalClock(),
      signal,
      runKey: 'k',
    });
    await expect(work).rejects.toThrow('cancelled');
    expect(started).toBe(0);
  });

  test.each([
    [
      'BlobAlreadyExists',
      'It appeared during this run and was not touched; choose another "blob-name".',
    ],
    [
      'PendingCopyOperation',
      'Another copy to it is pending; wait for its end or choose another "blob-name".',
    ],
    [
      'CannotVerifyCopySource',
      'The storage account must be allowed to read the disk export; check "allowedCopyScope" and the firewall.',
    ],
  ])('and refused with %s says what to do, without its SAS', async (code, remedy) => {
    const refused = Object.assign(new Error(`No copy from ${sas}`), { code, statusCode: 409 });
    const work = start(() => Promise.reject(refused));
    await expect(work).rejects.toMatchObject({
      code: 'azure',
      message: `Could not start the copy to blob "${url}": ${code} (409): no copy from https://md-export.blob.storage.azure.net/abc/def. ${remedy}`,
    });
  });
});
