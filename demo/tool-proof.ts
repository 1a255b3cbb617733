import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { PageBlobClient } from '@azure/storage-blob';
import { cutRanges } from '../local-azure/disks/byte-ranges.ts';
import { HELLO_PATH } from './guest-files.ts';
import { PARTITION_OFFSET } from './partition-table.ts';
import type { Screen } from './screen.ts';
import type { SourceDisk } from './source-disks.ts';
import { findTool, runTool } from './tools.ts';
import { listPages } from './vhd-proof.ts';

const PIECE_BYTES = 4 * 1024 * 1024;

/** Downloads a captured OS VHD and lets tools that know nothing of this project judge it. */
export async function proveWithTools(
  blob: PageBlobClient,
  source: SourceDisk,
  { folder, screen, signal }: { folder: string; screen: Screen; signal: AbortSignal },
): Promise<void> {
  if (source.file === undefined) {
    screen.line('No file is read back: generated content holds no file system.');
    return;
  }
  const [debugfs, qemuImg] = await Promise.all([findTool('debugfs'), findTool('qemu-img')]);
  const file = join(folder, 'captured.vhd');
  if (debugfs !== undefined || qemuImg !== undefined) await downloadVhd(blob, file, signal);
  if (source.hello === undefined) {
    screen.line('No file is read back: the demo does not know what is in your VHD.');
  } else if (debugfs === undefined) {
    screen.missing('debugfs', 'no file is read back out of a captured VHD.');
  } else {
    await readHello(debugfs, file, source.hello, screen, signal);
  }
  if (qemuImg === undefined) screen.missing('qemu-img', 'it compares nothing.');
  else await compareImages(qemuImg, file, source.file, screen, signal);
}

async function readHello(
  debugfs: string,
  file: string,
  hello: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<void> {
  const image = `${file}?offset=${PARTITION_OFFSET}`;
  const text = await runTool(debugfs, ['-R', `cat ${HELLO_PATH}`, image], signal);
  if (text === hello) screen.pass(`debugfs reads ${HELLO_PATH} out of it: "${text.trim()}"`);
  else screen.fail(`debugfs reads ${HELLO_PATH} out of it as "${text.trim()}"`);
}

async function compareImages(
  qemuImg: string,
  captured: string,
  original: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<void> {
  try {
    await runTool(qemuImg, ['compare', '-f', 'vpc', '-F', 'vpc', original, captured], signal);
    screen.pass('qemu-img finds it identical to the source VHD');
  } catch (error) {
    signal.throwIfAborted();
    screen.fail(`qemu-img compare: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Only pages are fetched and written; the rest of the file stays a hole. */
async function downloadVhd(blob: PageBlobClient, file: string, signal: AbortSignal): Promise<void> {
  const { contentLength = 0 } = await blob.getProperties({ abortSignal: signal });
  await using handle = await open(file, 'wx');
  await handle.truncate(contentLength);
  for (const { start, end } of cutRanges(await listPages(blob, signal), PIECE_BYTES)) {
    const bytes = await blob.downloadToBuffer(start, end - start, { abortSignal: signal });
    await handle.write(bytes, 0, bytes.length, start);
  }
}
