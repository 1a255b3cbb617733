import { constants, open, type FileHandle } from 'node:fs/promises';
import type { ByteRange, DiskImage } from '../world.ts';
import { mergeRanges } from './byte-ranges.ts';
import { FOOTER_BYTES, readVhdFooter } from './vhd-footer.ts';

const MIB = 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;
const CHUNK_BYTES = 4 * MIB;

/** The image in a fixed VHD file, whose size is `fileBytes`. An error names the file and what is wrong with it. */
export async function openVhdFile(file: string, fileBytes: number): Promise<DiskImage> {
  try {
    await using handle = await open(file);
    const footer = await readBytes(handle, Math.max(0, fileBytes - FOOTER_BYTES), fileBytes);
    const { sizeBytes } = readVhdFooter(footer);
    if (sizeBytes !== fileBytes - FOOTER_BYTES) {
      throw new Error(
        `its footer speaks of ${sizeBytes} bytes, but ${fileBytes - FOOTER_BYTES} come before it`,
      );
    }
    if (sizeBytes % MIB !== 0) {
      throw new Error(`its virtual size of ${sizeBytes} bytes is no whole number of MiB`);
    }
    return {
      sizeBytes,
      ranges: await scanData(file, handle, sizeBytes),
      footer,
      read: async (start, end) => {
        await using reader = await open(file);
        return await readBytes(reader, start, end);
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`VHD file "${file}" cannot be used: ${reason}.`, { cause: error });
  }
}

/** Reads past the page cache; not every system has it. */
const { O_DIRECT = 0 } = constants as { readonly O_DIRECT?: number };

/** Node tells nothing of a file's holes, so blocks that are not all zero count as data. */
async function scanData(file: string, handle: FileHandle, sizeBytes: number): Promise<ByteRange[]> {
  // Through the page cache, the holes of a big sparse file cost as much memory and time as data would.
  await using direct = await open(file, constants.O_RDONLY | O_DIRECT).catch(() => undefined);
  const zeros = Buffer.alloc(BLOCK_BYTES);
  const found: ByteRange[] = [];
  for (let start = 0; start < sizeBytes; start += CHUNK_BYTES) {
    const end = Math.min(start + CHUNK_BYTES, sizeBytes);
    // Not every system reads data in this way into a buffer of any alignment.
    const chunk =
      (await (direct && readBytes(direct, start, end).catch(() => undefined))) ??
      (await readBytes(handle, start, end));
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      const block = chunk.subarray(at, at + BLOCK_BYTES);
      if (!block.equals(zeros.subarray(0, block.length))) {
        found.push({ start: start + at, end: start + at + block.length });
      }
    }
  }
  return mergeRanges(found);
}

async function readBytes(handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.alloc(end - start);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
    if (bytesRead === 0) {
      throw new Error('it ends too early');
    }
    done += bytesRead;
  }
  return bytes;
}
