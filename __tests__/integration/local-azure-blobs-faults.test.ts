import { ComputeManagementClient } from '@azure/arm-compute';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FaultList } from '../../local-azure/edge/faults.ts';
import type { FaultRule } from '../../local-azure/scenario.ts';
import { findFaultProblems } from '../../local-azure/scenario-schema.ts';
import {
  bearerOf,
  blobAt,
  blobScenario,
  credentialOf,
  grantSas,
  makePages,
  MIB,
  refusalOf,
  subscriptionId,
  vhds,
} from '../support/blob-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { send } from '../support/send.ts';

const get = {
  method: 'GET',
  host: 'images1.blob.core.windows.net',
  path: '/vhds/a.vhd',
  headers: {},
};
const drop = { kind: 'drop' } as const;

/** Grants read access to a second disk and gives its SAS. */
async function grantOther(): Promise<string> {
  const { disks } = new ComputeManagementClient(credentialOf(), subscriptionId);
  const access = { access: 'Read', durationInSeconds: 3600 };
  const poller = disks.grantAccess('images', 'other', access, { updateIntervalInMs: 1 });
  return (await poller.pollUntilDone()).accessSAS ?? '';
}

/** Which of so many equal calls the rule strikes, from 1. */
function struckBy(rule: Omit<FaultRule, 'match' | 'action'>, calls: number): readonly number[] {
  const list = new FaultList();
  list.replace([{ match: { method: 'GET' }, action: drop, ...rule }]);
  return Array.from({ length: calls }, (_, index) => index + 1).filter(
    () => list.strike(get) !== undefined,
  );
}

describe('a rule', () => {
  test('strikes the share of calls that its rate says, the same ones for the same seed', () => {
    const first = struckBy({ rate: 0.2, seed: 1 }, 1000);
    expect(first.length).toBeGreaterThan(150);
    expect(first.length).toBeLessThan(250);
    expect(struckBy({ rate: 0.2, seed: 1 }, 1000)).toEqual(first);
    expect(struckBy({ rate: 0.2, seed: 2 }, 1000)).not.toEqual(first);
  });

  test('strikes from the nth call on, so many times, with a rate too', () => {
    expect(struckBy({ nth: 3, times: 2 }, 10)).toEqual([3, 4]);
    const some = struckBy({ rate: 0.5, nth: 5, times: 3 }, 100);
    expect(some).toHaveLength(3);
    expect(Math.min(...some)).toBeGreaterThanOrEqual(5);
  });

  test('ends after a number of calls', () => {
    expect(struckBy({ times: 0, until: 4 }, 10)).toEqual([1, 2, 3, 4]);
  });

  test('ends with a call of another kind, which it does not strike', () => {
    const list = new FaultList();
    list.replace([{ match: {}, times: 0, until: { method: 'DELETE' }, action: drop }]);
    const strikes = ['GET', 'PUT', 'DELETE', 'GET'].map((method) =>
      list.strike({ ...get, method }),
    );
    expect(strikes).toEqual([drop, drop, undefined, undefined]);
  });

  test.each([
    { rule: { rate: 0 }, problem: '/rate: must be > 0' },
    { rule: { rate: 2 }, problem: '/rate: must be <= 1' },
    { rule: { until: 0 }, problem: '/until: must be >= 1' },
    { rule: { until: { verb: 'GET' } }, problem: '/until: unknown property "verb"' },
  ])('is refused where it makes no sense: $problem', ({ rule, problem }) => {
    expect(findFaultProblems({ match: {}, action: drop, ...rule })).toEqual([problem]);
  });
});

