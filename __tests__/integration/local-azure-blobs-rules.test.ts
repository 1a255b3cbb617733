import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { blobScenario, grantSas, makePages, refusalOf, vhds } from '../support/blob-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';

const kept = { name: 'kept.vhd', type: 'PageBlob', sizeBytes: 1024 } as const;
const scenario = blobScenario({
  accounts: [
    {
      resourceGroup: 'images',
      name: 'underpolicy',
      containers: [{ name: 'vhds', hasImmutabilityPolicy: true, blobs: [kept] }],
    },
    {
      resourceGroup: 'images',
      name: 'onhold',
      containers: [{ name: 'vhds', hasLegalHold: true, blobs: [kept] }],
    },
    {
      resourceGroup: 'images',
      name: 'versioned',
      properties: { immutableStorageWithVersioning: { enabled: true } },
      containers: [{ name: 'vhds', blobs: [kept] }],
    },
  ],
});

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
  useLocalAzure(azure);
});

beforeEach(async () => {
  await azure.reset(scenario);
});

describe('immutability', () => {
  test.each([
    { account: 'underpolicy', code: 'BlobImmutableDueToPolicy' },
    { account: 'onhold', code: 'BlobImmutableDueToLegalHold' },
    { account: 'versioned', code: 'BlobImmutableDueToPolicy' },
  ])('keeps what is there in $account', async ({ account, code }) => {
    const sas = await grantSas();
    const blob = vhds(account).getPageBlobClient('kept.vhd');
    for (const change of [
      () => blob.create(512),
      () => blob.uploadPages(Buffer.alloc(512), 0, 512),
      () => blob.clearPages(0, 512),
      () => blob.uploadPagesFromURL(sas, 0, 0, 512),
      () => blob.beginCopyFromURL(sas),
      () => blob.resize(512),
      () => blob.delete(),
    ]) {
      expect(await refusalOf(change())).toEqual([409, code]);
    }
    expect(await blob.downloadToBuffer()).toEqual(Buffer.alloc(1024));
  });

  test('lets a new blob be made, which is as fixed from then on', async () => {
    const blob = vhds('underpolicy').getPageBlobClient('new.vhd');
    await blob.create(512);
    expect(await refusalOf(blob.uploadPages(Buffer.alloc(512), 0, 512))).toEqual([
      409,
      'BlobImmutableDueToPolicy',
    ]);
  });
});

describe('leases', () => {
  test('a lease of a time and one for ever both lock writes and deletion, until they are broken', async () => {
    for (const seconds of [15, -1]) {
      const blob = await makePages(`leased${seconds}.vhd`, Buffer.alloc(512, 1));
      const lease = blob.getBlobLeaseClient();
      await lease.acquireLease(seconds);
      const { leaseDuration, leaseState } = await blob.getProperties();
      expect([leaseState, leaseDuration]).toEqual(['leased', seconds > 0 ? 'fixed' : 'infinite']);
      const write = blob.uploadPages(Buffer.alloc(512), 0, 512);
      expect(await refusalOf(write)).toEqual([412, 'LeaseIdMissing']);
      expect(await refusalOf(blob.delete())).toEqual([412, 'LeaseIdMissing']);
      const stranger = { conditions: { leaseId: '00000000-0000-4000-8000-000000000000' } };
      expect(await refusalOf(blob.delete(stranger))).toEqual([
        412,
        'LeaseIdMismatchWithBlobOperation',
      ]);
      await lease.breakLease(0);
      await blob.delete();
      expect(await blob.exists()).toBe(false);
    }
  });
});

describe('conditions', () => {
  test('on pages and on deletion are kept', async () => {
    const blob = await makePages('a.vhd', Buffer.alloc(512, 1));
    const { etag = '' } = await blob.getProperties();
    const old = { conditions: { ifMatch: '"0x1"' } };
    const bytes = Buffer.alloc(512, 2);
    expect(await refusalOf(blob.uploadPages(bytes, 0, 512, old))).toEqual([412, 'ConditionNotMet']);
    expect(await refusalOf(blob.delete(old))).toEqual([412, 'ConditionNotMet']);
    await blob.uploadPages(bytes, 0, 512, { conditions: { ifMatch: etag } });
    expect(await refusalOf(blob.delete({ conditions: { ifMatch: etag } }))).toEqual([
      412,
      'ConditionNotMet',
    ]);
    const made = blob.create(512, { conditions: { ifNoneMatch: '*' } });
    expect(await refusalOf(made)).toEqual([409, 'BlobAlreadyExists']);
  });
});
