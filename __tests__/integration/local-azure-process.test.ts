import { execFile, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseEnv, promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { smallScenario } from '../support/small-scenario.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = fileURLToPath(new URL('../../local-azure/main.ts', import.meta.url));
const execute = promisify(execFile);

let folder: string;
let scenarioFile: string;
let envFile: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-azure-test-'));
  scenarioFile = join(folder, 'scenario.json');
  envFile = join(folder, 'azure.env');
  await writeFile(scenarioFile, JSON.stringify(smallScenario));
});

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGKILL');
  }
  await rm(folder, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The start screen. */
  readonly screen: string;
  readonly environment: NodeJS.Dict<string>;
  /** Its own folder of temporary files. */
  readonly files: string;
}

/** Starts a command as a shell does, in a process group of its own. */
function spawnGroup(file: string, args: readonly string[], cwd: string): ChildProcess {
  const child = spawn(file, args, {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  });
  started.push(child);
  return child;
}

function spawnMain(args: readonly string[]): ChildProcess {
  return spawnGroup(process.execPath, ['--', main, ...args], folder);
}

async function start(
  args: readonly string[] = ['--scenario', scenarioFile, '--env-file', envFile],
  written = envFile,
): Promise<Run> {
  return await untilReady(spawnMain(args), written);
}

async function untilReady(child: ChildProcess, written: string): Promise<Run> {
  const complaint = child.stderr === null ? '' : text(child.stderr);
  let screen = '';
  for await (const piece of child.stdout ?? []) {
    screen += String(piece);
    if (screen.includes('Ctrl+C')) break;
  }
  if (!screen.includes('Ctrl+C')) throw new Error(await complaint);
  const environment = parseEnv(await readFile(written, 'utf8'));
  const files = dirname(environment['NODE_EXTRA_CA_CERTS'] ?? '');
  return { child, pid: child.pid ?? 0, screen, environment, files };
}

/** Runs the command to its end, which is to come by itself. */
async function runToEnd(
  args: readonly string[] = ['--scenario', scenarioFile, '--env-file', envFile],
): Promise<{ readonly code: unknown; readonly stderr: string }> {
  const child = spawnMain(args);
  const [stderr, [code]] = await Promise.all([
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'close') as Promise<unknown[]>,
  ]);
  return { code, stderr };
}

