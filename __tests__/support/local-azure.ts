import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  controlOf,
  startChild,
  type Control,
  type LocalAzureChild,
} from '../../local-azure/child.ts';
import type { Scenario } from '../../local-azure/scenario.ts';
import { compileCache } from './compile-cache.ts';
import { testRunFolder, trafficFile } from './test-run.ts';
import { definitionsFolder } from './traffic-check.ts';

/** A local Azure in a child process, whose traffic is held against the official definitions where they are there. */
export type LocalAzure = Control & Pick<LocalAzureChild, 'environment'>;

/**
 * A local Azure with a scenario, as if it had just been started. The test files that a worker of Jest runs, one after
 * another, have one in common, which ends with the worker: starting it takes longer than most tests.
 */
export async function startLocalAzure(scenario: Scenario): Promise<LocalAzure> {
  const worker = process.env['JEST_WORKER_ID'] ?? '';
  const folder = join(testRunFolder(), `local-azure-${worker}`);
  const file = join(folder, 'running.json');
  const environment = await readEnvironment(file);
  if (environment !== undefined) {
    const control = controlOf(environment);
    await control.reset(scenario);
    return { environment, ...control };
  }
  await mkdir(folder, { recursive: true });
  const child = await startChild(scenario, {
    folder,
    background: true,
    options: definitionsFolder === undefined ? [] : ['--traffic-file', trafficFile()],
    environment: { NODE_COMPILE_CACHE: compileCache },
  });
  await writeFile(file, JSON.stringify(child.environment));
  return child;
}

async function readEnvironment(file: string): Promise<LocalAzure['environment'] | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as LocalAzure['environment'];
  } catch {
    return undefined;
  }
}
