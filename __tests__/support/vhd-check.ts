import { ClientSecretCredential } from '@azure/identity';
import { PageBlobClient } from '@azure/storage-blob';
import { expect } from '@jest/globals';
import { compareVhd, listPages } from '../../demo/vhd-proof.ts';
import { crc64 } from '../../local-azure/blobs/crc64.ts';
import { generateImage, type GeneratedData } from '../../local-azure/disks/generated-image.ts';
import { FOOTER_BYTES } from '../../local-azure/disks/vhd-footer.ts';
import type { ScenarioDisk } from '../../local-azure/scenario.ts';
import type { DiskImage } from '../../local-azure/world.ts';
import { CLIENT, CLIENT_SECRET, TENANT } from './scenario.ts';

const GIB = 1024 ** 3;
const { signal } = new AbortController();

/** A disk of a scenario whose bytes a test can compute. */
export interface KnownDisk extends ScenarioDisk {
  readonly sizeGiB: number;
  readonly content: { readonly seed: number; readonly dataMiB: number };
}

/** A disk of a scenario whose data lies at regular distances. */
export interface ExtentDisk extends ScenarioDisk {
  readonly sizeGiB: number;
  readonly content: {
    readonly seed: number;
    readonly extents: Exclude<GeneratedData, number>;
  };
}

/** The bytes of a disk, as the local Azure makes them. */
export function imageOf({ sizeGiB, content }: KnownDisk | ExtentDisk): DiskImage {
  const data = 'extents' in content ? content.extents : content.dataMiB;
  return generateImage(content.seed, sizeGiB * GIB, data);
}

/** The CRC-64 of the VHD file of a small disk, over all its bytes at once: 16 hex digits. */
export async function fileCrc64(image: DiskImage): Promise<string> {
  const bytes = Buffer.alloc(image.sizeBytes + FOOTER_BYTES);
  for (const { start, end } of image.ranges) (await image.read(start, end)).copy(bytes, start);
  image.footer.copy(bytes, image.sizeBytes);
  return Buffer.from(crc64(bytes), 'base64').reverse().toString('hex');
}

/** A client of the test's own for a VHD, once the test uses the local Azure. */
export function vhdClient(url: string): PageBlobClient {
  return new PageBlobClient(url, new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET));
}

/** Asserts that a VHD has every byte of a disk and its footer, and no page where the disk has a hole. */
export async function expectSameVhd(url: string, image: DiskImage): Promise<void> {
  const client = vhdClient(url);
  await compareVhd(client, image, signal);
  const pages = await listPages(client, signal);
  const dataBytes = image.ranges.reduce((sum, { start, end }) => sum + end - start, FOOTER_BYTES);
  expect(pages.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(dataBytes);
}
