import type { Blobs } from '../azure/blobs.ts';
import { ActionError, explain, listOf } from '../errors.ts';
import { footerProblems, sameFooter, VHD_FOOTER_BYTES } from '../vhd.ts';
import type { DiskExport } from './disk-export.ts';

/** Reads the footer of a snapshot's export and checks that it is a fixed VHD of the disk's size. */
export async function verifySource(
  blobs: Pick<Blobs, 'readTail'>,
  from: Pick<DiskExport, 'read'>,
  disk: { readonly diskName: string; readonly sizeBytes: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const what = `The export of disk "${disk.diskName}"`;
  const { bytes, lengthBytes } = await read(what, () =>
    from.read((sas) => blobs.readTail(sas, VHD_FOOTER_BYTES, signal)),
  );
  const problems = vhdProblems(bytes, lengthBytes, disk.sizeBytes);
  if (problems.length > 0) {
    throw notRight(what, problems);
  }
  return bytes;
}

/**
 * Checks a finished replica: a page blob of the disk's size with a fixed VHD's footer, the same bytes as the source's.
 * Throws an ActionError that names every difference.
 */
export async function verifyReplica(
  blobs: Pick<Blobs, 'readTail' | 'blobState'>,
  url: string,
  disk: { readonly sizeBytes: number },
  sourceFooter: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<{ readonly etag: string; readonly lengthBytes: number; readonly footer: Uint8Array }> {
  const what = `Blob "${url}"`;
  const { bytes } = await read(what, () => blobs.readTail(url, VHD_FOOTER_BYTES, signal));
  const state = await blobs.blobState(url, signal).catch((error: unknown) => {
    throw explain(`${what} could not be read`, error);
  });
  if (state === undefined) {
    throw new ActionError(
      'verify',
      `${what} was deleted before it could be verified: see who deletes blobs in its container, and run again.`,
    );
  }
  const problems = [
    ...(state.blobType === 'PageBlob' ? [] : [`it is a ${state.blobType}`]),
    ...vhdProblems(bytes, state.lengthBytes, disk.sizeBytes),
    ...(sourceFooter === undefined || sameFooter(bytes, sourceFooter)
      ? []
      : ["its footer differs from the source's"]),
  ];
  if (problems.length > 0) throw notRight(what, problems);
  return { etag: state.etag, lengthBytes: state.lengthBytes, footer: bytes };
}

function notRight(what: string, problems: readonly string[]): ActionError {
  return new ActionError(
    'verify',
    `${what} is not a right VHD: ${listOf(problems)}. Run again; if it stays so, report it with the debug log.`,
  );
}

function vhdProblems(
  footer: Uint8Array,
  lengthBytes: number,
  diskSizeBytes: number,
): readonly string[] {
  const expected = diskSizeBytes + VHD_FOOTER_BYTES;
  return lengthBytes === expected
    ? footerProblems(footer, diskSizeBytes)
    : [`it has ${lengthBytes} bytes instead of ${expected}`];
}

async function read<T>(what: string, readTail: () => Promise<T>): Promise<T> {
  try {
    return await readTail();
  } catch (error) {
    throw explain(`${what} could not be read`, error);
  }
}
