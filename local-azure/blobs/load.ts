import { setTimeout as wait } from 'node:timers/promises';
import { drawFrom, drawShare, type Spread } from '../draw.ts';
import type { ScenarioBudget, ScenarioModel } from '../scenario.ts';
import { Bucket } from './bucket.ts';
import type { BlobPath } from './copies.ts';
import { problems, type Problem } from './problems.ts';
import { Writes } from './writes.ts';

const MIB = 1024 * 1024;
const WRITTEN_FOR_MS = 2000;

/** One of the things that a call uses. */
export interface Used {
  readonly kind: 'perBlob' | 'perAccount' | 'perExport';
  readonly name: string;
  readonly direction: 'read' | 'write';
}

/** What a call uses. */
export interface Use {
  /** What is the same for the same call in every run. */
  readonly call: string;
  readonly bytes: number;
  readonly used: readonly Used[];
  readonly isAcrossRegions: boolean;
}

/** The times and budgets of the model. */
export interface Load {
  /** Whether there are any, so that the work for them is worth it. */
  readonly isOn: boolean;
  /** Waits as long as the call takes; tells instead which of its budgets is used up, the first of them. */
  carry(use: Use): Promise<Busy | undefined>;
  /** Waits until budgets have so many bytes to spare, as the service's own work does, which is never refused. */
  share(used: readonly Used[], bytes: number, signal: AbortSignal): Promise<void>;
  /** Milliseconds that a Copy Blob within an account takes; undefined for as fast as it goes. */
  drawOwnCopyMs(call: string): number | undefined;
  /** Counts a blob as being written until it is disposed of, and for a while after. */
  startWrite(blob: BlobPath): Disposable;
  /** Whether a blob cannot be read because it is being written. */
  isLocked(blob: BlobPath): boolean;
}

/** A budget that is used up, and how a call is refused for it. */
export interface Busy {
  readonly used: Used;
  readonly problem: Problem;
}

/** The load under a model; without figures for blobs nothing waits. */
export function createLoad(model: ScenarioModel = {}): Load {
  const { blobs, seed = 0 } = model;
  const counts = new Map<string, number>();
  const draw = (spread: Spread, call: string) => {
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    return drawFrom(spread, seed, `${call}#${count}`);
  };
  let count = 0;
  const budgets = new Map<string, Budget>();
  const budgetOf = ({ kind, name, direction }: Used): Budget => {
    const isSplit = kind === 'perBlob' && blobs?.budgets === 'split';
    const key = `${kind}/${isSplit ? `${direction}/` : ''}${name}`;
    const known = budgets.get(key) ?? createBudget(blobs?.[kind], blobs?.longestQueueMs ?? 0);
    budgets.set(key, known);
    return known;
  };
  const writes = new Writes(blobs?.writtenForMs ?? WRITTEN_FOR_MS);
  const isRefused = blobs?.readWhileWritten === 'refused';
  return {
    isOn: blobs !== undefined,
    startWrite: (blob) => writes.start(blob, () => performance.now()),
    isLocked: (blob) => isRefused && writes.isWritten(blob, performance.now()),
    carry: async ({ call, bytes, used, isAcrossRegions }) => {
      const nowMs = performance.now();
      const all = used.map(budgetOf);
      const luck = drawShare(seed, `${call}#${(count += 1)}`);
      const full = used.find((_, index) => all[index]?.isOpen(nowMs, luck) === false);
      if (full !== undefined) return { used: full, problem: busy(blobs?.retryAfterSeconds) };
      const factor = isAcrossRegions ? (blobs?.acrossRegionsFactor ?? 1) : 1;
      const latencyMs = blobs?.latencyMs === undefined ? 0 : draw(blobs.latencyMs, call) * factor;
      const waitMs = Math.max(latencyMs, ...all.map((budget) => budget.take(bytes, nowMs)));
      if (waitMs > 0) await wait(waitMs);
      return undefined;
    },
    share: async (used, bytes, signal) => {
      const nowMs = performance.now();
      const waitMs = Math.max(0, ...used.map((one) => budgetOf(one).take(bytes, nowMs)));
      if (waitMs > 0) await wait(waitMs, undefined, { signal });
    },
    drawOwnCopyMs: (call) =>
      blobs?.ownCopyMs === undefined ? undefined : draw(blobs.ownCopyMs, call),
  };
}

interface Budget {
  isOpen(nowMs: number, luck: number): boolean;
  take(bytes: number, nowMs: number): number;
}

function createBudget(figures: ScenarioBudget = {}, longestQueueMs: number): Budget {
  const { mibPerSecond, requestsPerSecond } = figures;
  const bytes = mibPerSecond && new Bucket(mibPerSecond * MIB, longestQueueMs);
  const requests = requestsPerSecond && new Bucket(requestsPerSecond, longestQueueMs);
  return {
    isOpen: (nowMs, luck) =>
      [bytes, requests].every((bucket) => !bucket || bucket.isOpen(nowMs, luck)),
    take: (amount, nowMs) =>
      Math.max(bytes ? bytes.take(amount, nowMs) : 0, requests ? requests.take(1, nowMs) : 0),
  };
}

function busy(retryAfterSeconds: number | undefined): Problem {
  return retryAfterSeconds === undefined
    ? problems.serverBusy
    : { ...problems.serverBusy, headers: { 'retry-after': String(retryAfterSeconds) } };
}
