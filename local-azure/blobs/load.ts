import { setTimeout as wait } from 'node:timers/promises';
import { drawFrom, type Spread } from '../draw.ts';
import type { ScenarioBudget, ScenarioModel } from '../scenario.ts';
import { Bucket } from './bucket.ts';
import { problems, type Problem } from './problems.ts';

const MIB = 1024 * 1024;

/** One of the things that a call uses. */
export interface Used {
  readonly kind: 'perBlob' | 'perAccount' | 'perExport';
  readonly name: string;
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
  /** Waits as long as the call takes; gives a problem instead where one of its budgets is used up. */
  carry(use: Use): Promise<Problem | undefined>;
  /** Milliseconds that a Copy Blob within an account takes; undefined for as fast as it goes. */
  drawOwnCopyMs(call: string): number | undefined;
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
  const budgets = new Map<string, Budget>();
  const budgetOf = ({ kind, name }: Used): Budget => {
    const key = `${kind}/${name}`;
    const known = budgets.get(key) ?? createBudget(blobs?.[kind], blobs?.longestQueueMs ?? 0);
    budgets.set(key, known);
    return known;
  };
  return {
    isOn: blobs !== undefined,
    carry: async ({ call, bytes, used, isAcrossRegions }) => {
      const nowMs = performance.now();
      const all = used.map(budgetOf);
      if (!all.every((budget) => budget.isOpen(nowMs))) return busy(blobs?.retryAfterSeconds);
      const factor = isAcrossRegions ? (blobs?.acrossRegionsFactor ?? 1) : 1;
      const latencyMs = blobs?.latencyMs === undefined ? 0 : draw(blobs.latencyMs, call) * factor;
      const waitMs = Math.max(latencyMs, ...all.map((budget) => budget.take(bytes, nowMs)));
      if (waitMs > 0) await wait(waitMs);
      return undefined;
    },
    drawOwnCopyMs: (call) =>
      blobs?.ownCopyMs === undefined ? undefined : draw(blobs.ownCopyMs, call),
  };
}

interface Budget {
  isOpen(nowMs: number): boolean;
  take(bytes: number, nowMs: number): number;
}

function createBudget(figures: ScenarioBudget = {}, longestQueueMs: number): Budget {
  const { mibPerSecond, requestsPerSecond } = figures;
  const bytes = mibPerSecond && new Bucket(mibPerSecond * MIB, longestQueueMs);
  const requests = requestsPerSecond && new Bucket(requestsPerSecond, longestQueueMs);
  return {
    isOpen: (nowMs) => [bytes, requests].every((bucket) => !bucket || bucket.isOpen(nowMs)),
    take: (amount, nowMs) =>
      Math.max(bytes ? bytes.take(amount, nowMs) : 0, requests ? requests.take(1, nowMs) : 0),
  };
}

function busy(retryAfterSeconds: number | undefined): Problem {
  return retryAfterSeconds === undefined
    ? problems.serverBusy
    : { ...problems.serverBusy, headers: { 'retry-after': String(retryAfterSeconds) } };
}
