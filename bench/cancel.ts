import type { ChildProcess } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Call } from '../local-azure/edge/calls.ts';
import { runPhase, type PhaseResult } from '../local-runner/run-action.ts';
import { stepOf } from './action.ts';
import { withLocalAzure, type BenchAzure } from './local-azure-run.ts';
import { AZURE_PIECES_PER_SECOND, buildModel, buildScenario } from './scenario.ts';

/** The runner sends SIGINT, and SIGTERM so many seconds later: src/Runner.Sdk/ProcessInvoker.cs of actions/runner. */
const CANCEL_SECONDS = 7.5;

const layouts: readonly Layout[] = [
  { replicas: 1, accounts: 1 },
  { replicas: 10, accounts: 1 },
  { replicas: 50, accounts: 10 },
];
/** More than are copied before the end comes. */
const PIECES = 1500;

interface Layout {
  readonly replicas: number;
  readonly accounts: number;
}

/** A run that is cancelled in the middle of its copies. */
export interface CancelledRun extends Layout {
  /** Calls that revoke or delete something. */
  readonly releases: number;
  /** From SIGINT until the last of them is sent. */
  readonly sentSeconds: number;
  readonly limitSeconds: number;
  /** From SIGINT until the process has ended. */
  readonly endSeconds: number;
  /** What is left for the post step. */
  readonly left: number;
}

/** How long a cancelled run takes to close what it opened, with the latencies of Azure. */
export async function measureCancel(
  _carried: number,
  say: (line: string) => void,
): Promise<readonly CancelledRun[]> {
  const runs: CancelledRun[] = [];
  for (const layout of layouts) {
    const scenario = buildScenario({
      pieces: PIECES,
      accounts: layout.accounts,
      model: buildModel(AZURE_PIECES_PER_SECOND),
    });
    const run = await withLocalAzure(scenario, (azure) => cancel(azure, layout));
    say(`${layout.replicas} replicas: all releases sent after ${run.sentSeconds.toFixed(1)} s`);
    runs.push(run);
  }
  return runs;
}

async function cancel(azure: BenchAzure, layout: Layout): Promise<CancelledRun> {
  const workspace = await mkdtemp(join(azure.folder, 'step-'));
  const { promise: copying, resolve: onCopying } = Promise.withResolvers<undefined>();
  const { promise: started, resolve: onStart } = Promise.withResolvers<ChildProcess>();
  const ended = runPhase(
    {
      ...stepOf(azure, workspace, { ...layout, inputs: { 'max-exports': '10' } }),
      onStart,
      onLine: (line) => {
        if (line.startsWith('Copying: ')) onCopying(undefined);
      },
    },
    'main',
    {},
    [],
  );
  const child = await started;
  await Promise.race([copying, ended.then(failWhenEnded)]);
  const cancelledAt = Date.now();
  child.kill('SIGINT');
  await ended;
  const endSeconds = (Date.now() - cancelledAt) / 1000;
  const releases = (await azure.calls()).filter((call) => isRelease(call, cancelledAt));
  const last = Math.max(...releases.map(({ startedAt }) => Date.parse(startedAt)));
  const { resources, grants, blobs } = await azure.state();
  const snapshots = resources['Microsoft.Compute/snapshots'] ?? [];
  return {
    ...layout,
    releases: releases.length,
    sentSeconds: (last - cancelledAt) / 1000,
    limitSeconds: CANCEL_SECONDS,
    endSeconds,
    left: snapshots.length + grants.length + blobs.length,
  };
}

function failWhenEnded({ log }: PhaseResult): never {
  throw new Error(`The action ended before it copied:\n${log}`);
}

function isRelease({ method, url, startedAt }: Call, sinceMs: number): boolean {
  return Date.parse(startedAt) >= sinceMs && (method === 'DELETE' || url.includes('/endGetAccess'));
}
