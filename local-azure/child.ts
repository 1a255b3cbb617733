import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { Call } from './edge/calls.ts';
import type { State } from './edge/state.ts';
import type { FaultRule, Scenario } from './scenario.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

/** The control address of a local Azure. */
export interface Control {
  state(): Promise<State>;
  calls(): Promise<readonly Call[]>;
  /** Every token and SAS that was given out since the start. */
  secrets(): Promise<readonly string[]>;
  /** Puts rules in the place of those in force. */
  setFaults(rules: readonly FaultRule[]): Promise<void>;
  /** Starts anew with another scenario, or with the present one. */
  reset(scenario?: Scenario): Promise<void>;
}

/** A local Azure in a process of its own. */
export interface LocalAzureChild extends Control {
  /** What a client process needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends it and gives its exit code. */
  end(): Promise<number | null>;
}

export interface ChildOptions {
  /** Where its files go; it must be there. */
  readonly folder: string;
  /** Further command line options. */
  readonly options?: readonly string[];
  /** It does not keep this process alive, and ends with it. */
  readonly background?: boolean;
  /** Out of the process group, so that Ctrl+C in a terminal does not reach it. */
  readonly detached?: boolean;
  /** Beside the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts a local Azure and waits until it is ready; rejects with what it printed if it ends instead. */
export async function startChild(
  scenario: Scenario,
  {
    folder,
    options = [],
    background = false,
    detached = false,
    environment: added = {},
  }: ChildOptions,
): Promise<LocalAzureChild> {
  const scenarioFile = join(folder, 'scenario.json');
  const envFile = join(folder, 'environment');
  await writeFile(scenarioFile, JSON.stringify(scenario));
  const child = fork(main, ['--scenario', scenarioFile, '--env-file', envFile, ...options], {
    // Without the dashes Node would take --env-file for an option of its own.
    execArgv: ['--'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached,
    env: { ...process.env, ...added },
  });
  try {
    await waitUntilReady(child);
    const environment = readEnvironment(await readFile(envFile, 'utf8'));
    if (background) letGo(child);
    return { environment, ...controlOf(environment), end: () => end(child) };
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** Makes the clients of this process use a local Azure; clients read the proxy when they are made. */
export function useLocalAzure({ environment }: Pick<LocalAzureChild, 'environment'>): void {
  Object.assign(process.env, environment);
  const authority = readFileSync(environment['NODE_EXTRA_CA_CERTS'] ?? '', 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), authority]);
}

function waitUntilReady(child: ChildProcess): Promise<void> {
  const printed: Buffer[] = [];
  child.stderr?.on('data', (text: Buffer) => printed.push(text));
  return new Promise((resolve, reject) => {
    child.once('message', () => {
      resolve();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      const text = Buffer.concat(printed).toString().trim();
      reject(new Error(`The local Azure ended with exit code ${String(code)}.\n${text}`));
    });
  });
}

/** Its channel stays open, so that it sees when this process is gone. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
  if (child.stderr instanceof Socket) child.stderr.unref();
}

async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }
  return child.exitCode;
}

/** The control address in the environment that a local Azure wrote. */
export function controlOf(environment: Readonly<Record<string, string>>): Control {
  const url = environment['LOCAL_AZURE_CONTROL'] ?? '';
  return {
    state: async () => (await ask(`${url}/state`)) as State,
    calls: async () => (await ask(`${url}/calls`)) as readonly Call[],
    secrets: async () => (await ask(`${url}/secrets`)) as readonly string[],
    setFaults: async (rules) => {
      await ask(`${url}/faults`, rules);
    },
    reset: async (scenario) => {
      await ask(`${url}/reset`, scenario ?? '');
    },
  };
}

/** GET without a body, POST with one; an answer that is no success throws. */
async function ask(url: string, body?: unknown): Promise<unknown> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, body === undefined ? {} : { method: 'POST', body: text });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer}`);
  return answer === '' ? undefined : (JSON.parse(answer) as unknown);
}

function readEnvironment(text: string): Readonly<Record<string, string>> {
  const entries = Object.entries(parseEnv(text));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}
