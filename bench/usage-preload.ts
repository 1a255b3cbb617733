import { writeFileSync } from 'node:fs';

/** Preloaded into a process (NODE_OPTIONS=--import): writes what it used to the file in BENCH_USAGE when it ends. */
process.once('exit', () => {
  const file = process.env['BENCH_USAGE'];
  if (file === undefined) return;
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMiB: maxRSS / 1024 };
  writeFileSync(file, JSON.stringify(usage));
});
