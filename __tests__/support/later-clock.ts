/** Preloaded into a child process (NODE_OPTIONS=--import): for it, HOURS_LATER have passed. Timers keep their time. */
const laterMs = Number(process.env['HOURS_LATER']) * 3600_000;

const now = Date.now.bind(Date);
Date.now = () => now() + laterMs;
