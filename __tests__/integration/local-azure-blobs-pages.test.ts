import { createHash } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { PageBlobClient, PageBlobUploadPagesFromURLOptions } from '@azure/storage-blob';
import { crc64 } from '../../local-azure/blobs/crc64.ts';
import { createDiskImages } from '../../local-azure/disks/images.ts';
import {
  bearerOf,
  blobScenario,
  diskContent,
  firstOnlyId,
  grantSas,
  makePages,
  MIB,
  readerId,
  refusalOf,
  revokeSas,
  vhds,
} from '../support/blob-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { send, type Answer } from '../support/send.ts';

const GIB = 1024 * MIB;
const sourceStatus = 'x-ms-copy-source-status-code';
const sourceCode = 'x-ms-copy-source-error-code';

let azure: LocalAzure;
let target: PageBlobClient;

beforeAll(async () => {
  azure = await startLocalAzure(blobScenario());
  useLocalAzure(azure);
});

beforeEach(async () => {
  await azure.reset(blobScenario());
  target = vhds().getPageBlobClient('target.vhd');
  await target.create(GIB + 512);
});

describe('Put Page', () => {
  // The first two are answers of the service that Azure's own SDK tests recorded; the third is the check value of
  // CRC-64/NVME, ae8b14860a799888, which has the same parameters.
  test.each([
    { bytes: Buffer.alloc(8192, 'a'), sum: 'ERTjv26IbjE=' },
    { bytes: Buffer.alloc(4096, 'a'), sum: 'Ep3PX5ZZvPI=' },
    { bytes: Buffer.from('123456789'), sum: 'iJh5CoYUi64=' },
  ])('sums bytes as Azure does: $sum', ({ bytes, sum }) => {
    expect(crc64(bytes)).toBe(sum);
  });

  test('answers with the CRC-64 of the pages, or with an MD5 to who sent one', async () => {
    const bytes = Buffer.alloc(8192, 'a');
    const plain = await target.uploadPages(bytes, 0, bytes.length);
    expect(Buffer.from(plain.xMsContentCrc64 ?? []).toString('base64')).toBe('ERTjv26IbjE=');
    expect(plain.contentMD5).toBeUndefined();
    const md5 = createHash('md5').update(bytes).digest();
    const summed = await target.uploadPages(bytes, 0, bytes.length, {
      transactionalContentMD5: md5,
    });
    expect(Buffer.from(summed.contentMD5 ?? [])).toEqual(md5);
    expect(summed.xMsContentCrc64).toBeUndefined();
  });

  test('takes a checksum of the client only where it is right', async () => {
    const bytes = Buffer.alloc(512, 1);
    const wrong = Buffer.alloc(8);
    const crc = target.uploadPages(bytes, 0, 512, { transactionalContentCrc64: wrong });
    expect(await refusalOf(crc)).toEqual([400, 'Crc64Mismatch']);
    const md5 = target.uploadPages(bytes, 0, 512, { transactionalContentMD5: Buffer.alloc(16) });
    expect(await refusalOf(md5)).toEqual([400, 'Md5Mismatch']);
    const right = Buffer.from(crc64(bytes), 'base64');
    await target.uploadPages(bytes, 0, 512, { transactionalContentCrc64: right });
    expect((await target.getPageRanges()).pageRange).toHaveLength(1);
  });

  test('writes 4 MiB at most, whole pages, inside the blob', async () => {
    const large = Buffer.alloc(4 * MIB + 512);
    expect(await refusalOf(target.uploadPages(large, 0, large.length))).toEqual([
      413,
      'RequestBodyTooLarge',
    ]);
    expect(await refusalOf(target.uploadPages(Buffer.alloc(100), 0, 100))).toEqual([
      416,
      'InvalidPageRange',
    ]);
    expect(await refusalOf(target.uploadPages(Buffer.alloc(1024), GIB, 1024))).toEqual([
      416,
      'InvalidPageRange',
    ]);
    expect(await refusalOf(target.clearPages(GIB, 1024))).toEqual([416, 'InvalidPageRange']);
  });
});

