import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { capture, type Usage } from './action.ts';
import { withLocalAzure } from './local-azure-run.ts';
import { buildScenario } from './scenario.ts';
import { time } from './stopwatch.ts';

const execute = promisify(execFile);
const dist = fileURLToPath(new URL('../dist', import.meta.url));
const manyReplicas = fileURLToPath(new URL('many-replicas.ts', import.meta.url));
const preload = new URL('usage-preload.ts', import.meta.url).href;

/** The difference between these is what pieces cost, without what a run costs anyway. */
const FEW = 500;
const MANY = 3500;
const STARTS = 5;
/** Where there is plenty of memory V8 lets garbage lie; what is needed shows when it does not. */
const FRUGAL = '--max-semi-space-size=16';

/** What the runner pays. */
export interface RunnerCost {
  readonly cpuSecondsPerThousand: number;
  /** Of the processor, of a run with few pieces and of one with many; peak memory of both. */
  readonly few: Usage;
  readonly many: Usage;
  readonly pieces: { readonly few: number; readonly many: number };
  readonly simulated: Usage & { readonly transfers: number; readonly seconds: number };
  /** Of the bundle with nothing to do, and of Node itself. */
  readonly startMs: number;
  readonly nodeStartMs: number;
  readonly bundleMiB: number;
}

export async function measureRunnerCost(): Promise<RunnerCost> {
  const few = await measureUsage(FEW);
  const many = await measureUsage(MANY);
  const thousands = (MANY - FEW) / 1000;
  return {
    cpuSecondsPerThousand: (many.cpuSeconds - few.cpuSeconds) / thousands,
    few,
    many,
    pieces: { few: FEW, many: MANY },
    simulated: await simulateMany(),
    // Without inputs it tells at once what is missing.
    startMs: await startTime([join(dist, 'index.js')]),
    nodeStartMs: await startTime(['--eval', '0']),
    bundleMiB: await bundleSize(),
  };
}

/** What a capture uses with the model off. */
async function measureUsage(pieces: number): Promise<Usage> {
  return await withLocalAzure(buildScenario({ pieces }), async (azure) => {
    const { usage } = await capture(azure, { replicas: 1, accounts: 1 });
    return usage;
  });
}

async function simulateMany(): Promise<RunnerCost['simulated']> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const file = join(folder, 'usage.json');
    const env = { ...process.env, NODE_OPTIONS: `--import=${preload}`, BENCH_USAGE: file };
    const { seconds, value } = await time(() =>
      execute(process.execPath, [FRUGAL, manyReplicas], { env }),
    );
    const usage = JSON.parse(await readFile(file, 'utf8')) as Usage;
    return { ...usage, transfers: Number(value.stdout), seconds };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The shortest of some starts, in milliseconds. */
async function startTime(args: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    const env = { PATH: process.env['PATH'] ?? '' };
    const { seconds } = await time(() =>
      execute(process.execPath, [...args], { env }).catch(() => undefined),
    );
    times.push(seconds * 1000);
  }
  return Math.min(...times);
}

async function bundleSize(): Promise<number> {
  const names = (await readdir(dist)).filter((name) => name.endsWith('.js'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dist, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0) / 1024 ** 2;
}
