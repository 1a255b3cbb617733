import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runStep, type StepResult } from '../local-runner/run-action.ts';
import {
  accountNames,
  clientId,
  resourceGroup,
  subscriptionId,
  tenantId,
  vmName,
} from './scenario.ts';
import type { Screen } from './screen.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What a workflow would have under `with:`; nothing secret is among it. */
export const inputs = {
  'client-id': clientId,
  'tenant-id': tenantId,
  'subscription-id': subscriptionId,
  'resource-group': resourceGroup,
  'vm-name': vmName,
  generalize: 'mark',
  'storage-accounts': accountNames.join(', '),
  replicas: '3',
} as const;

/** Builds the bundle of the action where it is missing. */
export async function ensureBundle(screen: Screen, signal: AbortSignal): Promise<void> {
  if (existsSync(join(root, 'dist', 'index.js'))) return;
  screen.line('dist/index.js is missing: building it with npm run build.');
  const build = spawn('npm', ['run', 'build'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
    signal,
  });
  const [code] = (await once(build, 'close')) as [number | null];
  if (code !== 0) throw new Error('npm run build has failed.');
}

/** Runs main and post of the shipped bundle as the runner does, with its log on the screen. Passes an abort on as Ctrl+C. */
export async function runAction(
  environment: Readonly<Record<string, string>>,
  folder: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<StepResult> {
  const workspace = join(folder, 'workspace');
  await mkdir(workspace);
  const phases = ['main', 'post'].values();
  return runStep({
    directory: root,
    inputs,
    environment,
    workspace,
    onStart: (child) => {
      screen.line(`node dist/index.js (${phases.next().value ?? ''})`);
      const interrupt = () => child.kill('SIGINT');
      signal.addEventListener('abort', interrupt);
      child.once('exit', () => {
        signal.removeEventListener('abort', interrupt);
      });
    },
    onLine: (line) => {
      screen.quote(line);
    },
  });
}
