import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Lease } from './lease.ts';

/** What is open, written before it is opened, so that the post step can close what a dead process left. */
export interface Journal {
  open(lease: Lease): void;
  close(lease: Lease): void;
}

/** Name under which the path of the journal travels from main to post; only this file knows it. */
const STATE_KEY = 'journal';

/** The part of the Actions toolkit that carries state. */
export interface State {
  saveState(name: string, value: string): void;
  getState(name: string): string;
}

interface Line {
  readonly op: 'open' | 'close';
  readonly lease: Lease;
}

/**
 * Starts a journal in a file and saves its path for the post step. Only the path goes into the state:
 * it travels as one environment variable, and the runner writes it to the debug log.
 */
export function startJournal(path: string, state: State): Journal {
  writeFileSync(path, '', { mode: 0o600 });
  state.saveState(STATE_KEY, path);
  return journalIn(path);
}

/** The journal that the main step left, or undefined when it ended before it opened anything. */
export function findJournal(state: State): string | undefined {
  return state.getState(STATE_KEY) || undefined;
}

/** The leases that are still open, newest first, and the journal to go on with. A line cut off by a kill is left out. */
export function resumeJournal(path: string): { open: readonly Lease[]; journal: Journal } {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const open = new Map<string, Lease>();
  for (const line of text.split('\n').flatMap(parseLine)) {
    const key = JSON.stringify(line.lease);
    open.delete(key);
    if (line.op === 'open') open.set(key, line.lease);
  }
  return { open: [...open.values()].reverse(), journal: journalIn(path) };
}

function journalIn(path: string): Journal {
  const append = (op: Line['op'], lease: Lease): void => {
    appendFileSync(path, `${JSON.stringify({ op, lease } satisfies Line)}\n`, { flush: true });
  };
  return {
    open(lease) {
      append('open', lease);
    },
    close(lease) {
      append('close', lease);
    },
  };
}

function parseLine(line: string): readonly Line[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Line];
  } catch {
    return [];
  }
}
