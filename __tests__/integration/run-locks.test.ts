import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { Azure } from '../../src/azure/session.ts';
import { runOf } from '../support/facts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import {
  endLeases,
  lockingRun,
  openLockingAzure,
  type LockingRun,
} from '../support/locking-run.ts';
import { buildScenario } from '../support/scenario.ts';

const { signal } = new AbortController();
let local: LocalAzure;
let azure: Azure;

beforeAll(async () => {
  local = await startLocalAzure(buildScenario());
  useLocalAzure(local);
});

beforeEach(async () => {
  await local.reset();
  azure = await openLockingAzure();
});

function runWith(
  run: Parameters<typeof runOf>[0],
  onPause?: Parameters<typeof lockingRun>[2],
): LockingRun {
  return lockingRun(azure, { run: runOf(run) }, onPause);
}

const first = { runId: '1', key: '111111111111' };
const second = { runId: '2', key: '222222222222' };

/** Keys of the runs whose names are on locks. */
async function holders(): Promise<readonly (string | undefined)[]> {
  const { blobs } = await local.state();
  return [...new Set(blobs.map(({ metadata }) => metadata['vmtovhd_key']))];
}

describe('two runs on one VM', () => {
  test('the first one passes, and the second is refused by the name of the first', async () => {
    const one = runWith(first);
    await one.locks.take();
    await one.locks.require('stop');
    const two = runWith(second);
    await expect(two.locks.take()).rejects.toThrow(
      /^VM "builder" is worked on by run 1 of "octo-org\/images" \(attempt 1, job "build"\), which holds the lock "https:.*\/\.vm-to-vhd\/vm-.*\.lock"\. Nothing was stopped or copied\. Run again when/,
    );
    await two.end();
    expect(await holders()).toEqual([first.key]);
    await one.locks.require('generalize');
    await one.end();
    expect((await local.state()).blobs).toEqual([]);
  });

  test('that both begin at once: exactly one passes, whatever their number', async () => {
    const runs = Array.from({ length: 6 }, (_, index) =>
      runWith({ runId: String(index), key: `${index}`.repeat(12) }),
    );
    const taken = await Promise.allSettled(runs.map(({ locks }) => locks.take()));
    expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await Promise.all(runs.map((run) => run.end()));
    expect((await local.state()).blobs).toEqual([]);
  });

  test('the second one passes when the first one has ended', async () => {
    const one = runWith(first);
    await one.locks.take();
    await one.end();
    const two = runWith(second);
    await two.locks.take();
    expect(await holders()).toEqual([second.key]);
    expect(two.log.lines).toEqual([]);
    await two.end();
  });
});

describe('a run that does not renew its locks', () => {
  test('loses them to another one, learns of it before it does anything more, and leaves them to it', async () => {
    const one = runWith(first);
    await one.locks.take();
    await endLeases(one);
    const two = runWith(second);
    await two.locks.take();
    expect(two.log.lines).toContain(
      'info: VM "builder" was locked by run 1 of "octo-org/images" (attempt 1, job "build"), which is gone.',
    );
    await one.clock.sleep(21_000, signal);
    await expect(one.locks.require('generalize VM "builder"')).rejects.toThrow(
      /^Could not generalize VM "builder": the lock "https:.*" was lost: Lease\w+ \(409\)/,
    );
    expect(one.log.lines).toContainEqual(
      expect.stringMatching(/^warn: The lock "https:.*" was lost/),
    );
    expect([one.locks.isLost, two.locks.isLost]).toEqual([true, false]);
    await one.end();
    expect(await holders()).toEqual([second.key]);
    await two.locks.require('stop');
    await two.end();
    expect((await local.state()).blobs).toEqual([]);
  });

  test('keeps them when nobody has come', async () => {
    const one = runWith(first);
    await one.locks.take();
    await one.clock.sleep(21_000, signal);
    await one.locks.require('stop');
    await one.end();
    expect(one.log.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  test('is not sure of them while the service does not answer', async () => {
    const one = runWith(first);
    await one.locks.take();
    await one.clock.sleep(21_000, signal);
    const refuse = { kind: 'answer' as const, status: 400, code: 'OutOfRangeInput' };
    await local.setFaults([{ match: { path: 'comp=lease' }, times: 0, action: refuse }]);
    await expect(one.locks.require('stop')).rejects.toThrow('was lost: it could not be renewed.');
    await local.setFaults([]);
    await one.locks.require('stop');
    await one.end();
  });
});

describe('the next attempt of the same workflow run', () => {
  test('breaks the locks of the attempt before, and takes them when they have ended', async () => {
    const one = runWith(first);
    await one.locks.take();
    const two = runWith({ ...first, key: '333333333333', attempt: '2' }, () => endLeases(one));
    await two.locks.take();
    expect(two.log.lines[0]).toMatch(
      /^info: The set ".*" is still locked by an earlier attempt; its lock is broken\.$/,
    );
    expect(await holders()).toEqual(['333333333333']);
    await one.end();
    await two.end();
  });

  test('is refused by a lock that does not end', async () => {
    const one = runWith(first);
    await one.locks.take();
    const two = runWith({ ...first, key: '333333333333', attempt: '2' });
    await expect(two.locks.take()).rejects.toThrow('is worked on by run 1');
    await two.end();
    await one.end();
  });
});

test('a run whose answers were lost finds its own lock', async () => {
  const run = runWith(first);
  const [lock] = run.plan.locks;
  await azure.lockBlobs.create(lock?.url ?? '', { vmtovhd_key: first.key });
  await azure.lockBlobs.acquire(lock?.url ?? '', '11111111-1111-4000-8000-111111111111', signal);
  await run.locks.take();
  await run.end();
  expect((await local.state()).blobs).toEqual([]);
});
