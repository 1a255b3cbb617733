import { azureFailure } from './errors.ts';
import type { Clock } from './ports.ts';

/** A resource that another operation works on is asked again after these pauses, in milliseconds. */
const PAUSES_MS = [2_000, 4_000, 8_000, 15_000, 30_000];

/** Refused because of the state of the resource: as an answer, or as the end of an operation. */
export function isConflict(error: unknown): boolean {
  const { status, code = '' } = azureFailure(error);
  const codes = ['Conflict', 'OperationNotAllowed', 'AnotherOperationInProgress'];
  return status === 409 || codes.includes(code);
}

/** When something is tried again, and after which pauses in milliseconds. */
export interface Persistence {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly isBusy?: (error: unknown) => boolean;
  readonly pausesMs?: readonly number[];
}

/** Does a task again as long as it meets a conflict, after a pause and what clears the way. */
export async function untilFree<T>(
  task: () => Promise<T>,
  clearTheWay: () => Promise<void>,
  { clock, signal, isBusy = isConflict, pausesMs = PAUSES_MS }: Persistence,
): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await task();
    } catch (error) {
      if (!isBusy(error)) throw error;
      await clock.sleep(pauseMs, signal);
      await clearTheWay();
    }
  }
  return task();
}
