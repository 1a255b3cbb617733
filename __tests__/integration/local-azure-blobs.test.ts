import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import {
  AnonymousCredential,
  BlobServiceClient,
  PageBlobClient,
  StorageSharedKeyCredential,
  type BlobBeginCopyFromURLOptions,
  type BlobGetPropertiesResponse,
  type BlobItem,
  type ContainerClient,
} from '@azure/storage-blob';
import { createDiskImages } from '../../local-azure/disks/images.ts';
import type { FaultAction, Scenario } from '../../local-azure/scenario.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const tenantId = '11111111-1111-4111-8111-111111111111';
const subscriptionId = '22222222-2222-4222-8222-222222222222';
const writerId = '33333333-3333-4333-8333-333333333333';
const readerId = '44444444-4444-4444-8444-444444444444';
const adderId = '55555555-5555-4555-8555-555555555555';
const diskContent = { seed: 42, dataMiB: 24 };

const scenario: Scenario = {
  tenantId,
  subscriptions: [{ id: subscriptionId }],
  resourceGroups: [{ name: 'images', location: 'westeurope' }],
  disks: [{ resourceGroup: 'images', name: 'source', sizeGiB: 1, content: diskContent }],
  storageAccounts: [
    {
      resourceGroup: 'images',
      name: 'images1',
      containers: [
        {
          name: 'vhds',
          blobs: [
            { name: 'old.vhd', type: 'PageBlob', sizeBytes: 1024, metadata: { Made: 'before' } },
            { name: 'leased.vhd', type: 'PageBlob', leased: true },
            { name: 'notes/read me.txt', type: 'BlockBlob', text: 'three words here' },
          ],
        },
      ],
    },
    { resourceGroup: 'images', name: 'images2', containers: [{ name: 'vhds' }] },
    {
      resourceGroup: 'images',
      name: 'premiumblocks',
      kind: 'BlockBlobStorage',
      sku: 'Premium_LRS',
    },
    { resourceGroup: 'images', name: 'premiumpages', sku: 'Premium_LRS' },
    { resourceGroup: 'images', name: 'walled', networkDefaultAction: 'Deny' },
    { resourceGroup: 'images', name: 'nokeys', allowSharedKeyAccess: false },
    {
      resourceGroup: 'images',
      name: 'scoped',
      allowedCopyScope: 'AAD',
      containers: [{ name: 'vhds' }],
    },
  ],
  identities: [
    {
      name: 'writer',
      clientId: writerId,
      clientSecret: 'secret',
      roleAssignments: [{ role: 'Contributor' }, { role: 'Storage Blob Data Contributor' }],
    },
    {
      name: 'reader',
      clientId: readerId,
      clientSecret: 'secret',
      roleAssignments: [{ role: 'Storage Blob Data Reader' }],
    },
    {
      name: 'adder',
      clientId: adderId,
      clientSecret: 'secret',
      roleAssignments: [
        {
          role: {
            dataActions: [
              'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action',
            ],
          },
        },
      ],
    },
  ],
};

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
  useLocalAzure(azure);
});

beforeEach(async () => {
  await azure.reset(scenario);
});

function credentialOf(clientId = writerId): ClientSecretCredential {
  return new ClientSecretCredential(tenantId, clientId, 'secret');
}

function serviceOf(account: string, clientId = writerId): BlobServiceClient {
  const url = `https://${account}.blob.core.windows.net`;
  return new BlobServiceClient(url, credentialOf(clientId), { retryOptions: { maxTries: 1 } });
}

function vhds(account = 'images1', clientId = writerId): ContainerClient {
  return serviceOf(account, clientId).getContainerClient('vhds');
}

/** Grants read access to the disk and gives its SAS. */
async function grantSas(durationInSeconds = 3600): Promise<string> {
  const { disks } = new ComputeManagementClient(credentialOf(), subscriptionId);
  const poller = disks.grantAccess(
    'images',
    'source',
    { access: 'Read', durationInSeconds },
    { updateIntervalInMs: 1 },
  );
  const { accessSAS } = await poller.pollUntilDone();
  if (accessSAS === undefined) throw new Error('No SAS was granted.');
  return accessSAS;
}

