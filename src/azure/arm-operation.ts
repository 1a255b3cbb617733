import { setTimeout as sleep } from 'node:timers/promises';
import type { Patience } from './compute-clients.ts';
import { withinDeadline } from './deadline.ts';

/** An answer of Azure Resource Manager that is no error. */
export interface ArmAnswer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: unknown;
}

/** What an operation that Azure ended as failed or cancelled says; it comes with HTTP status 200. */
export class OperationError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'OperationError';
    this.code = code;
  }
}

/** Where an operation is asked for, and whether an answer says that it goes on. */
interface Watch {
  readonly url: string;
  readonly isRunning: (answer: ArmAnswer) => boolean;
}

/** How an operation is waited for. */
export interface Following {
  readonly patience: Patience;
  readonly signal: AbortSignal;
  /** Passes the pauses, in milliseconds; by the system's own timer unless another one is given. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

const pass = (milliseconds: number, signal: AbortSignal): Promise<unknown> =>
  sleep(milliseconds, undefined, { signal });

/**
 * Waits for the end of what a PUT or DELETE of `url` started. Throws an OperationError for one that failed, and one
 * line when the deadline passes.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
 */
export async function followOperation(
  started: ArmAnswer,
  url: string,
  get: (url: string, signal: AbortSignal) => Promise<ArmAnswer>,
  { patience, signal, wait = pass }: Following,
): Promise<void> {
  const watch = watchOf(started, url);
  if (watch === undefined) return;
  await withinDeadline(patience.deadlineMs, signal, async (linked) => {
    let pauseMs = retryAfterMs(started) ?? patience.firstPauseMs;
    for (;;) {
      await wait(pauseMs, linked);
      const answer = await get(watch.url, linked);
      if (!watch.isRunning(answer)) return;
      pauseMs = retryAfterMs(answer) ?? patience.intervalMs;
    }
  });
}

/** The URL of the operation is preferred to that of its result; without both the resource itself tells. */
function watchOf(started: ArmAnswer, url: string): Watch | undefined {
  const operation = started.header('azure-asyncoperation');
  if (operation !== undefined) {
    return { url: operation, isRunning: ({ body }) => isRunningAs(read(body, 'status'), body) };
  }
  const location = started.status === 202 ? started.header('location') : undefined;
  if (location !== undefined) {
    return { url: location, isRunning: ({ status }) => status === 202 };
  }
  const isRunning = ({ body }: ArmAnswer): boolean =>
    isRunningAs(read(read(body, 'properties'), 'provisioningState') ?? 'Succeeded', body);
  return isRunning(started) ? { url, isRunning } : undefined;
}

/** Any word that is not an end means that it goes on. */
function isRunningAs(state: unknown, body: unknown): boolean {
  const word = typeof state === 'string' ? state : '';
  if (/^succeeded$/i.test(word)) return false;
  if (!/^(failed|cancell?ed)$/i.test(word)) return true;
  const error = read(body, 'error');
  const text = (name: string): string | undefined => {
    const value = read(error, name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  throw new OperationError(
    text('code') ?? word,
    text('message') ?? `the operation ended as ${word}`,
  );
}

/**
 * What Azure asks to wait. A pause of nothing counts as none, as it does for the SDK's pollers, or it would be asked
 * without end: https://github.com/Azure/azure-sdk-for-js/blob/main/sdk/core/core-lro/src/poller/operation.ts
 */
function retryAfterMs({ header }: ArmAnswer): number | undefined {
  const seconds = Number(header('retry-after') ?? NaN);
  return seconds > 0 ? seconds * 1000 : undefined;
}

function read(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
