import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { State } from '../local-azure/edge/state.ts';
import type { Scenario } from '../local-azure/scenario.ts';

const main = fileURLToPath(new URL('../local-azure/main.ts', import.meta.url));

/** A local Azure in a process of its own. */
export interface LocalAzure extends AsyncDisposable {
  /** What a client process needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  state(): Promise<State>;
}

/** Starts a local Azure, with its files in a folder that must be there; rejects with what it says if it ends. */
export async function startLocalAzure(scenario: Scenario, folder: string): Promise<LocalAzure> {
  const scenarioFile = join(folder, 'scenario.json');
  const envFile = join(folder, 'environment');
  await writeFile(scenarioFile, JSON.stringify(scenario));
  const child = fork(main, ['--scenario', scenarioFile, '--env-file', envFile], {
    // Without the dashes Node would take --env-file for an option of its own.
    execArgv: ['--'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Ctrl+C must end the action first, which needs its Azure to clean up.
    detached: true,
  });
  try {
    await waitUntilReady(child);
    const environment = readStrings(await readFile(envFile, 'utf8'));
    return {
      environment,
      state: () => readState(environment['LOCAL_AZURE_CONTROL'] ?? ''),
      [Symbol.asyncDispose]: () => stop(child),
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** Makes the clients of this process use a local Azure; clients read the proxy when they are made. */
export async function useLocalAzure({ environment }: LocalAzure): Promise<void> {
  Object.assign(process.env, environment);
  const authority = await readFile(environment['NODE_EXTRA_CA_CERTS'] ?? '', 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), authority]);
}

function waitUntilReady(child: ChildProcess): Promise<void> {
  const complaints: Buffer[] = [];
  child.stderr?.on('data', (text: Buffer) => complaints.push(text));
  return new Promise((resolve, reject) => {
    child.once('message', () => {
      resolve();
    });
    child.once('error', reject);
    child.once('close', () => {
      reject(new Error(`The local Azure ended: ${Buffer.concat(complaints).toString().trim()}`));
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

async function readState(control: string): Promise<State> {
  const response = await fetch(`${control}/state`);
  if (!response.ok) throw new Error(`The control address answered ${response.status}.`);
  return (await response.json()) as State;
}

function readStrings(text: string): Readonly<Record<string, string>> {
  const entries = Object.entries(parseEnv(text));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}
