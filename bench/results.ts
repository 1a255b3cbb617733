import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { CancelledRun } from './cancel.ts';
import type { Capacity } from './capacity.ts';
import type { Carried } from './carried.ts';
import type { ControlPlane } from './control-plane.ts';
import type { OneDisk } from './one-disk.ts';
import type { Replicas } from './replicas.ts';
import type { RunnerCost } from './runner-cost.ts';

/** What each part of the benchmarks gives. */
export interface Parts {
  readonly capacity: Capacity;
  readonly 'one-disk': OneDisk;
  readonly replicas: Replicas;
  readonly 'control-plane': ControlPlane;
  readonly cancel: readonly CancelledRun[];
  readonly runner: RunnerCost;
}

export type PartName = keyof Parts;

/** When and where a part was measured. */
export interface Measured<T> {
  readonly at: string;
  readonly machine: Machine;
  readonly carried: Carried;
  readonly result: T;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
}

/** The last result of every part. */
export type Results = { readonly [Name in PartName]?: Measured<Parts[Name]> };

export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    node: process.versions.node,
  };
}

/** The results in a file; none where it is not there yet. */
export async function readResults(file: string): Promise<Results> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Results;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}
