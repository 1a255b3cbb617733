import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { Azure } from '../../src/azure/session.ts';
import { accountOf, inputsOf, runOf, type World } from '../support/facts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { lockingRun, openLockingAzure, type LockingRun } from '../support/locking-run.ts';
import { buildScenario } from '../support/scenario.ts';

const { signal } = new AbortController();
const here = {
  run: runOf({ runId: '1', key: '111111111111' }),
  accounts: [accountOf('imageswe1')],
};
const there = {
  run: runOf({ runId: '2', key: '222222222222' }),
  accounts: [accountOf('imageswe2')],
};
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

function runOn(world: Partial<World>, onPause?: () => Promise<void>): LockingRun {
  return lockingRun(azure, world, onPause);
}

/** The keys at the ends of the names of the claims that are there. */
async function claims(): Promise<readonly string[]> {
  const { resources } = await local.state();
  return (resources['Microsoft.Compute/snapshots'] ?? []).map(({ name }) => name.slice(-12));
}

/** Nobody may look at the locks in an account. */
async function hideLocks(account: string): Promise<void> {
  const action = { kind: 'answer' as const, status: 403, code: 'AuthorizationPermissionMismatch' };
  const match = { method: 'HEAD', host: `^${account}`, path: '\\.lock' };
  await local.setFaults([{ match, times: 0, action }]);
}

/** Nobody goes on before so many have come. */
function meetingOf(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let come = 0;
  return async () => {
    come += 1;
    if (come === count) resolve(undefined);
    await promise;
  };
}

describe('two runs on one VM that share no container', () => {
  test.each([
    ['the first', here, there],
    ['the other one', there, here],
  ])(
    '%s passes when it comes first, and the second is refused by its name',
    async (_, left, right) => {
      const one = runOn(left);
      await one.begin();
      const two = runOn(right);
      await expect(two.begin()).rejects.toThrow(
        `VM "builder" is worked on by run ${left.run.runId} of "octo-org/images" (attempt 1, job "build"), which claims it by snapshot "builder-claim-${left.run.key}". Nothing was stopped or copied. Run again when that run has ended; the claim of a dead one counts for nothing after a minute.`,
      );
      await two.end();
      expect(await claims()).toEqual([left.run.key]);
      await one.locks.require('stop');
      await one.end();
      expect(await claims()).toEqual([]);
      await two.begin();
      await two.end();
      expect((await local.state()).blobs).toEqual([]);
    },
  );

  test('that claim at the same moment: the one with the smallest key stays, when the other has gone', async () => {
    const looked = meetingOf(2);
    const claimed = meetingOf(2);
    const both: Azure = {
      ...azure,
      compute: {
        ...azure.compute,
        listSnapshots: async (...group) => {
          const listed = await azure.compute.listSnapshots(...group);
          await looked();
          return listed;
        },
        createSnapshot: async (request, signal) => {
          const snapshot = await azure.compute.createSnapshot(request, signal);
          await claimed();
          return snapshot;
        },
      },
    };
    const two = lockingRun(both, there);
    const refused = two.begin();
    const one = lockingRun(both, here, async () => {
      await expect(refused).rejects.toThrow('is worked on by run 1 of "octo-org/images"');
      await two.end();
    });
    await one.begin();
    expect(one.clock.now()).toBe(5_000);
    expect(await claims()).toEqual([here.run.key]);
    await one.end();
  });

  test.each([
    { what: 'has not renewed its locks', renew: () => Promise.resolve() },
    { what: 'renewed its locks too late', renew: (one: LockingRun) => one.renew() },
  ])('of which the first $what: its claim counted for nothing meanwhile', async ({ renew }) => {
    const one = runOn(here);
    await one.begin();
    // As after a minute without a renewal.
    const blobState: Azure['blobs']['blobState'] = async (url, signal) => {
      const blob = await azure.blobs.blobState(url, signal);
      return blob && { ...blob, isLeased: false };
    };
    const two = lockingRun({ ...azure, blobs: { ...azure.blobs, blobState } }, there);
    await two.begin();
    await one.clock.sleep(21_000, signal);
    await renew(one);
    await expect(one.locks.require('stop')).rejects.toThrow(
      /^VM "builder" is worked on by run 2 .* This run goes no further\./,
    );
    await two.end();
    await one.locks.require('stop');
    await one.end();
  });

  test('of which the second may not see whether the first lives: it waits for its expiry', async () => {
    const one = runOn(here);
    await one.begin();
    await hideLocks('imageswe1');
    const two = runOn(there);
    const { snapshotId, lockUrl } = {
      snapshotId: one.plan.claim?.snapshot?.id ?? '',
      lockUrl: one.plan.locks.find(({ isOfVm }) => isOfVm)?.url ?? '',
    };
    await expect(two.begin()).rejects.toThrow(
      `This run may not see whether that one still lives (its lock is "${lockUrl}"): run again when it has ended; if it is dead, after 2026-03-02T10:00:00.000Z, or delete the snapshot: az snapshot delete --ids "${snapshotId}"`,
    );
    await two.clock.sleep(Date.UTC(2026, 2, 2, 10), signal);
    await two.begin();
    await two.end();
    await one.end();
  });
});

describe('a claim', () => {
  test('of an earlier attempt of the same run is none to the next one', async () => {
    const one = runOn(here);
    await one.begin();
    const run = runOf({ ...here.run, attempt: '2', key: '333333333333' });
    const next = runOn({ ...there, run });
    await next.begin();
    await next.end();
    await one.end();
  });

  test('is respected, and not made, by runs that only read the VM', async () => {
    const inputs = inputsOf({ generalize: 'none', sourcePower: 'keep' });
    const reading = runOn({ ...there, inputs });
    await reading.begin();
    expect(await claims()).toEqual([]);
    const one = runOn(here);
    await one.begin();
    await reading.end();
    await expect(reading.begin()).rejects.toThrow('VM "builder" is worked on by run 1');
    await reading.end();
    await one.end();
  });

  test('whose lock is no blob of this cloud is looked at nowhere', async () => {
    const one = runOn(here);
    await one.begin();
    const { id = '', tags = {} } = one.plan.claim?.snapshot ?? {};
    const foreign = { ...tags, 'vm-to-vhd-lock': 'https://imageswe1.blob.example.org/vhds/x.lock' };
    await azure.compute.tagSnapshot(id, foreign, signal);
    const two = runOn(there);
    await expect(two.begin()).rejects.toThrow('This run may not see whether that one still lives');
    expect((await local.calls()).filter(({ host }) => host.endsWith('example.org'))).toEqual([]);
    await two.end();
    await one.end();
  });

  test('is looked for in the group of the VM too, where that may be seen', async () => {
    const one = runOn(here);
    await one.begin();
    const inputs = inputsOf({ snapshotResourceGroup: 'snapshots' });
    const two = runOn({ ...there, inputs });
    await expect(two.begin()).rejects.toThrow('VM "builder" is worked on by run 1');
    await two.end();
    await one.end();
  });
});
