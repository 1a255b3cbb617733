import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCopyPhase, type CopyPhase } from './copy-phase.ts';
import type { BenchAzure } from './local-azure-run.ts';
import { findProgram, runProgram, type Program } from './program.ts';
import {
  accountNames,
  clientId,
  clientSecret,
  container,
  PIECE_BYTES,
  tenantId,
} from './scenario.ts';
import { time } from './stopwatch.ts';

const MIB = 1024 * 1024;

/**
 * Requests in flight of all processes: what AzCopy takes by itself on a small machine. As many for each process overrun
 * the export that they share; some are then refused its page ranges, and copy the empty pages, too.
 */
const CONCURRENCY = 32;

/** Where scripts/install-clients.sh puts it. */
const installed = fileURLToPath(
  new URL(
    '../node_modules/.cache/azure-clients/node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64',
    import.meta.url,
  ),
);

/** Copies by AzCopy, one process for each replica, all started at once. */
export interface AzCopyRun {
  /** From the start of the processes to the end of the last one. */
  readonly seconds: number;
  readonly copy: CopyPhase;
}

export async function findAzCopy(): Promise<Program | undefined> {
  return await findProgram([installed, 'azcopy'], ['--version']);
}

/** Copies an export to so many replicas, service to service, in pieces that are scaled as all others are. */
export async function copyByAzCopy(
  azcopy: Program,
  azure: BenchAzure,
  {
    sas,
    replicas,
    accounts,
  }: { readonly sas: string; readonly replicas: number; readonly accounts: number },
): Promise<AzCopyRun> {
  const names = accountNames(accounts);
  const copyOne = async (replica: number) => {
    const account = names[replica % names.length] ?? '';
    const folder = join(azure.folder, `azcopy-${replica}`);
    await mkdir(folder, { recursive: true });
    const target = `https://${account}.blob.core.windows.net/${container}/azcopy-${replica}.vhd`;
    const options = ['--blob-type', 'PageBlob', '--block-size-mb', String(PIECE_BYTES / MIB)];
    await runProgram(azcopy, ['copy', sas, target, ...options], {
      ...azure.environment,
      AZCOPY_AUTO_LOGIN_TYPE: 'SPN',
      AZCOPY_TENANT_ID: tenantId,
      AZCOPY_SPA_APPLICATION_ID: clientId,
      AZCOPY_SPA_CLIENT_SECRET: clientSecret,
      AZCOPY_LOG_LOCATION: folder,
      AZCOPY_JOB_PLAN_LOCATION: folder,
      AZCOPY_CONCURRENCY_VALUE: String(Math.max(1, Math.floor(CONCURRENCY / replicas))),
    });
  };
  const { seconds } = await time(() =>
    Promise.all(Array.from({ length: replicas }, (_, replica) => copyOne(replica))),
  );
  return { seconds, copy: findCopyPhase(await azure.calls()) };
}
