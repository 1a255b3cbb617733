import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A program that is no part of this project, as it is installed here. */
export interface Program {
  readonly file: string;
  /** Such as 2.45.0. */
  readonly version: string;
}

/** The first of some files, or of programs of that name, that runs and tells its version. */
export async function findProgram(
  files: readonly string[],
  versionArguments: readonly string[],
): Promise<Program | undefined> {
  for (const file of files) {
    const answer = await execute(file, [...versionArguments]).catch(() => undefined);
    const version = /\d+\.\d+\.\d+/.exec(answer?.stdout ?? '')?.[0];
    if (version !== undefined) return { file, version };
  }
  return undefined;
}

/** Runs a program to its end and gives what it printed; throws with the last of what it said when it fails. */
export async function runProgram(
  { file }: Program,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const env = { ...process.env, ...environment };
  // The error itself names all arguments, secrets too.
  const run = await execute(file, [...args], { env, maxBuffer: 16 * 1024 * 1024 }).then(
    ({ stdout }) => ({ stdout }),
    (error: unknown) => ({ failure: lastWords(error) }),
  );
  if ('failure' in run) throw new Error(`${basename(file)} has failed: ${run.failure}`);
  return run.stdout.trim();
}

function lastWords(error: unknown): string {
  const said = error as { readonly stdout?: string; readonly stderr?: string };
  return `${said.stdout ?? ''}\n${said.stderr ?? ''}`.trim().slice(-500);
}
