import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const prefix = 'local-azure-copied-root-';

/** Copies the root of a guest, as a copy of its disk has it; rejects where that fails. */
export async function copyRoot(root: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), prefix));
  await execute('cp', ['--archive', '--one-file-system', '--reflink=auto', `${root}/.`, copy]);
  return copy;
}

/** Removes a root if it is a copy. */
export function removeRoot(root: string | undefined): void {
  if (root === undefined || !basename(root).startsWith(prefix)) return;
  rmSync(root, { recursive: true, force: true, maxRetries: 3 });
}
