import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { BlobServiceClient, type ContainerClient, type PageBlobClient } from '@azure/storage-blob';
import { computeClient, grantDisk } from './disk-access.ts';
import { withLocalAzure } from './local-azure-run.ts';
import {
  buildScenario,
  clientId,
  clientSecret,
  container,
  resourceGroup,
  tenantId,
} from './scenario.ts';
import { time } from './stopwatch.ts';

const MIB = 1024 * 1024;
const TIB = 1024 ** 2 * MIB;
const FULL_BYTES = 4 * MIB;
const IN_FLIGHT = 16;
const DATA_MIB = 512;
const ARM_CALLS = 200;

/** How fast the local Azure is itself, with its model off, for whoever asks with the SDK. */
export interface Capacity {
  readonly startSeconds: number;
  readonly armCallMs: number;
  /** MiB per second, in pieces of 4 MiB. */
  readonly copyBlob: number;
  readonly fromExport: number;
  readonly fromBlob: number;
  /** Of a blob of 8 TiB and an export of 8191 GiB. */
  readonly hugeBytesOnDisk: number;
}

/** Measures it. */
export async function measureCapacity(): Promise<Capacity> {
  const sized = { resourceGroup, sku: 'Premium_LRS' };
  const scenario = {
    ...buildScenario({ pieces: 0 }),
    disks: [
      { ...sized, name: 'source', sizeGiB: 2, content: { seed: 1, dataMiB: DATA_MIB } },
      { ...sized, name: 'huge', sizeGiB: 8191, content: { seed: 2, dataMiB: 1 } },
    ],
  };
  return await withLocalAzure(scenario, async ({ environment, startSeconds }) => {
    const compute = computeClient();
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret);
    const service = new BlobServiceClient('https://benchwe1.blob.core.windows.net', credential);
    const vhds = service.getContainerClient(container);
    const folder = dirname(environment['NODE_EXTRA_CA_CERTS'] ?? '');
    return {
      startSeconds,
      armCallMs: await measureArm(compute),
      ...(await measureCopies(compute, vhds)),
      hugeBytesOnDisk: await measureHuge(compute, vhds, folder),
    };
  });
}

async function measureArm({ disks }: ComputeManagementClient): Promise<number> {
  await disks.get(resourceGroup, 'source');
  const { seconds } = await time(async () => {
    for (let call = 0; call < ARM_CALLS; call += 1) await disks.get(resourceGroup, 'source');
  });
  return (seconds / ARM_CALLS) * 1000;
}

async function measureCopies(
  compute: ComputeManagementClient,
  vhds: ContainerClient,
): Promise<Pick<Capacity, 'copyBlob' | 'fromExport' | 'fromBlob'>> {
  const sas = await grantDisk(compute, 'source');
  const copied = vhds.getPageBlobClient('copied.vhd');
  const copy = await time(async () => {
    const poller = await copied.beginCopyFromURL(sas, { intervalInMs: 20 });
    await poller.pollUntilDone();
  });
  const rateOf = (seconds: number) => DATA_MIB / seconds;
  const fromExport = await writeFrom(sas, copied, vhds.getPageBlobClient('written.vhd'));
  const fromBlob = await writeFrom(copied.url, copied, vhds.getPageBlobClient('again.vhd'));
  return {
    copyBlob: rateOf(copy.seconds),
    fromExport: rateOf(fromExport),
    fromBlob: rateOf(fromBlob),
  };
}

/** Writes the data ranges of a blob from a URL with the same bytes; gives the seconds. */
async function writeFrom(
  url: string,
  model: PageBlobClient,
  target: PageBlobClient,
): Promise<number> {
  const { contentLength = 0 } = await model.getProperties();
  await target.create(contentLength);
  const pieces: { readonly start: number; readonly bytes: number }[] = [];
  for await (const range of model.listPageRanges()) {
    for (let start = range.start; start <= range.end; start += FULL_BYTES) {
      pieces.push({ start, bytes: Math.min(FULL_BYTES, range.end + 1 - start) });
    }
  }
  const queue = pieces.values();
  const work = async () => {
    for (const { start, bytes } of queue) {
      await target.uploadPagesFromURL(url, start, start, bytes);
    }
  };
  return (await time(() => Promise.all(Array.from({ length: IN_FLIGHT }, work)))).seconds;
}

/** The largest blob there is, and an export of nearly that size. */
async function measureHuge(
  compute: ComputeManagementClient,
  vhds: ContainerClient,
  folder: string,
): Promise<number> {
  const before = await sizeOnDisk(folder);
  await vhds.getPageBlobClient('huge.vhd').create(8 * TIB);
  await grantDisk(compute, 'huge');
  return (await sizeOnDisk(folder)) - before;
}

/** Bytes of the blocks that the files below a folder take. */
async function sizeOnDisk(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async (file) => (await stat(join(file.parentPath, file.name))).blocks * 512),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
