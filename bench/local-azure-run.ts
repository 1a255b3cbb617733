import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, useLocalAzure, type LocalAzureChild } from '../local-azure/child.ts';
import type { Scenario } from '../local-azure/scenario.ts';

/** A local Azure of a benchmark, and a folder for files. */
export interface BenchAzure extends LocalAzureChild {
  readonly folder: string;
  /** From its start until it was ready. */
  readonly startSeconds: number;
}

/** Runs some work with a local Azure that the clients of this process use, too, and ends it. */
export async function withLocalAzure<T>(
  scenario: Scenario,
  work: (azure: BenchAzure) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const startedMs = performance.now();
    const child = await startChild(scenario, { folder });
    try {
      useLocalAzure(child);
      const startSeconds = (performance.now() - startedMs) / 1000;
      return await work({ ...child, folder, startSeconds });
    } finally {
      await child.end();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
