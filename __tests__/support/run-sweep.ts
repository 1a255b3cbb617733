import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runPhase, type PhaseResult } from '../../local-runner/run-action.ts';
import { laterClock, scaledClock } from './action.ts';
import { compileCache } from './compile-cache.ts';
import type { LocalAzure } from './local-azure.ts';
import { CLIENT, SUBSCRIPTION, TENANT } from './scenario.ts';
import { inWorkspace } from './workspace.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a sweep printed, and what its outputs list. */
export interface Sweep extends PhaseResult {
  readonly found: readonly string[];
  readonly removed: readonly string[];
}

/** Runs the shipped sub-action so many hours later. */
export async function runSweep(
  azure: LocalAzure,
  inputs: Readonly<Record<string, string>>,
  hoursLater: number,
): Promise<Sweep> {
  const result = await inWorkspace((workspace) =>
    runPhase(
      {
        directory: join(root, 'cleanup'),
        workspace,
        inputs: {
          'client-id': CLIENT,
          'tenant-id': TENANT,
          'subscription-id': SUBSCRIPTION,
          'storage-accounts': 'imageswe1',
          'older-than': '1',
          ...inputs,
        },
        environment: {
          ...azure.environment,
          NODE_OPTIONS: `--import=${scaledClock} --import=${laterClock}`,
          NODE_COMPILE_CACHE: compileCache,
          HOURS_LATER: String(hoursLater),
        },
      },
      'main',
      {},
      [],
    ),
  );
  const list = (name: string): readonly string[] =>
    (JSON.parse(result.outputs[name] ?? '[]') as string[]).sort();
  return { ...result, found: list('found'), removed: list('removed') };
}
