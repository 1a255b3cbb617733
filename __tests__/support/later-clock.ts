/** Preloaded into a child process (NODE_OPTIONS=--import): for it, two hours have passed. Timers keep their time. */
const LATER_MS = 2 * 3600_000;

const now = Date.now.bind(Date);
Date.now = () => now() + LATER_MS;
