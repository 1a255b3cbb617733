import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runPhase, type Step } from '../local-runner/run-action.ts';
import { findCopyPhase, type CopyPhase } from './copy-phase.ts';
import type { BenchAzure } from './local-azure-run.ts';
import {
  accountNames,
  clientId,
  resourceGroup,
  subscriptionId,
  tenantId,
  vmName,
} from './scenario.ts';
import { time } from './stopwatch.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const preload = new URL('usage-preload.ts', import.meta.url).href;

export interface CaptureWish {
  readonly replicas: number;
  readonly accounts: number;
  readonly inputs?: Readonly<Record<string, string>>;
}

/** A capture by the shipped bundle. */
export interface Captured {
  /** Of the step, from the start of its process to its end. */
  readonly seconds: number;
  readonly copy: CopyPhase;
  readonly phases: readonly CapturedPhase[];
  readonly usage: Usage;
}

export interface CapturedPhase {
  readonly name: string;
  readonly startedAt: string;
  readonly seconds: number;
}

export interface Usage {
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/** Runs the bundle as a workflow's step does; throws with the end of its log where it fails. */
export async function capture(azure: BenchAzure, wish: CaptureWish): Promise<Captured> {
  const workspace = await mkdtemp(join(azure.folder, 'step-'));
  const usageFile = join(workspace, 'usage.json');
  const plain = stepOf(azure, workspace, wish);
  const usage = { NODE_OPTIONS: `--import=${preload}`, BENCH_USAGE: usageFile };
  const step = { ...plain, environment: { ...plain.environment, ...usage } };
  const { seconds, value } = await time(() => runPhase(step, 'main', {}, []));
  if (value.exitCode !== 0) {
    throw new Error(`The action has failed:\n${value.log.split('\n').slice(-30).join('\n')}`);
  }
  const manifest = await readJson<{ readonly phases: readonly CapturedPhase[] }>(
    value.outputs['manifest'] ?? '',
  );
  return {
    seconds,
    copy: findCopyPhase(await azure.calls()),
    phases: manifest.phases,
    usage: await readJson<Usage>(usageFile),
  };
}

/** The step of a workflow that makes such a capture. */
export function stepOf({ environment }: BenchAzure, workspace: string, wish: CaptureWish): Step {
  return { directory: root, workspace, inputs: inputsOf(wish), environment };
}

function inputsOf({ replicas, accounts, inputs }: CaptureWish): Readonly<Record<string, string>> {
  return {
    'client-id': clientId,
    'tenant-id': tenantId,
    'subscription-id': subscriptionId,
    'resource-group': resourceGroup,
    'vm-name': vmName,
    generalize: 'mark',
    'storage-accounts': accountNames(accounts).join(', '),
    replicas: String(replicas),
    ...inputs,
  };
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}
