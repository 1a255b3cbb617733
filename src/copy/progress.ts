import { formatBytes, formatSeconds, MEBIBYTE } from '../units.ts';

/** How far one copy is. */
export interface CopyProgress {
  readonly copiedBytes: number;
  readonly totalBytes: number;
  readonly isDone: boolean;
}

/** How far all copies are. */
export interface ProgressSummary {
  readonly percent: number;
  readonly copiedBytes: number;
  readonly totalBytes: number;
  /** Over the whole time so far. */
  readonly bytesPerSecond: number;
  /** Undefined as long as nothing has moved. */
  readonly secondsLeft: number | undefined;
  readonly done: number;
  readonly copies: number;
}

/** Sums up the copies that have run for so many seconds. */
export function summarizeProgress(
  copies: readonly CopyProgress[],
  elapsedSeconds: number,
): ProgressSummary {
  const copiedBytes = sum(copies.map((copy) => copy.copiedBytes));
  const totalBytes = sum(copies.map((copy) => copy.totalBytes));
  const bytesPerSecond = elapsedSeconds > 0 ? copiedBytes / elapsedSeconds : 0;
  return {
    percent: totalBytes === 0 ? 0 : Math.floor((100 * copiedBytes) / totalBytes),
    copiedBytes,
    totalBytes,
    bytesPerSecond,
    secondsLeft: bytesPerSecond > 0 ? (totalBytes - copiedBytes) / bytesPerSecond : undefined,
    done: copies.filter(({ isDone }) => isDone).length,
    copies: copies.length,
  };
}

/** `43 % (3.4 GiB of 8.0 GiB), 60 MiB/s, 1 min 20 s left, 2 of 5 VHDs done`. */
export function renderProgress(progress: ProgressSummary): string {
  const left =
    progress.secondsLeft === undefined ? [] : [`${formatSeconds(progress.secondsLeft)} left`];
  return [
    `${progress.percent} % (${formatBytes(progress.copiedBytes)} of ${formatBytes(progress.totalBytes)})`,
    `${(progress.bytesPerSecond / MEBIBYTE).toFixed(0)} MiB/s`,
    ...left,
    `${progress.done} of ${progress.copies} VHDs done`,
  ].join(', ');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
