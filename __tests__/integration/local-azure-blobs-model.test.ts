import type { PageBlobClient } from '@azure/storage-blob';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ScenarioModel } from '../../local-azure/scenario.ts';
import {
  blobAt,
  blobScenario,
  grantSas,
  makePages,
  MIB,
  refusalOf,
  vhds,
} from '../support/blob-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(blobScenario());
  useLocalAzure(azure);
});

/** Starts anew with a model. */
async function useModel(model: ScenarioModel): Promise<void> {
  await azure.reset({ ...blobScenario(), model });
}

const once = { requestsPerSecond: 2 };
const busy = [503, 'ServerBusy', '9'];

/** What happens to many reads at once. */
async function readAtOnce(read: () => Promise<unknown>): Promise<readonly (readonly unknown[])[]> {
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, () =>
      refusalOf(read(), 'retry-after').catch((error: unknown) => [
        error instanceof Error ? error.message : error,
      ]),
    ),
  );
  return outcomes.filter(([status]) => status === 503);
}

describe('budgets', () => {
  test('of a blob end in 503 with the time to wait, for this blob only', async () => {
    await useModel({ blobs: { perBlob: once, retryAfterSeconds: 9 } });
    const blob = vhds().getPageBlobClient('a.vhd');
    await blob.create(512);
    const refused = await readAtOnce(() => blob.getProperties());
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify(busy)]),
    );
    await vhds().getPageBlobClient('b.vhd').create(512);
  });

  test('of an account hold for all of its blobs together', async () => {
    await useModel({ blobs: { perAccount: once, retryAfterSeconds: 9 } });
    let blob = 0;
    const refused = await readAtOnce(() =>
      vhds()
        .getPageBlobClient(`${(blob += 1)}`)
        .create(512),
    );
    expect(refused).toContainEqual(busy);
  });

  test('of an export hold for who reads it, and are told to who copies from it', async () => {
    await useModel({ blobs: { perExport: once, retryAfterSeconds: 9 } });
    const sas = await grantSas();
    expect(await readAtOnce(() => blobAt(sas).getProperties())).toContainEqual(busy);
    const target = await makePages('target.vhd', Buffer.alloc(512, 1));
    const refused = await readAtOnce(() => target.uploadPagesFromURL(sas, 0, 0, 512));
    expect(refused.map(([, code]) => code)).toContain('CannotVerifyCopySource');
  });

  test('of a destination are told as its own, and not as those of its source', async () => {
    await useModel({ blobs: { perBlob: once, retryAfterSeconds: 9 } });
    const sas = await grantSas();
    const target = vhds().getPageBlobClient('target.vhd');
    await target.create(MIB);
    const refused = await readAtOnce(() => target.uploadPagesFromURL(sas, 0, 0, 512));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify(busy)]),
    );
  });

  test('wait while the queue is short enough', async () => {
    await useModel({ blobs: { perBlob: { requestsPerSecond: 100 }, longestQueueMs: 60_000 } });
    const blob = await makePages('a.vhd', Buffer.alloc(512, 1));
    expect(await readAtOnce(() => blob.getProperties())).toEqual([]);
  });
});

describe('a blob that is being written', () => {
  const header = 'x-ms-copy-source-status-code';
  const write = async () => {
    const source = await makePages('source.vhd', Buffer.alloc(512, 1));
    const target = await makePages('target.vhd', Buffer.alloc(512, 2));
    return await target.uploadPagesFromURL(source.url, 0, 0, 512);
  };

  test('is no source for other writes where the model says so', async () => {
    await useModel({ blobs: { readWhileWritten: 'refused', writtenForMs: 600_000 } });
    expect(await refusalOf(write(), header)).toEqual([412, 'CannotVerifyCopySource', '412']);
  });

  test('is one again once its writes are over', async () => {
    await useModel({ blobs: { readWhileWritten: 'refused', writtenForMs: 0 } });
    expect((await write()).etag).toBeDefined();
  });
});