describe('Put Page From URL', () => {
  test('writes pages of an export with the checksum that they have there', async () => {
    const sas = await grantSas();
    const image = await createDiskImages().open(diskContent, 'source', GIB);
    const bytes = await image.read(0, 4096);
    const written = await target.uploadPagesFromURL(sas, 0, 1 * MIB, 4096);
    expect(Buffer.from(written.xMsContentCrc64 ?? []).toString('base64')).toBe(crc64(bytes));
    expect(written).toMatchObject({ blobSequenceNumber: 0, contentMD5: undefined });
    expect((await target.downloadToBuffer(1 * MIB, 4096)).equals(bytes)).toBe(true);
    await target.uploadPagesFromURL(sas, GIB, GIB, 512);
    expect((await target.downloadToBuffer(GIB, 512)).equals(image.footer)).toBe(true);
  });

  test('stores the zeros of its source as data', async () => {
    await target.uploadPagesFromURL(await grantSas(), GIB - 8 * MIB, 0, 4 * MIB);
    const { pageRange } = await target.getPageRanges();
    expect(pageRange?.map(({ offset, count }) => [offset, count])).toEqual([[0, 4 * MIB - 1]]);
  });

  test('reads a blob of its own account as the caller may', async () => {
    const source = await makePages('source.vhd', Buffer.alloc(4 * MIB, 'b'));
    await target.uploadPagesFromURL(source.url, 0, 512, 4 * MIB);
    const bytes = await target.downloadToBuffer(512, 4 * MIB);
    expect(bytes.equals(Buffer.alloc(4 * MIB, 'b'))).toBe(true);
  });

  test('reads a blob of another account with a token of who may read it', async () => {
    const source = await makePages('source.vhd', Buffer.alloc(512, 'c'), 'images2');
    const write = async (clientId?: string) =>
      await target.uploadPagesFromURL(source.url, 0, 0, 512, {
        sourceAuthorization: { scheme: 'Bearer', value: (await bearerOf(clientId)).slice(7) },
      });
    await write(readerId);
    expect(await target.downloadToBuffer(0, 512)).toEqual(Buffer.alloc(512, 'c'));
    expect(await refusalOf(write(firstOnlyId), sourceStatus, sourceCode)).toEqual([
      403,
      'CannotVerifyCopySource',
      '403',
      'AuthorizationPermissionMismatch',
    ]);
    expect(await refusalOf(target.uploadPagesFromURL(source.url, 0, 0, 512))).toEqual([
      401,
      'CannotVerifyCopySource',
    ]);
  });

  test('checks the checksum that the client expects of its source', async () => {
    const source = await makePages('source.vhd', Buffer.alloc(512, 'd'));
    const md5 = createHash('md5').update(Buffer.alloc(512, 'd')).digest();
    const write = (options: PageBlobUploadPagesFromURLOptions) =>
      target.uploadPagesFromURL(source.url, 0, 0, 512, options);
    expect(Buffer.from((await write({ sourceContentMD5: md5 })).contentMD5 ?? [])).toEqual(md5);
    expect(await refusalOf(write({ sourceContentMD5: Buffer.alloc(16) }))).toEqual([
      400,
      'Md5Mismatch',
    ]);
    expect(await refusalOf(write({ sourceContentCrc64: Buffer.alloc(8) }))).toEqual([
      400,
      'Crc64Mismatch',
    ]);
  });

  test('keeps the conditions on its destination and on its source', async () => {
    const source = await makePages('source.vhd', Buffer.alloc(512, 'e'));
    const { etag = '' } = await source.getProperties();
    const write = (options: PageBlobUploadPagesFromURLOptions) =>
      target.uploadPagesFromURL(source.url, 0, 0, 512, options);
    await write({ sourceConditions: { ifMatch: etag } });
    const old = write({ sourceConditions: { ifMatch: '"0x1"' } });
    expect(await refusalOf(old, sourceStatus)).toEqual([412, 'CannotVerifyCopySource', '412']);
    const same = write({ sourceConditions: { ifNoneMatch: etag } });
    expect(await refusalOf(same)).toEqual([304, 'CannotVerifyCopySource']);
    expect(await refusalOf(write({ conditions: { ifMatch: '"0x1"' } }))).toEqual([
      412,
      'ConditionNotMet',
    ]);
    await target.updateSequenceNumber('update', 7);
    const late = write({ conditions: { ifSequenceNumberLessThan: 7 } });
    expect(await refusalOf(late)).toEqual([412, 'SequenceNumberConditionNotMet']);
    const written = await write({ conditions: { ifSequenceNumberEqualTo: 7 } });
    expect(written.blobSequenceNumber).toBe(7);
  });

  test('writes to a leased blob for the holder of the lease only', async () => {
    const sas = await grantSas();
    const { leaseId = '' } = await target.getBlobLeaseClient().acquireLease(60);
    expect(await refusalOf(target.uploadPagesFromURL(sas, 0, 0, 512))).toEqual([
      412,
      'LeaseIdMissing',
    ]);
    const held = { conditions: { leaseId } };
    expect(await target.uploadPagesFromURL(sas, 0, 0, 512, held)).toHaveProperty('etag');
  });

  test('is refused while a copy onto its destination is pending', async () => {
    const sas = await grantSas();
    await azure.setFaults([
      { match: { path: '/target' }, action: { kind: 'copy', end: 'stalled' } },
    ]);
    await target.beginCopyFromURL(sas);
    expect(await refusalOf(target.uploadPagesFromURL(sas, 0, 0, 512))).toEqual([
      409,
      'PendingCopyOperation',
    ]);
  });

  test.each([
    { name: 'more than 4 MiB', length: 4 * MIB + 512, status: 413, code: 'RequestBodyTooLarge' },
    { name: 'half a page', length: 256, status: 416, code: 'InvalidPageRange' },
    {
      name: 'what ends beyond its end',
      at: GIB,
      length: 1024,
      status: 416,
      code: 'InvalidPageRange',
    },
    {
      name: 'another length than it reads',
      length: 1024,
      sourceLength: 512,
      status: 400,
      code: 'InvalidHeaderValue',
    },
    {
      name: 'a source without a range',
      length: 512,
      sourceLength: 0,
      status: 400,
      code: 'MissingRequiredHeader',
    },
  ])('refuses $name', async ({ at = 0, length, sourceLength = length, status, code }) => {
    const sas = await grantSas();
    const answer = await putPages({
      'x-ms-copy-source': sas,
      'x-ms-range': `bytes=${at}-${at + length - 1}`,
      ...(sourceLength > 0 && { 'x-ms-source-range': `bytes=0-${sourceLength - 1}` }),
    });
    expect([answer.status, answer.header('x-ms-error-code')]).toEqual([status, code]);
  });

  test('tells what its source answers: a SAS that is over, a blob that is missing, a range beyond its end', async () => {
    const sas = await grantSas();
    const beyond = target.uploadPagesFromURL(sas, GIB, 0, 1024);
    expect(await refusalOf(beyond, sourceStatus, sourceCode)).toEqual([
      416,
      'CannotVerifyCopySource',
      '416',
      'InvalidRange',
    ]);
    await revokeSas();
    const over = target.uploadPagesFromURL(sas, 0, 0, 512);
    expect(await refusalOf(over, sourceStatus, sourceCode)).toEqual([
      403,
      'CannotVerifyCopySource',
      '403',
      'AuthenticationFailed',
    ]);
    const missing = target.uploadPagesFromURL(`${vhds().url}/none.vhd`, 0, 0, 512);
    expect(await refusalOf(missing, sourceStatus, sourceCode)).toEqual([
      404,
      'CannotVerifyCopySource',
      '404',
      'BlobNotFound',
    ]);
  });

  test('says nothing of its source to a client of an old version', async () => {
    const answer = await putPages({
      'x-ms-version': '2020-10-02',
      'x-ms-copy-source': `${vhds().url}/none.vhd`,
      'x-ms-range': 'bytes=0-511',
      'x-ms-source-range': 'bytes=0-511',
    });
    expect([answer.status, answer.header(sourceStatus)]).toEqual([404, undefined]);
    expect(answer.body).not.toContain('<CopySource');
  });
});

test('ranges come merged, in windows, and a page of the list at a time', async () => {
  for (const at of [0, 1, 2, 5, 9]) await target.uploadPages(Buffer.alloc(512, 1), at * 512, 512);
  const startsOf = async (offset: number, count: number, maxPageSize: number) => {
    const pages = target.listPageRanges(offset, count).byPage({ maxPageSize });
    const starts: number[][] = [];
    for await (const { pageRange = [] } of pages) starts.push(pageRange.map(({ start }) => start));
    return starts;
  };
  expect(await startsOf(0, GIB, 2)).toEqual([[0, 5 * 512], [9 * 512]]);
  expect(await startsOf(512, 5 * 512, 2)).toEqual([[512, 5 * 512]]);
});

async function putPages(headers: Readonly<Record<string, string>>): Promise<Answer> {
  return await send(`${target.url}?comp=page`, {
    method: 'PUT',
    headers: {
      authorization: await bearerOf(),
      'x-ms-version': '2025-01-05',
      'x-ms-page-write': 'update',
      'content-length': '0',
      ...headers,
    },
  });
}
