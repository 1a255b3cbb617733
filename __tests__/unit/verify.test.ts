import { describe, expect, test } from '@jest/globals';
import { writeVhdFooter } from '../../local-azure/disks/vhd-footer.ts';
import { verifyReplica, verifySource } from '../../src/copy/verify.ts';
import type { BlobState } from '../../src/facts.ts';
import { blobOf } from '../support/facts.ts';

const sizeBytes = 1024 ** 3;
const lengthBytes = sizeBytes + 512;
const url = 'https://imageswe1.blob.core.windows.net/vhds/builder-1-os-1.vhd';
const again = 'Run again; if it stays so, report it with the debug log.';
const { signal } = new AbortController();

function footerOf(id: string): Buffer {
  return writeVhdFooter({ sizeBytes, uniqueId: Buffer.from(id.repeat(16)), createdSeconds: 1 });
}
const footer = footerOf('a');

describe('a replica', () => {
  /** Verifies what the blob service shows, against the footer of the source. */
  async function verify(
    state: Partial<BlobState> | 'missing' | Error,
    bytes = footer,
  ): Promise<unknown> {
    const blobs = {
      readTail: () => Promise.resolve({ bytes, lengthBytes }),
      blobState: () => {
        if (state instanceof Error) return Promise.reject(state);
        return Promise.resolve(
          state === 'missing' ? undefined : blobOf(url, { lengthBytes, ...state }),
        );
      },
    };
    return verifyReplica(blobs, url, { sizeBytes }, footer, signal).catch(
      (error: unknown) => (error as Error).message,
    );
  }

  test('that is right gives its ETag, length and footer', async () => {
    expect(await verify({})).toEqual({ etag: '"0x1"', lengthBytes, footer });
  });

  test.each<[string, Parameters<typeof verify>, string]>([
    [
      'that is gone',
      ['missing'],
      `Blob "${url}" was deleted before it could be verified: see who deletes blobs in its container, and run again.`,
    ],
    [
      'of another type and length',
      [{ blobType: 'BlockBlob', lengthBytes: 512 }],
      `Blob "${url}" is not a right VHD: it is a BlockBlob and it has 512 bytes instead of ${lengthBytes}. ${again}`,
    ],
    [
      'with the footer of another disk',
      [{}, footerOf('b')],
      `Blob "${url}" is not a right VHD: its footer differs from the source's. ${again}`,
    ],
    [
      'that may not be read',
      [Object.assign(new Error('No.'), { statusCode: 500 })],
      `Blob "${url}" could not be read: (500): no. Azure fails here, which should pass: look at https://azure.status.microsoft and run again later.`,
    ],
  ])('%s is refused', async (_name, shown, says) => {
    expect(await verify(...shown)).toBe(says);
  });
});

test('an export that is no VHD of the disk is refused', async () => {
  const blobs = { readTail: () => Promise.resolve({ bytes: footer, lengthBytes: 512 }) };
  const from = { read: <T>(task: (sas: string) => Promise<T>) => task('https://md-1/abcd') };
  const disk = { diskName: 'builder-os', sizeBytes };
  await expect(verifySource(blobs, from, disk, signal)).rejects.toThrow(
    `The export of disk "builder-os" is not a right VHD: it has 512 bytes instead of ${lengthBytes}. ${again}`,
  );
});