async function revokeSas(): Promise<void> {
  const { disks } = new ComputeManagementClient(credentialOf(), subscriptionId);
  await disks.revokeAccess('images', 'source', { updateIntervalInMs: 1 }).pollUntilDone();
}

/** Starts a copy and gives its ID; nothing has asked for its status yet. */
async function startCopy(
  blob: PageBlobClient,
  source: string,
  options: BlobBeginCopyFromURLOptions = {},
): Promise<string> {
  const poller = await blob.beginCopyFromURL(source, options);
  const { state } = JSON.parse(poller.toString()) as { state: { copyId: string } };
  return state.copyId;
}

/** Reads the properties until the copy is over; reads are bounded. */
async function readUntilEnded(blob: PageBlobClient): Promise<BlobGetPropertiesResponse> {
  for (let read = 0; read < 5000; read += 1) {
    const properties = await blob.getProperties();
    if (properties.copyStatus !== 'pending') return properties;
  }
  throw new Error('The copy did not end.');
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A client for a URL that holds its own authorization. */
function blobAt(url: string): PageBlobClient {
  return new PageBlobClient(url, new AnonymousCredential(), { retryOptions: { maxTries: 1 } });
}

/** What a call fails with. */
function refusal(statusCode: number, code: string): unknown {
  // An answer to HEAD has no body, and its code is in a header only.
  const details: unknown = expect.objectContaining({ errorCode: code });
  return expect.objectContaining({ statusCode, details });
}

describe('gateway', () => {
  test('makes, reads and lists what the scenario names', async () => {
    const names: string[] = [];
    for await (const blob of vhds().listBlobsFlat({ includeMetadata: true })) {
      names.push(
        `${blob.name} ${blob.properties.blobType ?? ''} ${blob.properties.leaseState ?? ''}`,
      );
    }
    expect(names).toEqual([
      'leased.vhd PageBlob leased',
      'notes/read me.txt BlockBlob available',
      'old.vhd PageBlob available',
    ]);
    const text = await vhds().getBlobClient('notes/read me.txt').downloadToBuffer();
    expect(text.toString()).toBe('three words here');
    const { blobs } = await azure.state();
    expect(blobs.find(({ name }) => name === 'old.vhd')).toEqual({
      account: 'images1',
      container: 'vhds',
      name: 'old.vhd',
      url: 'https://images1.blob.core.windows.net/vhds/old.vhd',
      blobType: 'PageBlob',
      contentLength: 1024,
      metadata: { Made: 'before' },
      leaseState: 'available',
    });
  });

  test('writes pages and reads them back, with merged ranges', async () => {
    const blob = vhds().getPageBlobClient('pages.vhd');
    const created = await blob.create(8 * KIB, { metadata: { kind: 'test' } });
    expect(created.version).toBe(created._response.request.headers.get('x-ms-version'));
    await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
    await blob.uploadPages(Buffer.alloc(512, 2), 512, 512);
    await blob.uploadPages(Buffer.alloc(1024, 3), 4 * KIB, 1024);
    const ranges = [];
    for await (const range of blob.listPageRanges()) ranges.push(range);
    expect(ranges).toEqual([
      { start: 0, end: 1023, isClear: false },
      { start: 4096, end: 5119, isClear: false },
    ]);
    const [page] = await collect(blob.listPageRanges(256, 4 * KIB).byPage());
    expect(page?.pageRange).toEqual([
      { start: 0, end: 1023 },
      { start: 4096, end: 4607 },
    ]);
    const bytes = await blob.downloadToBuffer(256, 512);
    expect(bytes.equals(Buffer.concat([Buffer.alloc(256, 1), Buffer.alloc(256, 2)]))).toBe(true);
    expect((await blob.getProperties()).metadata).toEqual({ kind: 'test' });
  });

  test('lists page ranges in pages of a list', async () => {
    const blob = vhds().getPageBlobClient('many.vhd');
    await blob.create(8 * KIB);
    for (const page of [0, 2, 4, 6, 8])
      await blob.uploadPages(Buffer.alloc(512, 1), page * 512, 512);
    const pages = await collect(blob.listPageRanges().byPage({ maxPageSize: 2 }));
    expect(pages.map(({ pageRange }) => pageRange?.map(({ start }) => start))).toEqual([
      [0, 1024],
      [2048, 3072],
      [4096],
    ]);
  });

  test.each([
    {
      name: 'a blob that is missing',
      code: 'BlobNotFound',
      status: 404,
      run: () => vhds().getPageBlobClient('none').download(),
    },
    {
      name: 'a blob that is missing, asked for by HEAD',
      code: 'BlobNotFound',
      status: 404,
      run: () => vhds().getPageBlobClient('none').getProperties(),
    },
    {
      name: 'a container that is missing',
      code: 'ContainerNotFound',
      status: 404,
      run: () => serviceOf('images1').getContainerClient('none').getPageBlobClient('a').create(512),
    },
    {
      name: 'a blob that exists already',
      code: 'BlobAlreadyExists',
      status: 409,
      run: () =>
        vhds()
          .getPageBlobClient('old.vhd')
          .create(512, { conditions: { ifNoneMatch: '*' } }),
    },
    {
      name: 'an ETag that is another',
      code: 'ConditionNotMet',
      status: 412,
      run: () =>
        vhds()
          .getPageBlobClient('old.vhd')
          .delete({ conditions: { ifMatch: '"0x1"' } }),
    },
    {
      name: 'a write under a lease',
      code: 'LeaseIdMissing',
      status: 412,
      run: () => vhds().getPageBlobClient('leased.vhd').uploadPages(Buffer.alloc(512), 0, 512),
    },
    {
      name: 'a write beyond the end',
      code: 'InvalidPageRange',
      status: 416,
      run: () => vhds().getPageBlobClient('old.vhd').uploadPages(Buffer.alloc(1024), 512, 1024),
    },
    {
      name: 'a page blob of more than 8 TiB',
      code: 'InvalidHeaderValue',
      status: 400,
      run: () =>
        vhds()
          .getPageBlobClient('huge.vhd')
          .create(8 * 1024 * GIB + 512),
    },
    {
      name: 'a page blob in an account for block blobs',
      code: 'BlobTypeNotSupported',
      status: 400,
      run: () => vhds('premiumblocks').getPageBlobClient('a.vhd').create(512),
    },
    {
      name: 'a block blob in an account for page blobs',
      code: 'BlobTypeNotSupported',
      status: 400,
      run: () => vhds('premiumpages').getBlockBlobClient('a.txt').upload('a', 1),
    },
    {
      name: 'everything behind a firewall',
      code: 'AuthorizationFailure',
      status: 403,
      run: () => vhds('walled').getProperties(),
    },
    {
      name: 'a write of a reader',
      code: 'AuthorizationPermissionMismatch',
      status: 403,
      run: () => vhds('images1', readerId).getPageBlobClient('a.vhd').create(512),
    },
    {
      name: 'a container of a reader',
      code: 'AuthorizationPermissionMismatch',
      status: 403,
      run: () => serviceOf('images1', readerId).getContainerClient('more').create(),
    },
    {
      name: 'an overwrite of one who may only add',
      code: 'AuthorizationPermissionMismatch',
      status: 403,
      run: () => vhds('images1', adderId).getPageBlobClient('old.vhd').create(512),
    },
    {
      name: 'a call without a token',
      code: 'NoAuthenticationInformation',
      status: 401,
      run: () =>
        new BlobServiceClient('https://images1.blob.core.windows.net')
          .getContainerClient('vhds')
          .getProperties(),
    },
    {
      name: 'a key where keys are switched off',
      code: 'KeyBasedAuthenticationNotPermitted',
      status: 403,
      run: () =>
        new BlobServiceClient(
          'https://nokeys.blob.core.windows.net',
          new StorageSharedKeyCredential('nokeys', Buffer.alloc(64).toString('base64')),
        )
          .getContainerClient('vhds')
          .getProperties(),
    },
    {
      name: 'an account that does not exist',
      code: 'ResourceNotFound',
      status: 404,
      run: () => vhds('nobodys').getProperties(),
    },
  ])('refuses $name', async ({ run, status, code }) => {
    await expect(run()).rejects.toEqual(refusal(status, code));
  });

  test('lets one who may only add make a new blob', async () => {
    const blob = vhds('images1', adderId).getPageBlobClient('new.vhd');
    expect((await blob.create(512)).etag).toMatch(/^"0x/);
  });

  test('makes and removes containers', async () => {
    const container = serviceOf('images2').getContainerClient('more');
    await container.create();
    await expect(container.create()).rejects.toEqual(refusal(409, 'ContainerAlreadyExists'));
    expect(await container.exists()).toBe(true);
    await container.delete();
    expect(await container.exists()).toBe(false);
  });
});

describe('export', () => {
  const lengthBytes = GIB + 512;

  test('has the shape of the SAS that Azure gives', async () => {
    const url = new URL(await grantSas());
    expect(url.hostname).toMatch(/^md-[a-z0-9]{12}\.z\d+\.blob\.storage\.azure\.net$/);
    expect(url.pathname).toMatch(/^\/[a-z0-9]{12}\/abcd$/);
    expect([...url.searchParams.keys()]).toEqual(['sv', 'sr', 'si', 'sig']);
    expect(url.search).toMatch(/sig=(?=.*%2B)(?=.*%2F)[\w%]+%3D$/);
  });

  test('serves the VHD as an old version of the service', async () => {
    const blob = blobAt(await grantSas());
    const properties = await blob.getProperties();
    expect(properties).toMatchObject({
      contentLength: lengthBytes,
      blobType: 'PageBlob',
      version: '2018-03-28',
      acceptRanges: 'bytes',
      contentType: 'application/octet-stream',
    });
    const image = await createDiskImages().open(diskContent, 'source', GIB);
    expect(await blob.downloadToBuffer(GIB, 512)).toEqual(image.footer);
    const start = await blob.downloadToBuffer(100, 5 * MIB);
    expect(start.equals(await image.read(100, 100 + 5 * MIB))).toBe(true);
    const pages = await collect(blob.listPageRanges().byPage());
    expect(pages).toHaveLength(1);
    expect(pages[0]?.pageRange).toEqual([
      ...image.ranges.map(({ start: from, end }) => ({ start: from, end: end - 1 })),
      { start: GIB, end: GIB + 511 },
    ]);
    expect(pages[0]?.blobContentLength).toBe(lengthBytes);
    const [last] = await collect(blob.listPageRanges(GIB, 512).byPage());
    expect(last?.pageRange).toEqual([{ start: GIB, end: GIB + 511 }]);
  });

  test('serves ranges as HTTP has them', async () => {
    const blob = blobAt(await grantSas());
    const part = await blob.download(GIB - 1);
    expect(part._response.status).toBe(206);
    expect(part.contentRange).toBe('bytes 1073741823-1073742335/1073742336');
    part.readableStreamBody?.resume();
    await expect(blob.download(GIB + 512, 5)).rejects.toEqual(refusal(416, 'InvalidRange'));
  });

  test('refuses writes, changed URLs and what is over', async () => {
    const sas = await grantSas();
    const url = new URL(sas);
    const blob = blobAt(sas);
    await expect(blob.uploadPages(Buffer.alloc(512), 0, 512)).rejects.toEqual(
      refusal(403, 'AuthorizationPermissionMismatch'),
    );
    await expect(blob.delete()).rejects.toEqual(refusal(403, 'AuthorizationPermissionMismatch'));
    const changed = [
      sas.replace('/abcd', '/abce'),
      sas.replace(/si=[^&]*/, `si=${subscriptionId}`),
      sas.replace('sig=', 'sig=A'),
      // A client that decodes the signature turns its plus signs into blanks.
      `${url.origin}${url.pathname}?si=${url.searchParams.get('si') ?? ''}&sig=${url.searchParams.get('sig') ?? ''}`,
    ];
    for (const wrong of changed) {
      const client = blobAt(wrong);
      await expect(client.getProperties()).rejects.toEqual(refusal(403, 'AuthenticationFailed'));
    }
    const bare = blobAt(`${url.origin}${url.pathname}`);
    await expect(bare.download()).rejects.toEqual(refusal(404, 'ResourceNotFound'));
    await revokeSas();
    await expect(blob.download(0, 512)).rejects.toEqual(refusal(403, 'AuthenticationFailed'));
  });
});

describe('Copy Blob', () => {
  test('copies an export page by page, and tells of it while it runs and after', async () => {
    const sas = await grantSas();
    const blob = vhds().getPageBlobClient('os.vhd');
    const copyId = await startCopy(blob, sas, { metadata: { run: '7' } });
    const pending = await blob.getProperties();
    expect(pending).toMatchObject({
      copyId,
      copyStatus: 'pending',
      copySource: sas,
      copyProgress: `${(GIB + 512 - 512) / 2}/${GIB + 512}`,
      contentLength: GIB + 512,
      blobType: 'PageBlob',
      metadata: { run: '7' },
    });
    expect(pending.copyCompletedOn).toBeUndefined();
    const done = await readUntilEnded(blob);
    expect(done).toMatchObject({
      copyId,
      copyStatus: 'success',
      copyProgress: `${GIB + 512}/${GIB + 512}`,
      contentLength: GIB + 512,
      metadata: { run: '7' },
    });
    expect(done.copyCompletedOn).toBeInstanceOf(Date);
    expect(done.etag).not.toBe(pending.etag);
    await expectSameAsDisk(blob);
  });

  test('shows copies in lists and at the control address', async () => {
    const sas = await grantSas();
    const blob = vhds().getPageBlobClient('os.vhd');
    const copyId = await startCopy(blob, sas);
    const { properties } = await findInList('os.vhd');
    expect(properties).toMatchObject({ copyId, copyStatus: 'pending', copySource: sas });
    await readUntilEnded(blob);
    const listed = await findInList('os.vhd');
    expect(listed.properties).toMatchObject({ copyStatus: 'success', contentLength: GIB + 512 });
    const { blobs } = await azure.state();
    expect(blobs.find(({ name }) => name === 'os.vhd')?.copyStatus).toBe('success');
  });

  test('locks its destination while it is pending', async () => {
    const sas = await grantSas();
    const blob = vhds().getPageBlobClient('os.vhd');
    await startCopy(blob, sas);
    const locked = refusal(409, 'PendingCopyOperation');
    await expect(startCopy(blob, sas)).rejects.toEqual(locked);
    await expect(blob.delete()).rejects.toEqual(locked);
    await expect(blob.create(512)).rejects.toEqual(locked);
    await expect(blob.setMetadata({ a: 'b' })).rejects.toEqual(locked);
    await expect(blob.setHTTPHeaders({})).rejects.toEqual(locked);
    await expect(blob.uploadPages(Buffer.alloc(512), 0, 512)).rejects.toEqual(locked);
    await expect(collect(blob.listPageRanges())).rejects.toEqual(locked);
    await readUntilEnded(blob);
    await blob.setMetadata({ a: 'b' });
    expect((await blob.getProperties()).copyStatus).toBe('success');
    await blob.setHTTPHeaders({ blobContentType: 'application/x-vhd' });
    expect((await blob.getProperties()).copyStatus).toBeUndefined();
    await blob.delete();
  });

  test('is aborted, which leaves a blob without bytes', async () => {
    const blob = vhds().getPageBlobClient('os.vhd');
    const copyId = await startCopy(blob, await grantSas(), { metadata: { run: '7' } });
    await expect(blob.abortCopyFromURL(subscriptionId)).rejects.toEqual(
      refusal(409, 'CopyIdMismatch'),
    );
    await blob.abortCopyFromURL(copyId);
    expect(await blob.getProperties()).toMatchObject({
      copyId,
      copyStatus: 'aborted',
      contentLength: 0,
      metadata: { run: '7' },
    });
    await expect(blob.abortCopyFromURL(copyId)).rejects.toEqual(
      refusal(409, 'NoPendingCopyOperation'),
    );
    await blob.delete();
  });

  test('fails when its SAS is revoked in the middle', async () => {
    const blob = vhds().getPageBlobClient('os.vhd');
    await startCopy(blob, await grantSas());
    await revokeSas();
    expect(await readUntilEnded(blob)).toMatchObject({
      copyStatus: 'failed',
      copyStatusDescription: '403 AuthenticationFailed "Copy failed when reading the source."',
      contentLength: 0,
    });
    const again = await startCopy(blob, await grantSas());
    expect(await readUntilEnded(blob)).toMatchObject({ copyId: again, copyStatus: 'success' });
  });

  test('fails when a fault ends every SAS', async () => {
    const blob = vhds().getPageBlobClient('os.vhd');
    await azure.setFaults([
      { match: { method: 'HEAD', path: 'os\\.vhd' }, action: { kind: 'end-sas' } },
    ]);
    await startCopy(blob, await grantSas());
    expect((await blob.getProperties()).copyStatus).toBe('pending');
    expect((await readUntilEnded(blob)).copyStatus).toBe('failed');
  });

  test.each([
    {
      end: 'failed',
      shown: {
        copyStatus: 'failed',
        copyStatusDescription: '500 InternalServerError "Copy failed."',
        contentLength: 0,
      },
    },
    { end: 'aborted', shown: { copyStatus: 'aborted', contentLength: 0 } },
  ] as const)('ends as a fault says: $end', async ({ end, shown }) => {
    const { blob, copyId } = await startFaultyCopy(end);
    expect(await readUntilEnded(blob)).toMatchObject({ copyId, ...shown });
  });

  test('stalls as a fault says, until it is aborted', async () => {
    const { blob, copyId } = await startFaultyCopy('stalled');
    for (let read = 0; read < 20; read += 1) {
      expect(await blob.getProperties()).toMatchObject({
        copyStatus: 'pending',
        copyProgress: `${GIB / 2}/${GIB + 512}`,
      });
    }
    await blob.abortCopyFromURL(copyId);
    expect((await blob.getProperties()).copyStatus).toBe('aborted');
  });

  test('vanishes with its blob as a fault says', async () => {
    const { blob } = await startFaultyCopy('vanished');
    expect((await blob.getProperties()).copyStatus).toBe('pending');
    await expect(readUntilEnded(blob)).rejects.toEqual(refusal(404, 'BlobNotFound'));
  });

  test('is replaced by another copy as a fault says', async () => {
    const { blob, copyId } = await startFaultyCopy('replaced');
    expect((await blob.getProperties()).copyId).toBe(copyId);
    const done = await readUntilEnded(blob);
    expect(done.copyStatus).toBe('success');
    expect(done.copyId).not.toBe(copyId);
  });

  test('goes on at the pace of the model', async () => {
    await azure.reset({ ...scenario, model: { copyMiBPerSecond: 256 } });
    const blob = vhds().getPageBlobClient('os.vhd');
    const start = performance.now();
    await startCopy(blob, await grantSas());
    expect((await readUntilEnded(blob)).copyStatus).toBe('success');
    expect(performance.now() - start).toBeGreaterThan((24 / 256) * 1000);
    await expectSameAsDisk(blob);
  });

  test('copies a blob within its account before it answers', async () => {
    const source = vhds().getPageBlobClient('source.vhd');
    await source.create(MIB, { metadata: { Kept: 'yes' } });
    await source.uploadPages(Buffer.alloc(1024, 9), 512 * KIB, 1024);
    const blob = vhds().getPageBlobClient('copy.vhd');
    const poller = await blob.beginCopyFromURL(source.url);
    expect(poller.getResult()?.copyStatus).toBe('success');
    const properties = await blob.getProperties();
    expect(properties).toMatchObject({
      copyStatus: 'success',
      contentLength: MIB,
      metadata: { kept: 'yes' },
      etag: poller.getResult()?.etag,
    });
    // The copy has bytes of its own.
    await source.clearPages(0, MIB);
    expect(await blob.downloadToBuffer(512 * KIB, 1024)).toEqual(Buffer.alloc(1024, 9));
    const [page] = await collect(blob.listPageRanges().byPage());
    expect(page?.pageRange).toEqual([{ start: 524_288, end: 525_311 }]);
  });

  test('copies a blob onto itself without losing its bytes', async () => {
    const blob = vhds().getPageBlobClient('old.vhd');
    await blob.uploadPages(Buffer.alloc(512, 9), 512, 512);
    await startCopy(blob, blob.url, { metadata: { again: 'yes' } });
    expect((await blob.getProperties()).metadata).toEqual({ again: 'yes' });
    expect(await blob.downloadToBuffer(512, 512)).toEqual(Buffer.alloc(512, 9));
  });

  test('copies a block blob within its account', async () => {
    const source = vhds().getBlobClient('notes/read me.txt');
    const blob = vhds().getBlobClient('copy.txt');
    await (await blob.beginCopyFromURL(source.url)).pollUntilDone();
    expect((await blob.downloadToBuffer()).toString()).toBe('three words here');
    expect((await blob.getProperties()).copySource).toBe(source.url);
  });

  test('overwrites a leased blob for its holder only', async () => {
    const sas = await grantSas();
    const blob = vhds().getPageBlobClient('old.vhd');
    const { leaseId } = await blob.getBlobLeaseClient().acquireLease(-1);
    await expect(startCopy(blob, sas)).rejects.toEqual(refusal(412, 'LeaseIdMissing'));
    await startCopy(blob, sas, { conditions: { leaseId: leaseId ?? '' } });
    expect(await readUntilEnded(blob)).toMatchObject({
      copyStatus: 'success',
      leaseState: 'leased',
      contentLength: GIB + 512,
    });
  });

  const sourceUrl = 'https://images1.blob.core.windows.net/vhds/old.vhd';
  const never = new Date(2000, 0, 1);
  test.each([
    {
      name: 'a SAS that is wrong',
      status: 403,
      code: 'CannotVerifyCopySource',
      source: (sas: string) => sas.replace('sig=', 'sig=A'),
    },
    {
      name: 'an export without a SAS',
      status: 404,
      code: 'CannotVerifyCopySource',
      source: (sas: string) => sas.replace(/\?.*/, ''),
    },
    {
      name: 'a private blob of another account',
      status: 401,
      code: 'CannotVerifyCopySource',
      source: () => 'https://images2.blob.core.windows.net/vhds/a.vhd',
    },
    {
      name: 'a blob of the same account that is missing',
      status: 404,
      code: 'BlobNotFound',
      source: () => sourceUrl.replace('old', 'none'),
    },
    {
      name: 'a container that is missing',
      status: 404,
      code: 'ContainerNotFound',
      blob: () => serviceOf('images1').getContainerClient('none').getPageBlobClient('a.vhd'),
    },
    {
      name: 'a blob that exists already',
      status: 409,
      code: 'BlobAlreadyExists',
      options: { conditions: { ifNoneMatch: '*' } },
      blob: () => vhds().getPageBlobClient('old.vhd'),
    },
    {
      name: 'a blob of another type',
      status: 409,
      code: 'InvalidBlobType',
      blob: () => vhds().getPageBlobClient('notes/read me.txt'),
    },
    {
      name: 'an ETag of the destination that is another',
      status: 412,
      code: 'ConditionNotMet',
      options: { conditions: { ifMatch: '"0x1"' } },
      blob: () => vhds().getPageBlobClient('old.vhd'),
    },
    {
      name: 'an ETag of the source that is another',
      status: 412,
      code: 'SourceConditionNotMet',
      options: { sourceConditions: { ifMatch: '"0x1"' } },
    },
    {
      name: 'a source that is too new',
      status: 412,
      code: 'SourceConditionNotMet',
      options: { sourceConditions: { ifUnmodifiedSince: never } },
    },
    {
      name: 'an account that copies from its own tenant only',
      status: 403,
      code: 'AuthorizationFailure',
      blob: () => vhds('scoped').getPageBlobClient('a.vhd'),
    },
    {
      name: 'a reader',
      status: 403,
      code: 'AuthorizationPermissionMismatch',
      blob: () => vhds('images1', readerId).getPageBlobClient('a.vhd'),
    },
  ])('refuses $name', async ({ status, code, source, options, blob }) => {
    const sas = await grantSas();
    const target = blob?.() ?? vhds().getPageBlobClient('refused.vhd');
    await expect(startCopy(target, source?.(sas) ?? sas, options)).rejects.toEqual(
      refusal(status, code),
    );
  });

  test('refuses a SAS that is over, in the words of Azure', async () => {
    const sas = await grantSas();
    await revokeSas();
    const blob = vhds().getPageBlobClient('late.vhd');
    await expect(startCopy(blob, sas)).rejects.toThrow(
      'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
    );
    expect(await blob.exists()).toBe(false);
  });

  test('fails when its source changes in the middle', async () => {
    const source = vhds().getPageBlobClient('source.vhd');
    await source.create(16 * MIB);
    for (const at of [0, 4, 8, 12])
      await source.uploadPages(Buffer.alloc(4 * MIB, 9), at * MIB, 4 * MIB);
    const blob = vhds().getPageBlobClient('copy.vhd');
    await azure.setFaults([
      { match: { method: 'PUT', path: '/copy\\.vhd' }, action: { kind: 'copy', end: 'replaced' } },
    ]);
    await startCopy(blob, source.url);
    await source.uploadPages(Buffer.alloc(512, 1), 0, 512);
    expect(await readUntilEnded(blob)).toMatchObject({
      copyStatus: 'failed',
      copyStatusDescription: '412 ConditionNotMet "Copy failed when reading the source."',
      contentLength: 0,
    });
  });

  test('is cancelled by a reset', async () => {
    const { blob } = await startFaultyCopy('stalled');
    await azure.reset();
    expect(await blob.exists()).toBe(false);
  });
});

/** Starts a copy that a fault strikes. */
async function startFaultyCopy(
  end: Extract<FaultAction, { kind: 'copy' }>['end'],
): Promise<{ readonly blob: PageBlobClient; readonly copyId: string }> {
  await azure.setFaults([
    { match: { method: 'PUT', path: '/vhds/faulty\\.vhd' }, action: { kind: 'copy', end } },
  ]);
  const blob = vhds().getPageBlobClient('faulty.vhd');
  return { blob, copyId: await startCopy(blob, await grantSas()) };
}

async function findInList(name: string): Promise<BlobItem> {
  for await (const blob of vhds().listBlobsFlat({ includeCopy: true, prefix: name })) {
    if (blob.name === name) return blob;
  }
  throw new Error(`"${name}" is not in the list.`);
}

/** Compares a blob's ranges, its footer and the first bytes of each range with the disk. */
async function expectSameAsDisk(blob: PageBlobClient): Promise<void> {
  const image = await createDiskImages().open(diskContent, 'source', GIB);
  const ranges = await collect(blob.listPageRanges());
  expect(ranges.map(({ start, end }) => ({ start, end: end + 1 }))).toEqual([
    ...image.ranges,
    { start: GIB, end: GIB + 512 },
  ]);
  expect(await blob.downloadToBuffer(GIB, 512)).toEqual(image.footer);
  for (const { start, end } of image.ranges) {
    const bytes = await blob.downloadToBuffer(start, end - start);
    expect(bytes.equals(await image.read(start, end))).toBe(true);
  }
}