describe('in the local Azure', () => {
  let azure: LocalAzure;

  beforeAll(async () => {
    azure = await startLocalAzure(blobScenario());
    useLocalAzure(azure);
  });

  beforeEach(async () => {
    await azure.reset(blobScenario());
  });

  test('a connection breaks in the middle of a body', async () => {
    const blob = await makePages('a.vhd', Buffer.alloc(1024 * 1024, 1));
    const headers = {
      authorization: await bearerOf(),
      'x-ms-version': '2024-11-04',
      range: 'bytes=0-1048575',
    };
    await azure.setFaults([
      { match: { method: 'GET', path: '/a\\.vhd' }, action: { kind: 'drop', afterBytes: 1000 } },
    ]);
    await expect(send(blob.url, { headers })).rejects.toThrow(
      /abort|reset|hang up|premature|terminated/i,
    );
    const struck = (await azure.calls()).find(({ fault }) => fault !== undefined);
    expect(struck).toMatchObject({ fault: 'drop', method: 'GET' });
    expect(struck?.status).toBeUndefined();
    expect(struck?.bytesOut).toBeGreaterThanOrEqual(1000);
    expect(struck?.bytesOut).toBeLessThan(10_000);
    expect((await send(blob.url, { headers })).status).toBe(206);
  });

  test.each([{ status: 412 as const }, { status: 304 as const }])(
    'a replica looks as if it were being written: $status',
    async ({ status }) => {
      const source = await makePages('source.vhd', Buffer.alloc(512, 1));
      const target = await makePages('target.vhd', Buffer.alloc(512, 2));
      await azure.setFaults([
        {
          match: { method: 'PUT', path: '/target\\.vhd\\?comp=page' },
          times: 0,
          action: { kind: 'source-modified', status },
        },
      ]);
      const write = target.uploadPagesFromURL(source.url, 0, 0, 512);
      const header = 'x-ms-copy-source-status-code';
      expect(await refusalOf(write, header)).toEqual([
        status,
        'CannotVerifyCopySource',
        String(status),
      ]);
      // An export never changes.
      const written = await target.uploadPagesFromURL(await grantSas(), 0, 0, 512);
      expect(written.etag).toBeDefined();
    },
  );

  test('a Copy Blob from a blob that is being written does not start', async () => {
    const source = await makePages('source.vhd', Buffer.alloc(512, 1));
    await azure.setFaults([
      { match: { path: '/copy\\.vhd' }, action: { kind: 'source-modified' } },
    ]);
    const copy = vhds().getPageBlobClient('copy.vhd').beginCopyFromURL(source.url);
    expect(await refusalOf(copy)).toEqual([412, 'SourceConditionNotMet']);
  });

  const fromUrl = {
    method: 'PUT',
    path: '/target\\.vhd\\?comp=page',
    headers: { 'x-ms-copy-source': '.' },
  };
  const sourceCode = 'x-ms-copy-source-error-code';
  const sourceStatus = 'x-ms-copy-source-status-code';

  test.each([
    { answer: { status: 503 }, told: [503, 'CannotVerifyCopySource', '503', 'ServerBusy'] },
    {
      answer: { status: 403 },
      told: [403, 'CannotVerifyCopySource', '403', 'AuthenticationFailed'],
    },
    {
      answer: { status: 409, code: 'BlobBeingWritten' },
      told: [409, 'CannotVerifyCopySource', '409', 'BlobBeingWritten'],
    },
  ])('a source answers with an error, which is relayed: $answer', async ({ answer, told }) => {
    const target = await makePages('target.vhd', Buffer.alloc(512, 2));
    const [sas, source] = [await grantSas(), await makePages('source.vhd', Buffer.alloc(512, 1))];
    await azure.setFaults([
      {
        match: { ...fromUrl, headers: { 'x-ms-copy-source': 'https://md-' } },
        times: 0,
        action: { kind: 'source-answer', ...answer },
      },
    ]);
    const fromExport = target.uploadPagesFromURL(sas, 0, 0, 512);
    expect(await refusalOf(fromExport, sourceStatus, sourceCode)).toEqual(told);
    expect((await target.uploadPagesFromURL(source.url, 0, 0, 512)).etag).toBeDefined();
  });

  test('the answer to a write is lost, before the write or after it', async () => {
    const target = await makePages('target.vhd', Buffer.alloc(512, 2));
    const source = await makePages('source.vhd', Buffer.alloc(512, 1));
    const write = () => target.uploadPagesFromURL(source.url, 0, 0, 512);
    const first = async () => (await target.downloadToBuffer(0, 1)).readUInt8();
    await azure.setFaults([{ match: fromUrl, action: { kind: 'drop' } }]);
    await expect(write()).rejects.toThrow(/abort|reset|hang up|terminated/i);
    expect(await first()).toBe(2);
    await azure.setFaults([{ match: fromUrl, action: { kind: 'drop', afterBytes: 0 } }]);
    await expect(write()).rejects.toThrow(/abort|reset|hang up|terminated/i);
    expect(await first()).toBe(1);
  });

  test.each([
    { what: 'blob' as const, code: 'BlobNotFound' },
    { what: 'container' as const, code: 'ContainerNotFound' },
  ])('a $what vanishes under a write', async ({ what, code }) => {
    const target = await makePages('target.vhd', Buffer.alloc(512, 2));
    const source = await makePages('source.vhd', Buffer.alloc(512, 1), 'images2');
    await makePages('other.vhd', Buffer.alloc(512, 3));
    await azure.setFaults([{ match: fromUrl, nth: 2, action: { kind: 'vanish', what } }]);
    const sourceAuthorization = { scheme: 'Bearer', value: (await bearerOf()).slice(7) };
    const write = () => target.uploadPagesFromURL(source.url, 0, 0, 512, { sourceAuthorization });
    await write();
    expect(await refusalOf(write())).toEqual([404, code]);
    const left = (await azure.state()).blobs.map(({ name }) => name);
    expect(left).toEqual(what === 'blob' ? ['other.vhd', 'source.vhd'] : ['source.vhd']);
  });

  test('an account refuses from some call on', async () => {
    const target = await makePages('target.vhd', Buffer.alloc(512, 2));
    const source = await makePages('source.vhd', Buffer.alloc(512, 1));
    await azure.setFaults([
      {
        match: fromUrl,
        nth: 3,
        times: 0,
        action: { kind: 'answer', status: 403, code: 'AuthorizationFailure' },
      },
    ]);
    const outcomes: unknown[] = [];
    for (let call = 0; call < 5; call += 1) {
      const write = target.uploadPagesFromURL(source.url, 0, 0, 512);
      outcomes.push(
        await write.then(
          () => 'written',
          () => refusalOf(write),
        ),
      );
    }
    const refused = [403, 'AuthorizationFailure'];
    expect(outcomes).toEqual(['written', 'written', refused, refused, refused]);
    await target.uploadPages(Buffer.alloc(512, 4), 0, 512);
  });

  test('the SAS of one disk ends and those of others go on, and so does its successor', async () => {
    await azure.reset(
      blobScenario({
        disks: ['source', 'other'].map((name) => ({ resourceGroup: 'images', name, sizeGiB: 1 })),
      }),
    );
    const [one, two] = [await grantSas(), await grantOther()];
    const headOf = (sas: string) => blobAt(sas).getProperties();
    const endFirst = { kind: 'end-sas', resource: '/disks/source$' } as const;
    await azure.setFaults([
      { match: { host: '^md-' }, nth: 3, action: endFirst },
      { match: { host: '^md-' }, nth: 6, action: endFirst },
    ]);
    await headOf(one);
    await headOf(two);
    expect(await refusalOf(headOf(one))).toEqual([403, 'AuthenticationFailed']);
    await headOf(two);
    const again = await grantSas();
    await headOf(again);
    expect(await refusalOf(headOf(again))).toEqual([403, 'AuthenticationFailed']);
    await headOf(two);
  });

  test('page ranges of an export time out when they are asked for in a large window', async () => {
    const sas = await grantSas();
    const timeOut = { kind: 'answer', status: 500, code: 'OperationTimedOut' } as const;
    await azure.setFaults([
      {
        match: { host: '^md-', path: 'comp=pagelist', longerThan: 64 * MIB },
        times: 0,
        action: timeOut,
      },
    ]);
    const ask = (bytes?: number) => blobAt(sas).getPageRanges(0, bytes);
    expect(await refusalOf(ask())).toEqual([500, 'OperationTimedOut']);
    expect(await refusalOf(ask(64 * MIB + 512))).toEqual([500, 'OperationTimedOut']);
    expect((await ask(64 * MIB)).pageRange).not.toEqual([]);
  });

  test('some of many calls are busy, until the rule is over', async () => {
    const blob = await makePages('a.vhd', Buffer.alloc(512, 1));
    await azure.setFaults([
      {
        match: { method: 'HEAD', path: '/a\\.vhd' },
        rate: 0.5,
        seed: 3,
        until: 20,
        action: {
          kind: 'answer',
          status: 503,
          code: 'ServerBusy',
          headers: { 'Retry-After': '1' },
        },
      },
    ]);
    const statuses: boolean[] = [];
    for (let call = 0; call < 40; call += 1) {
      const outcome = await blob.getProperties().then(
        () => false,
        () => true,
      );
      statuses.push(outcome);
    }
    const expected = struckBy({ rate: 0.5, seed: 3, until: 20 }, 40);
    expect(statuses.flatMap((isBusy, index) => (isBusy ? [index + 1] : []))).toEqual(expected);
  });
});
