import type { Resource } from '../world.ts';
import { problems, Refusal } from './problems.ts';

/** The largest page blob. */
const MAX_PAGE_BLOB_BYTES = 8 * 1024 ** 4;

/**
 * Refuses a blob of a type that the kind of account does not hold.
 * {@link https://learn.microsoft.com/azure/storage/common/storage-account-overview#types-of-storage-accounts}
 */
export function checkBlobType({ body }: Resource, blobType: string): void {
  const kind = String(body['kind']);
  const isGeneral = kind === 'StorageV2' || kind === 'Storage';
  if (blobType === 'PageBlob') {
    if (!isGeneral || body.properties['isHnsEnabled'] === true) {
      throw new Refusal(problems.pageBlobsNotSupported);
    }
  } else if (isGeneral && readSku(body['sku']).startsWith('Premium')) {
    throw new Refusal(problems.blockBlobsNotSupported);
  }
}

/** Refuses a page blob that would be too long, or whose length is no whole number of pages. */
export function checkLength(sizeBytes: number): void {
  if (!(sizeBytes >= 0 && sizeBytes <= MAX_PAGE_BLOB_BYTES && sizeBytes % 512 === 0)) {
    throw new Refusal(problems.invalidHeaderValue);
  }
}

function readSku(sku: unknown): string {
  return typeof sku === 'object' && sku !== null && 'name' in sku ? String(sku.name) : '';
}
