import type { Journal } from '../../src/journal.ts';
import type { Clock, Log } from '../../src/ports.ts';

/** A clock whose time passes only by sleeping. */
export interface LiteralClock extends Clock {
  readonly pauses: readonly number[];
}

/** Begins at a time in milliseconds. */
export function literalClock(start = 0): LiteralClock {
  let time = start;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => time,
    sleep: (milliseconds, signal) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      pauses.push(milliseconds);
      time += milliseconds;
      return Promise.resolve();
    },
  };
}

/** A log that keeps its lines, each with its level in front. */
export interface LiteralLog extends Log {
  readonly lines: readonly string[];
}

/** Runs the tasks of groups at once. */
export function literalLog(): LiteralLog {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (line: string): void => {
      lines.push(`${level}: ${line}`);
    };
  return {
    lines,
    info: keep('info'),
    warn: keep('warn'),
    debug: keep('debug'),
    mask: keep('mask'),
    group: (title, task) => {
      keep('group')(title);
      return task();
    },
  };
}

/** A journal that writes into a list that it shares with others, so that their order shows. */
export function literalJournal(events: string[]): Journal {
  return {
    open: (lease) => events.push(`open ${JSON.stringify(lease)}`),
    close: (lease) => events.push(`close ${JSON.stringify(lease)}`),
  };
}
