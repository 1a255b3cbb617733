import { setTimeout as wait } from 'node:timers/promises';
import type { BenchAzure } from './local-azure-run.ts';
import { findProgram, runProgram, type Program } from './program.ts';
import {
  accountNames,
  clientId,
  clientSecret,
  container,
  diskName,
  resourceGroup,
  tenantId,
} from './scenario.ts';
import { time } from './stopwatch.ts';

const SNAPSHOT = 'recipe';
/** How often the recipe asks how its copies stand. */
const POLL_MS = 5000;
/** How often the local Azure is asked when they were really done. */
const WATCH_MS = 200;

/** The recipe of the Marketplace documentation: snapshot, grant-access, and all copies started at once by Copy Blob. */
export interface RecipeRun {
  /** Snapshot and access. */
  readonly prepareSeconds: number;
  /** From the start of the first copy until the last one is done, whether az has seen it or not. */
  readonly copySeconds: number;
  /** From the first command until the last copy is seen as done. */
  readonly seconds: number;
}

export async function findAz(): Promise<Program | undefined> {
  return await findProgram(['az'], ['version', '--query', '"azure-cli"', '--output', 'tsv']);
}

/** Signs in, which is not part of the recipe's time. */
export async function signIn(az: Program, azure: BenchAzure): Promise<void> {
  // Debian's az lacks the compute API of its own latest profile.
  const profile = az.version === '2.45.0' ? '2020-09-01-hybrid' : 'latest';
  await run(az, azure, ['cloud', 'set', '--name', 'AzureCloud', '--profile', profile]);
  const principal = ['--service-principal', '--username', clientId, '--password', clientSecret];
  await run(az, azure, ['login', ...principal, '--tenant', tenantId]);
}

/** Runs the recipe for so many replicas. */
export async function runRecipe(
  az: Program,
  azure: BenchAzure,
  { replicas, accounts }: { readonly replicas: number; readonly accounts: number },
): Promise<RecipeRun> {
  const targets = await findTargets(az, azure, replicas, accounts);
  const startedMs = performance.now();
  const prepared = await time(() => grantAccess(az, azure));
  const copyStartedMs = performance.now();
  const done = watchCopies(azure, replicas);
  await Promise.all(
    targets.map((target) =>
      run(az, azure, [
        'storage',
        'blob',
        'copy',
        'start',
        ...target.destination,
        '--source-uri',
        prepared.value,
      ]),
    ),
  );
  await Promise.all(targets.map((target) => waitForCopy(az, azure, target.blob)));
  return {
    prepareSeconds: prepared.seconds,
    copySeconds: ((await done) - copyStartedMs) / 1000,
    seconds: (performance.now() - startedMs) / 1000,
  };
}

interface Target {
  readonly blob: readonly string[];
  readonly destination: readonly string[];
}

/** The options that name each replica; the accounts' keys are read before the recipe starts. */
async function findTargets(
  az: Program,
  azure: BenchAzure,
  replicas: number,
  accounts: number,
): Promise<readonly Target[]> {
  const named = await Promise.all(
    accountNames(accounts).map(async (name) => {
      const place = ['--resource-group', resourceGroup, '--account-name', name];
      const query = ['--query', '[0].value', '--output', 'tsv'];
      const key = await run(az, azure, ['storage', 'account', 'keys', 'list', ...place, ...query]);
      return ['--account-name', name, '--account-key', key];
    }),
  );
  return Array.from({ length: replicas }, (_, replica) => {
    const account = named[replica % named.length] ?? [];
    const blob = `az-${replica}.vhd`;
    return {
      blob: [...account, '--container-name', container, '--name', blob],
      destination: [...account, '--destination-container', container, '--destination-blob', blob],
    };
  });
}

/** Takes the snapshot and gives the SAS. */
async function grantAccess(az: Program, azure: BenchAzure): Promise<string> {
  const snapshot = ['--resource-group', resourceGroup, '--name', SNAPSHOT];
  await run(az, azure, ['snapshot', 'create', ...snapshot, '--source', diskName]);
  const access = ['--duration-in-seconds', '3600', '--query', '[accessSas]', '--output', 'tsv'];
  return await run(az, azure, ['snapshot', 'grant-access', ...snapshot, ...access]);
}

/** Asks until az says that the copy is done. While one is pending az may fail: it asks for the locked page ranges too. */
async function waitForCopy(az: Program, azure: BenchAzure, blob: readonly string[]): Promise<void> {
  const show = ['storage', 'blob', 'show', ...blob, '--query', 'properties.copy.status'];
  for (;;) {
    const status = await run(az, azure, [...show, '--output', 'tsv']).catch((error: unknown) => {
      if (!String(error).includes('PendingCopyOperation')) throw error;
      return 'pending';
    });
    if (status === 'success') return;
    if (status !== 'pending') throw new Error(`A copy by az ended as "${status}".`);
    await wait(POLL_MS);
  }
}

/** When the last copy is done, on the clock of `performance.now()`. */
async function watchCopies(azure: BenchAzure, replicas: number): Promise<number> {
  for (;;) {
    const { blobs } = await azure.state();
    if (blobs.filter(({ copyStatus }) => copyStatus === 'success').length >= replicas) {
      return performance.now();
    }
    await wait(WATCH_MS);
  }
}

async function run(
  az: Program,
  { environment }: BenchAzure,
  args: readonly string[],
): Promise<string> {
  return await runProgram(az, args, environment);
}
