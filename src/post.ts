import * as core from '@actions/core';
import { openAzure } from './azure/session.ts';
import { systemClock } from './clock.ts';
import { describe } from './errors.ts';
import { readSignIn } from './inputs.ts';
import { resumeJournal } from './journal.ts';
import {
  closeInOrder,
  closeLease,
  describeLeak,
  staysOpen,
  type Lease,
  type Release,
} from './lease.ts';
import { createRelease } from './release.ts';
import { mintAssertion, workflowLog as log } from './workflow.ts';

/** The server ends everything some minutes after a cancelled job. */
const POST_TIMEOUT_MS = 4.5 * 60_000;

/** The post step: closes what the journal of a main step that did not end still lists. Warns, never fails. */
export async function runPost(journalPath: string | undefined): Promise<void> {
  try {
    if (journalPath === undefined) {
      log.info('The main step ended before it opened anything.');
      return;
    }
    const { open: left, journal } = resumeJournal(journalPath);
    const open = left.filter((lease) => !staysOpen(lease));
    if (open.length < left.length) log.info('What the re-run goes on with is kept.');
    if (open.length === 0) {
      log.info('Nothing is left to close.');
      return;
    }
    const count =
      open.length === 1 ? '1 temporary resource was' : `${open.length} temporary resources were`;
    log.info(`${count} left open; closing now.`);
    const signIn = readSignIn((name) => core.getInput(name));
    const signal = AbortSignal.timeout(POST_TIMEOUT_MS);
    const release: Release = createRelease(
      await openAzure(signIn, mintAssertion, signal),
      systemClock,
      log,
    );
    const close = async (lease: Lease, onSent = (): void => undefined): Promise<void> => {
      const leak = await closeLease(lease, release, { log, signal, onSent });
      if (leak === undefined) journal.close(lease);
      else log.warn(describeLeak(leak));
    };
    await closeInOrder(open, close, { isHurried: true });
  } catch (error) {
    log.warn(`Could not close what was left open: ${describe(error)}`);
  }
}
