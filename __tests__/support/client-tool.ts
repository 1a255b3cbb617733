import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';

const execute = promisify(execFile);
/** A client that waits longer than this for an answer will not get it. */
const patienceMs = 60_000;

/** A program that is no part of this project. */
export interface ClientTool {
  readonly file: string;
  /** Such as 2.45.0. */
  readonly version: string;
}

/** The first of some files, or of programs of that name, that runs and tells its version. */
export async function findClient(
  files: readonly string[],
  versionArguments: readonly string[],
): Promise<ClientTool | undefined> {
  for (const file of files) {
    const answer = await execute(file, [...versionArguments]).catch(() => undefined);
    const version = /\d+\.\d+\.\d+/.exec(answer?.stdout ?? '')?.[0];
    if (version !== undefined) return { file, version };
  }
  return undefined;
}

/**
 * Describes tests of a client with its version in the name; where it is missing they are skipped, and the name says
 * how to get it. In CI (`CI_TOOLS=required`) a missing client fails instead.
 */
export function describeClient(
  name: string,
  tool: ClientTool | undefined,
  tests: (tool: ClientTool) => void,
): void {
  const install = 'scripts/install-clients.sh installs it';
  if (tool !== undefined) {
    describe(`${name} ${tool.version}`, () => {
      tests(tool);
    });
  } else if (process.env['CI_TOOLS'] === 'required') {
    throw new Error(`${name} is required here and missing; ${install}.`);
  } else {
    describe.skip(`${name} (skipped, it is not here; ${install})`, () => {
      tests({ file: name, version: '' });
    });
  }
}

/** Runs a client to its end in the environment of this process; gives what it printed, and throws with what it said when it fails. */
export async function runClient(
  { file }: ClientTool,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<string> {
  const env = { ...process.env, ...environment };
  const { stdout } = await execute(file, [...args], {
    env,
    timeout: patienceMs,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}

/** A folder for what a client writes, which is gone after its use. */
export async function createClientFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'azure-client-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
