import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import promises from 'node:timers/promises';

/**
 * Preloaded into a child process (NODE_OPTIONS=--import): the pauses of the bundle pass many times faster, so that
 * its real polling costs nothing in a test. Limits, which are longer than any pause, keep their time, unless
 * SCALED_LIMITS asks for them to pass faster too.
 */
const FACTOR = 50;
const LONGEST_PAUSE_MS = 30_000;
/** Leaves the limit of one try, which is a minute, the seconds that a busy machine may need for an honest answer. */
const LIMIT_FACTOR = process.env['SCALED_LIMITS'] === 'yes' ? 20 : 1;

// Limits that are kept by looking at the time pass with the others.
const now = Date.now.bind(Date);
const startedAt = now();
Date.now = () => startedAt + (now() - startedAt) * LIMIT_FACTOR;

const originals = { setTimeout: timers.setTimeout, sleep: promises.setTimeout };

function shorten(milliseconds = 0): number {
  return milliseconds / (milliseconds > LONGEST_PAUSE_MS ? LIMIT_FACTOR : FACTOR);
}

function setScaledTimeout(
  callback: (...values: unknown[]) => void,
  milliseconds?: number,
  ...values: unknown[]
): NodeJS.Timeout {
  return originals.setTimeout(callback, shorten(milliseconds), ...values);
}

Object.assign(globalThis, { setTimeout: Object.assign(setScaledTimeout, originals.setTimeout) });
Object.assign(timers, { setTimeout: setScaledTimeout });
Object.assign(promises, {
  setTimeout: (milliseconds: number | undefined, ...rest: [unknown, { signal?: AbortSignal }]) =>
    originals.sleep(shorten(milliseconds), ...rest),
} satisfies Record<string, unknown>);
syncBuiltinESMExports();
