import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, type LocalAzureChild } from '../../local-azure/child.ts';
import type { Scenario } from '../../local-azure/scenario.ts';
import type { TrafficReport } from './check-traffic.ts';
import { compileCache } from './compile-cache.ts';
import { definitionsFolder, expectDefinedTraffic } from './traffic-check.ts';

/** A local Azure in a child process, whose traffic is held against the official definitions where they are there. */
export interface LocalAzure extends Omit<LocalAzureChild, 'end'> {
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
  const removeFiles = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const traffic = createTraffic(join(folder, 'traffic.jsonl'));
  try {
    const child = await startChild(scenario, {
      folder,
      options: traffic.options,
      environment: { NODE_COMPILE_CACHE: compileCache },
    });
    return {
      ...child,
      checkTraffic: traffic.check,
      stop: async () => {
        try {
          const exitCode = await child.end();
          await traffic.check();
          return exitCode;
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
