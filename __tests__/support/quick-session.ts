/** Longer ones are limits, not pauses. */
const LONGEST_PAUSE_MS = 30_000;
const FACTOR = 50;
const shorten = (milliseconds = 0): number =>
  milliseconds > LONGEST_PAUSE_MS ? milliseconds : milliseconds / FACTOR;

const promises = process.getBuiltinModule('node:timers/promises');
const { setTimeout: sleep } = promises;
const { setTimeout: wait } = globalThis;

Object.assign(globalThis, {
  setTimeout: (task: () => void, milliseconds?: number) => wait(task, shorten(milliseconds)),
});
Object.assign(promises, {
  setTimeout: (milliseconds: number | undefined, ...rest: [unknown, { signal?: AbortSignal }]) =>
    sleep(shorten(milliseconds), ...rest),
});
const session = await import('../../src/azure/session.ts');
// The module has taken what it found; other test files of this process find what was there.
Object.assign(promises, { setTimeout: sleep });

/** Signs in to an Azure whose pauses between the looks at an operation pass fifty times faster in this test file. */
export const openAzure = session.openAzure;
