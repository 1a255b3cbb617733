import { ClientSecretCredential } from '@azure/identity';
import { PageBlobClient } from '@azure/storage-blob';
import { formatBytes } from '../src/units.ts';
import type { State } from '../local-azure/edge/state.ts';
import { clientId, clientSecret, tenantId } from './scenario.ts';
import type { Screen } from './screen.ts';
import type { SourceDisk } from './source-disks.ts';
import { proveWithTools } from './tool-proof.ts';
import { compareVhd, Difference } from './vhd-proof.ts';

/** What the action says it has made, each with the disk that it must equal. */
export interface Captured {
  readonly url: string;
  readonly source: SourceDisk;
}

/** Pairs the VHDs in the action's outputs with their sources. */
export function readCaptured(
  outputs: Readonly<Record<string, string>>,
  osDisk: SourceDisk,
  dataDisk: SourceDisk,
): readonly Captured[] {
  const osUrls = JSON.parse(outputs['vhd-uris'] ?? '[]') as readonly string[];
  const dataUrls = JSON.parse(outputs['data-vhd-uris'] ?? '{}') as Readonly<Record<string, string>>;
  return [
    ...osUrls.map((url) => ({ url, source: osDisk })),
    ...Object.values(dataUrls).map((url) => ({ url, source: dataDisk })),
  ];
}

/** Proves every captured VHD equal to its source, through the storage SDK under the real host names. */
export async function proveVhds(
  captured: readonly Captured[],
  rig: { readonly folder: string; readonly screen: Screen; readonly signal: AbortSignal },
): Promise<void> {
  const credential = new ClientSecretCredential(tenantId, clientId, clientSecret);
  const blobs = captured.map(({ url, source }) => ({
    blob: new PageBlobClient(url, credential),
    source,
  }));
  for (const { blob, source } of blobs) await proveVhd(blob, source, rig);
  const lastOs = blobs.findLast(({ source }) => source === captured[0]?.source);
  if (lastOs === undefined) return;
  rig.screen.line(`${lastOs.blob.name}, downloaded:`);
  await proveWithTools(lastOs.blob, lastOs.source, rig);
}

async function proveVhd(
  blob: PageBlobClient,
  { image }: SourceDisk,
  { screen, signal }: { readonly screen: Screen; readonly signal: AbortSignal },
): Promise<void> {
  const name = `${blob.name} in ${blob.accountName}`;
  try {
    const { dataBytes, holeBytes } = await compareVhd(blob, image, signal);
    screen.pass(
      `${name}: ${formatBytes(dataBytes)} of data equal bit for bit, ${formatBytes(holeBytes)} of holes without a page, footer equal`,
    );
  } catch (error) {
    if (!(error instanceof Difference)) throw error;
    screen.fail(`${name}: ${error.message}`);
  }
}

/** Proves that the VHDs are all that is new in Azure. */
export function proveTidiness(state: State, captured: readonly Captured[], screen: Screen): void {
  const snapshots = state.resources['Microsoft.Compute/snapshots'] ?? [];
  const wanted = new Set(captured.map(({ url }) => url));
  const strangers = state.blobs.filter(({ url }) => !wanted.has(url));
  const left = [
    ...snapshots.map(({ name }) => `snapshot ${name}`),
    ...state.grants.map(({ resourceId }) => `a SAS of ${resourceId}`),
    ...strangers.map(({ url }) => `blob ${url}`),
  ];
  if (left.length > 0) screen.fail(`Left behind: ${left.join(', ')}`);
  else screen.pass('Nothing temporary is left: no snapshot, no open SAS, no other blob');
}
