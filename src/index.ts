import * as core from '@actions/core';
import { redirectSdkLogs } from './azure/sdk-log.ts';
import { describe } from './errors.ts';
import { findJournal } from './journal.ts';
import { runMain } from './main.ts';
import { runPost } from './post.ts';

const cancelled = new AbortController();

redirectSdkLogs(core.debug);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    cancelled.abort();
  });
}
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    core.setFailed(describe(error));
  });
}

// post.js names its phase; without it this is main.
await (process.argv[2] === 'post' ? runPost(findJournal(core)) : runMain(cancelled.signal));
