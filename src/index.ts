import * as core from '@actions/core';
import { redirectSdkLogs } from './azure/sdk-log.ts';
import { describe } from './errors.ts';
import { findJournal } from './journal.ts';
import { runMain } from './main.ts';
import { runPost } from './post.ts';
import { runSweep } from './sweep/sweep.ts';

const cancelled = new AbortController();

redirectSdkLogs(core.debug);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    cancelled.abort();
  });
}
// The runner has gone: nobody reads the log any more, nor what the run comes to.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', () => {
    cancelled.abort();
  });
}
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    core.setFailed(describe(error));
  });
}

// post.js and sweep.js name what they are; without that this is main.
const entry = process.argv[2];
if (entry === 'post') await runPost(findJournal(core));
else if (entry === 'sweep') await runSweep(cancelled.signal);
else await runMain(cancelled.signal);
// All is closed and said: a request that nobody waits for any more (a sign-in without an answer) must not hold up the job.
process.stdout.write('', () => process.exit());
