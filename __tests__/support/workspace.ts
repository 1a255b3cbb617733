import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Gives a task an empty folder for the files of a job, which is gone afterwards. */
export async function inWorkspace<T>(task: (workspace: string) => Promise<T>): Promise<T> {
  const workspace = await mkdtemp(join(tmpdir(), 'azure-vm-to-vhd-test-'));
  try {
    return await task(workspace);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}
