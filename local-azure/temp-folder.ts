import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = 'local-azure-';

/** Makes this process's folder for temporary files, and removes those of processes that are gone. */
export async function createTempFolder(): Promise<string> {
  await removeDeadFolders();
  const folder = join(tmpdir(), `${prefix}${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

/** Removes a folder with all that is in it. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function removeDeadFolders(): Promise<void> {
  const names = await readdir(tmpdir());
  const dead = names.filter((name) => {
    const pid = /^local-azure-(\d+)-[0-9a-f]{8}$/.exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  });
  // Another start may be removing the same folder, or another user may own it.
  await Promise.allSettled(dead.map((name) => removeFolder(join(tmpdir(), name))));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