/** Signals the process and all that it has started, as Ctrl+C does. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, signal);
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const pids = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return pids.split(' ').filter(Boolean).map(Number);
}

/** One that has ended but was not waited for is a zombie, Z or X. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') X');
  return !/^\) [ZX]/.test(stat.slice(stat.lastIndexOf(')')));
}

async function untilEnded(pids: readonly number[]): Promise<void> {
  for (const pid of pids) while (await isRunning(pid)) await setImmediate();
}

describe('the start screen', () => {
  test('has a bash line that puts the proxy and the certificates into the environment', async () => {
    const { screen } = await start();
    const line = /bash +(.*)/.exec(screen)?.[1] ?? '';
    const variables = '"$HTTPS_PROXY" "$SSL_CERT_FILE" "$AZURE_CONFIG_DIR"';
    const { stdout } = await execute('bash', ['-c', `${line}; printf '%s\\n' ${variables}`]);
    const [proxy = '', certificates = '', azFolder = ''] = stdout.split('\n');
    expect(proxy).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(screen).toContain(`Proxy     ${proxy}\n`);
    expect(await readFile(certificates, 'utf8')).toContain('-----BEGIN CERTIFICATE-----');
    expect(dirname(azFolder)).toBe(dirname(certificates));
  });

  test('names the IDs of the scenario for each client, but no secret', async () => {
    const { screen } = await start();
    const { tenantId, identities = [] } = smallScenario;
    const { clientId = '', clientSecret = '' } = identities[0] ?? {};
    for (const client of ['this action', 'SDKs', 'az', 'azcopy', 'PowerShell']) {
      expect(screen).toMatch(new RegExp(`^ {2}${client} {2}`, 'm'));
    }
    expect(screen).toContain(
      `az login --service-principal --tenant ${tenantId} --username ${clientId}`,
    );
    expect(screen).not.toContain(clientSecret);
  });

  test('comes without any option, for the scenario with one VM', async () => {
    const { screen, environment } = await start([], join(folder, '.local-azure', 'environment'));
    expect(screen).toContain('one-vm.json');
    const answer = await fetch(`${environment['LOCAL_AZURE_CONTROL'] ?? ''}/state`);
    expect(await answer.json()).toMatchObject({
      resources: { 'Microsoft.Compute/virtualMachines': [{ name: 'builder' }] },
    });
  });
});

describe('the end', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'by %s to all of its processes is clean: exit code 0, no process, no file',
    async (signal) => {
      const { child, pid, environment, files } = await start();
      const store = await childrenOf(pid);
      expect(store).toHaveLength(1);
      expect(existsSync(files)).toBe(true);
      signalGroup(child, signal);
      expect(await once(child, 'exit')).toEqual([0, null]);
      await untilEnded(store);
      expect(existsSync(files)).toBe(false);
      expect(existsSync(envFile)).toBe(false);
      await expect(fetch(environment['LOCAL_AZURE_CONTROL'] ?? '')).rejects.toThrow();
    },
  );

  test('comes with the parent that forked it', async () => {
    const child = fork(main, ['--scenario', scenarioFile, '--env-file', envFile], {
      execArgv: ['--'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    const store = await childrenOf(child.pid ?? 0);
    child.disconnect();
    expect(await once(child, 'exit')).toEqual([0, null]);
    await untilEnded(store);
  });

  test.each([
    ['SIGTERM to npm', (npm: ChildProcess) => npm.kill('SIGTERM')],
    [
      'Ctrl+C',
      (npm: ChildProcess) => {
        signalGroup(npm, 'SIGINT');
      },
    ],
  ] as const)('of npm run local-azure is clean by %s', async (_name, end) => {
    const args = ['run', 'local-azure', '--', '--scenario', scenarioFile, '--env-file', envFile];
    const { child, environment, files } = await untilReady(spawnGroup('npm', args, root), envFile);
    end(child);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(files)).toBe(false);
    expect(existsSync(envFile)).toBe(false);
    await expect(fetch(environment['LOCAL_AZURE_CONTROL'] ?? '')).rejects.toThrow();
  });

  test('by SIGKILL leaves no process, and a folder that the next start removes', async () => {
    const killed = await start();
    const store = await childrenOf(killed.pid);
    process.kill(killed.pid, 'SIGKILL');
    await once(killed.child, 'exit');
    await untilEnded(store);
    expect(existsSync(killed.files)).toBe(true);
    const next = await start();
    expect(existsSync(killed.files)).toBe(false);
    expect(existsSync(next.files)).toBe(true);
  });

  test('leaves the environment file of another start in its place', async () => {
    const first = await start();
    const second = await start();
    signalGroup(first.child, 'SIGTERM');
    await once(first.child, 'exit');
    expect(parseEnv(await readFile(envFile, 'utf8'))).toEqual(second.environment);
  });
});

describe('one clear line is said of', () => {
  test('a port that is taken', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const options = ['--scenario', scenarioFile, '--env-file', envFile, '--port', String(port)];
    expect(await runToEnd(options)).toEqual({
      code: 1,
      stderr: `local-azure: port ${port} is taken; name another with --port, or none for one that is free\n`,
    });
    server.close();
    expect(await ownFolders()).toEqual([]);
    expect(existsSync(envFile)).toBe(false);
  });

  test('a port that is none', async () => {
    expect(await runToEnd(['--port', '70000'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: .*'70000' is invalid. It must be a port number.\n$/),
    });
  });

  test('a scenario that is not there', async () => {
    await rm(scenarioFile);
    expect(await runToEnd()).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^local-azure: The scenario ".*" cannot be read: ENOENT.*\n$/),
    });
  });

  test('a scenario that is not JSON', async () => {
    await writeFile(scenarioFile, 'virtualMachines: []');
    expect(await runToEnd()).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^local-azure: The scenario ".*" is not JSON: .*\n$/),
    });
  });

  test('a VHD file that is missing, or that is no VHD', async () => {
    const [vm] = smallScenario.virtualMachines ?? [];
    const osDisk = { name: 'os', content: { vhd: 'os.vhd' } };
    await writeFile(
      scenarioFile,
      JSON.stringify({ ...smallScenario, virtualMachines: [{ ...vm, osDisk }] }),
    );
    const vhd = join(folder, 'os.vhd');
    expect(await runToEnd()).toEqual({
      code: 2,
      stderr: `local-azure: The scenario has a problem: /virtualMachines/0/osDisk/content/vhd: no such file: ${vhd}\n`,
    });
    await writeFile(vhd, Buffer.alloc(1024 * 1024));
    expect(await runToEnd()).toEqual({
      code: 2,
      stderr: expect.stringMatching(
        /^local-azure: The scenario has a problem: .*os\.vhd.*there is no VHD footer.*\n$/,
      ),
    });
  });

  test('an environment file that cannot be written', async () => {
    const options = ['--scenario', scenarioFile, '--env-file', join(scenarioFile, 'azure.env')];
    expect(await runToEnd(options)).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^local-azure: The environment cannot be written to ".*": ENOTDIR.*\n$/,
      ),
    });
  });

  test('a host outside Azure', async () => {
    const { environment } = await start();
    const asked = request(environment['HTTPS_PROXY'] ?? '', {
      method: 'CONNECT',
      path: 'example.com:443',
    }).end();
    const [answer, socket, head] = (await once(asked, 'connect')) as [
      { readonly statusCode: number },
      NodeJS.ReadableStream,
      Buffer,
    ];
    expect(answer.statusCode).toBe(403);
    expect(head.toString() + (await text(socket))).toBe(
      "local-azure: example.com:443 is no host of this Azure; name the host in the scenario's passThrough to let it through\n",
    );
  });
});

test('a wrong scenario is refused with every problem and its path', async () => {
  const wrong = {
    ...smallScenario,
    subscriptions: [],
    cloud: 'AzureMoon',
    retryAfterSeconds: -1,
    storageAccounts: [{ resourceGroup: 'images', name: 'Images-WE' }],
  };
  await writeFile(scenarioFile, JSON.stringify(wrong));
  const { code, stderr } = await runToEnd();
  expect(code).toBe(2);
  expect(stderr.split('\n')).toEqual([
    'local-azure: The scenario has 4 problems:',
    expect.stringMatching(/^ {2}\/cloud: must be one of AzureCloud, .*, got "AzureMoon"$/),
    expect.stringMatching(/^ {2}\/subscriptions: must NOT have fewer than 1 items$/),
    expect.stringMatching(/^ {2}\/storageAccounts\/0\/name: must match pattern .*"Images-WE"$/),
    expect.stringMatching(/^ {2}\/retryAfterSeconds: must be >= 0$/),
    '',
  ]);
});

/** The folders of local Azures that run at the moment, or were killed. */
async function ownFolders(): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => /^local-azure-\d+-/.test(name));
}
