import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { Call } from '../../local-azure/edge/calls.ts';
import type { State } from '../../local-azure/edge/state.ts';
import type { FaultRule, Scenario } from '../../local-azure/scenario.ts';
import type { TrafficReport } from './check-traffic.ts';
import { definitionsFolder, expectDefinedTraffic } from './traffic-check.ts';

const main = fileURLToPath(new URL('../../local-azure/main.ts', import.meta.url));

/** A local Azure in a child process, and its control address. */
export interface LocalAzure {
  /** What a client process needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  state(): Promise<State>;
  calls(): Promise<readonly Call[]>;
  /** Puts rules in the place of those in force. */
  setFaults(rules: readonly FaultRule[]): Promise<void>;
  /** Starts anew with another scenario, or with the present one. */
  reset(scenario?: Scenario): Promise<void>;
  /**
   * Checks the calls to Azure Resource Manager so far against the official definitions; throws what these do not
   * allow. Undefined where the definitions are not there.
   */
  checkTraffic(): Promise<TrafficReport | undefined>;
  /** Ends it and gives its exit code, or throws what the official definitions do not allow in its traffic. */
  stop(): Promise<number | null>;
}

/** Starts a local Azure and waits until it is ready; rejects with what it printed if it ends instead. */
export async function startLocalAzure(scenario: Scenario): Promise<LocalAzure> {
  const folder = await mkdtemp(join(tmpdir(), 'local-azure-test-'));
  const scenarioFile = join(folder, 'scenario.json');
  const envFile = join(folder, 'environment');
  await writeFile(scenarioFile, JSON.stringify(scenario));
  const traffic = createTraffic(join(folder, 'traffic.jsonl'));
  const files = ['--scenario', scenarioFile, '--env-file', envFile, ...traffic.options];
  const child = fork(main, files, {
    // Without the dashes Node would take --env-file for an option of its own.
    execArgv: ['--'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const removeFiles = () => rm(folder, { recursive: true, force: true });
  try {
    await waitUntilReady(child);
    const environment = readEnvironment(await readFile(envFile, 'utf8'));
    return {
      environment,
      ...controlOf(environment),
      checkTraffic: traffic.check,
      stop: async () => {
        try {
          await end(child);
          await traffic.check();
          return child.exitCode;
        } finally {
          await removeFiles();
        }
      },
    };
  } catch (error) {
    await removeFiles();
    throw error;
  }
}

/** Makes the clients of this process use a local Azure; clients read the proxy when they are made. */
export function useLocalAzure({ environment }: LocalAzure): void {
  Object.assign(process.env, environment);
  const ca = readFileSync(environment['NODE_EXTRA_CA_CERTS'] ?? '', 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), ca]);
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
      const text = Buffer.concat(printed).toString();
      reject(new Error(`The local Azure ended with exit code ${String(code)}.\n${text}`));
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** The traffic of a local Azure, recorded only where it can be checked. */
function createTraffic(file: string): {
  readonly options: readonly string[];
  readonly check: () => Promise<TrafficReport | undefined>;
} {
  const folder = definitionsFolder;
  if (folder === undefined) return { options: [], check: () => Promise.resolve(undefined) };
  return {
    options: ['--traffic-file', file],
    check: async () => (existsSync(file) ? await expectDefinedTraffic(folder, file) : undefined),
  };
}

function controlOf(
  environment: Readonly<Record<string, string>>,
): Pick<LocalAzure, 'state' | 'calls' | 'setFaults' | 'reset'> {
  const url = environment['LOCAL_AZURE_CONTROL'] ?? '';
  return {
    state: async () => (await ask(`${url}/state`)) as State,
    calls: async () => (await ask(`${url}/calls`)) as readonly Call[],
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
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
