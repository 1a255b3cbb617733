import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Debian and its kin keep the tools for file systems where the PATH of many users does not lead. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The path of a program, or undefined where it is not installed. */
export async function findTool(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  for (const folder of folders.filter((one) => one !== '')) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}

/** Runs a program to its end; gives what it printed, and throws with what it complained about when it fails. */
export async function runTool(
  file: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C' };
  const { stdout } = await execute(file, [...args], { env, ...(signal && { signal }) });
  return stdout;
}