describe('copies', () => {
  test('into an account run one after another', async () => {
    await useModel({ copyMiBPerSecond: 0.01, blobs: { copiesInTurn: true } });
    const sas = await grantSas();
    const [first, second] = ['first.vhd', 'second.vhd'].map((name) =>
      vhds().getPageBlobClient(name),
    );
    if (first === undefined || second === undefined) throw new Error('There are two.');
    await first.beginCopyFromURL(sas);
    await second.beginCopyFromURL(sas);
    // Each has pieces in flight; the second writes none before the first is over.
    await readUntil(
      async () => (await first.getProperties()).copyProgress?.startsWith('0/') === false,
    );
    const { copyId = '', copyProgress } = await first.getProperties();
    expect(copyProgress).not.toMatch(/^0\//);
    expect((await second.getProperties()).copyProgress).toMatch(/^0\//);
    await first.abortCopyFromURL(copyId);
    await readUntil(
      async () => (await second.getProperties()).copyProgress?.startsWith('0/') === false,
    );
    const { copyId: secondId = '', copyStatus } = await second.getProperties();
    expect(copyStatus).toBe('pending');
    await second.abortCopyFromURL(secondId);
  });

  test('of an export share what it has where the model says so', async () => {
    const perExport = { mibPerSecond: 0.001 };
    await useModel({ blobs: { perExport, copiesUseBudgets: true } });
    const copy = vhds().getPageBlobClient('copy.vhd');
    await copy.beginCopyFromURL(await grantSas());
    await readUntil(
      async () => !((await copy.getProperties()).copyProgress ?? '0/').startsWith('0/'),
    );
    // Eight MiB would take hours.
    const { copyId = '', copyStatus } = await copy.getProperties();
    expect(copyStatus).toBe('pending');
    await copy.abortCopyFromURL(copyId);
  });

  test('within an account take their time without bytes', async () => {
    await useModel({ blobs: { ownCopyMs: { p50: 600_000, p99: 600_001 } } });
    const source = await makePages('source.vhd', Buffer.alloc(512, 1));
    const copy = vhds().getPageBlobClient('copy.vhd');
    await copy.beginCopyFromURL(source.url);
    const { copyStatus, copyId = '' } = await copy.getProperties();
    expect(copyStatus).toBe('pending');
    await copy.abortCopyFromURL(copyId);
    expect((await copy.getProperties()).copyStatus).toBe('aborted');
  });
});

test('copies within an account run one after another too where the model says so', async () => {
  const ownCopyMs = { p50: 600_000, p99: 600_001 };
  await useModel({ blobs: { ownCopyMs, ownCopiesInTurn: true } });
  const source = await makePages('source.vhd', Buffer.alloc(MIB, 1));
  const [first, second] = ['first.vhd', 'second.vhd'].map((name) => vhds().getPageBlobClient(name));
  if (first === undefined || second === undefined) throw new Error('There are two.');
  await first.beginCopyFromURL(source.url);
  await second.beginCopyFromURL(source.url);
  const progress = async (blob: PageBlobClient) => (await blob.getProperties()).copyProgress ?? '';
  await readUntil(async () => !(await progress(first)).startsWith('0/'));
  expect(await progress(second)).toMatch(/^0\//);
  await first.abortCopyFromURL((await first.getProperties()).copyId ?? '');
  await readUntil(async () => !(await progress(second)).startsWith('0/'));
  const { copyId = '', copyStatus } = await second.getProperties();
  expect(copyStatus).toBe('pending');
  await second.abortCopyFromURL(copyId);
});

/** Asks again and again, a bounded number of times. */
async function readUntil(isDone: () => Promise<boolean>): Promise<void> {
  for (let read = 0; read < 2000; read += 1) if (await isDone()) return;
  throw new Error('It did not come to that.');
}
