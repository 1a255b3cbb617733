import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The file that the proof reads back. */
export const HELLO_PATH = '/home/azureuser/hello.txt';

const MIB = 1024 * 1024;
const OS_RELEASE = 'NAME="Demo Linux"\nID=demo\nPRETTY_NAME="Demo Linux 1"\n';
/** Of the files that stand for what is installed. */
const SIZES_MIB = [1, 3, 4, 8, 16, 32];

/** Writes the files of the demo's guest into a folder. */
export async function writeGuestFiles(folder: string, hello: string): Promise<void> {
  const files: readonly (readonly [string, string | Buffer])[] = [
    ['/etc/os-release', OS_RELEASE],
    ['/etc/hostname', 'builder\n'],
    [HELLO_PATH, hello],
    ...SIZES_MIB.map((size) => [`/opt/demo/${size}-mib.bin`, randomBytes(size * MIB)] as const),
  ];
  for (const [path, content] of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
