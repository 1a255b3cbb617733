import { mkdir, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeLinuxVhd } from '../../demo/linux-vhd.ts';
import { PARTITION_OFFSET, writePartitionTable } from '../../demo/partition-table.ts';
import { findTool, runTool } from '../../demo/tools.ts';
import { readVhdFooter } from '../../local-azure/disks/vhd-footer.ts';

const MIB = 1024 * 1024;
const sizeBytes = 16 * MIB;
const hello = 'Hello from a test.\n';

const [mkfs, debugfs] = await Promise.all([findTool('mkfs.ext4'), findTool('debugfs')]);
if (process.env['CI_TOOLS'] === 'required' && (mkfs === undefined || debugfs === undefined)) {
  throw new Error('CI_TOOLS=required, but mkfs.ext4 or debugfs is not installed.');
}

test('the partition table has one Linux partition from 1 MiB to the end of the disk', () => {
  const table = writePartitionTable(8 * 1024 ** 3, 0x1234_5678);
  expect(table).toHaveLength(512);
  expect(table.readUInt32LE(440)).toBe(0x1234_5678);
  expect(table.subarray(446, 462).toString('hex')).toBe(
    // Status, CHS, type 83, CHS, sector 2048, 16777216 - 2048 sectors.
    '00feffff83feffff00080000' + '00f8ff00',
  );
  expect(table.subarray(462, 510).every((byte) => byte === 0)).toBe(true);
  expect(table.toString('hex', 510)).toBe('55aa');
});

test('a tool that is not there is not found', async () => {
  expect(await findTool('no-such-tool-of-the-demo')).toBeUndefined();
});

(mkfs === undefined ? describe.skip : describe)('a VHD made with mkfs.ext4', () => {
  let folder: string;
  let file: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'demo-disk-test-'));
    file = join(folder, 'disk.vhd');
    const guest = join(folder, 'guest');
    await mkdir(join(guest, 'home'), { recursive: true });
    await writeFile(join(guest, 'home', 'hello.txt'), hello);
    await makeLinuxVhd({ file, sizeBytes, folder: guest, mkfs: mkfs ?? '' });
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const read = async (start: number, length: number): Promise<Buffer> => {
    await using handle = await open(file);
    return (await handle.read(Buffer.alloc(length), 0, length, start)).buffer;
  };

  test('ends with the footer of a fixed VHD of its size', async () => {
    expect((await stat(file)).size).toBe(sizeBytes + 512);
    expect(readVhdFooter(await read(sizeBytes, 512)).sizeBytes).toBe(sizeBytes);
  });

  test('begins with its partition table', async () => {
    const table = await read(0, 512);
    expect(table).toEqual(writePartitionTable(sizeBytes, table.readUInt32LE(440)));
  });

  test('has an ext4 file system as large as its partition', async () => {
    const superblock = await read(PARTITION_OFFSET + 1024, 1024);
    expect(superblock.readUInt16LE(56)).toBe(0xef53);
    const blockBytes = 1024 << superblock.readUInt32LE(24);
    expect(superblock.readUInt32LE(4) * blockBytes).toBe(sizeBytes - PARTITION_OFFSET);
  });

  test('is not written over a file that is there', async () => {
    await expect(
      makeLinuxVhd({ file, sizeBytes, folder: join(folder, 'guest'), mkfs: mkfs ?? '' }),
    ).rejects.toMatchObject({ code: 'EEXIST' });
  });

  (debugfs === undefined ? test.skip : test)('holds the files of the folder', async () => {
    const image = `${file}?offset=${PARTITION_OFFSET}`;
    expect(await runTool(debugfs ?? '', ['-R', 'cat /home/hello.txt', image])).toBe(hello);
  });
});
