import { ClientSecretCredential } from '@azure/identity';
import { BlobServiceClient, type PageBlobClient } from '@azure/storage-blob';
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { compareVhd } from '../../demo/vhd-proof.ts';
import { generateImage } from '../../local-azure/disks/generated-image.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { clientId, clientSecret, smallScenario, tenantId } from '../support/small-scenario.ts';

const MIB = 1024 * 1024;
const PAGE_BYTES = 512;
const { signal } = new AbortController();
const source = generateImage(7, 16 * MIB, 2);
const vhdBytes = source.sizeBytes + PAGE_BYTES;
const firstHole = source.ranges[0]?.end ?? 0;

let azure: LocalAzure;
let vhd: PageBlobClient;

beforeAll(async () => {
  azure = await startLocalAzure(smallScenario);
  useLocalAzure(azure);
  const credential = new ClientSecretCredential(tenantId, clientId, clientSecret);
  const blobs = new BlobServiceClient('https://imageswe1.blob.core.windows.net', credential);
  const container = blobs.getContainerClient('vhds');
  await container.create();
  vhd = container.getPageBlobClient('builder.vhd');
});

/** A captured VHD as it should be. */
beforeEach(async () => {
  await vhd.create(vhdBytes);
  for (const { start, end } of source.ranges) {
    await vhd.uploadPages(await source.read(start, end), start, end - start);
  }
  await vhd.uploadPages(source.footer, source.sizeBytes, PAGE_BYTES);
});

test('a VHD that is equal to its source is found equal, data, holes and footer', async () => {
  expect(await compareVhd(vhd, source, signal)).toEqual({
    dataBytes: 2 * MIB,
    holeBytes: 14 * MIB,
  });
});

test('a page of zeros in a hole is no difference', async () => {
  await vhd.uploadPages(Buffer.alloc(PAGE_BYTES), firstHole, PAGE_BYTES);
  expect(await compareVhd(vhd, source, signal)).toEqual({
    dataBytes: 2 * MIB,
    holeBytes: 14 * MIB - PAGE_BYTES,
  });
});

test('one byte that differs is found', async () => {
  const offset = (source.ranges[1]?.start ?? 0) + 3;
  const page = await source.read(offset - 3, offset - 3 + PAGE_BYTES);
  page.writeUInt8(page.readUInt8(3) ^ 1, 3);
  await vhd.uploadPages(page, offset - 3, PAGE_BYTES);
  await expect(compareVhd(vhd, source, signal)).rejects.toThrow(`it differs at byte ${offset}`);
});

test('a page that is missing is found', async () => {
  const start = source.ranges.at(-1)?.start ?? 0;
  await vhd.clearPages(start, PAGE_BYTES);
  await expect(compareVhd(vhd, source, signal)).rejects.toThrow(/^it differs at byte \d+$/);
});

test('a byte where the source has a hole is found', async () => {
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeUInt8(1, PAGE_BYTES - 1);
  await vhd.uploadPages(page, firstHole, PAGE_BYTES);
  await expect(compareVhd(vhd, source, signal)).rejects.toThrow(
    `it has data at byte ${firstHole + PAGE_BYTES - 1}, where its source has a hole`,
  );
});

test('another footer is found', async () => {
  const footer = Buffer.from(source.footer);
  footer.writeUInt8(footer.readUInt8(70) ^ 1, 70);
  await vhd.uploadPages(footer, source.sizeBytes, PAGE_BYTES);
  await expect(compareVhd(vhd, source, signal)).rejects.toThrow('its footer differs at byte 70');
});

test('another length is found', async () => {
  await vhd.resize(vhdBytes + PAGE_BYTES);
  await expect(compareVhd(vhd, source, signal)).rejects.toThrow(
    `it has ${vhdBytes + PAGE_BYTES} bytes instead of ${vhdBytes}`,
  );
});
