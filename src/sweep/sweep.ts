import * as core from '@actions/core';
import { openAzure, type Azure } from '../azure/session.ts';
import { systemClock } from '../clock.ts';
import { ActionError, describe, reasonOf, redact } from '../errors.ts';
import { describeLeak } from '../lease.ts';
import { createRelease } from '../release.ts';
import { mintAssertion, workflowLog as log } from '../workflow.ts';
import { decideSweep, type Leftover } from './decide.ts';
import { readSweepInputs, type SweepInputs } from './inputs.ts';
import { removeLeftovers, type Removal } from './remove.ts';
import {
  leaksOf,
  renderSweepOutputs,
  renderSweepSummary,
  renderSweepTable,
  type Sweep,
} from './report.ts';
import { lookAround } from './survey.ts';

const HOUR_MS = 3600_000;

/** How far the sweep has come. */
interface Progress {
  leftovers: readonly Leftover[];
  readonly removals: Removal[];
}

/** The sub-action "cleanup": finds what dead runs left, and removes it when told. Sets the exit code; never throws. */
export async function runSweep(signal: AbortSignal): Promise<void> {
  const progress: Progress = { leftovers: [], removals: [] };
  let failure: string | undefined;
  try {
    const inputs = readMaskedInputs();
    const azure = await log.group('Sign in', () => openAzure(inputs, mintAssertion, signal));
    await sweep(inputs, azure, progress, signal);
  } catch (error) {
    failure = signal.aborted ? 'The sweep was cancelled.' : describe(error);
    core.setFailed(failure);
    if (error instanceof Error) log.debug(redact(error.stack ?? error.message));
  }
  await report({ ...progress, failure });
}

async function sweep(
  inputs: SweepInputs,
  azure: Azure,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const around = await log.group('Look around', () => lookAround(inputs, azure, signal));
  if (around.unseen !== undefined) log.warn(around.unseen);
  const moment = { now: systemClock.now(), minAgeMs: inputs.olderThanHours * HOUR_MS };
  progress.leftovers = decideSweep(around, moment);
  const swept = progress.leftovers.filter(({ spared }) => spared === undefined);
  if (!inputs.remove || swept.length === 0) return;
  const release = createRelease(azure, systemClock, log);
  const rig = { blobs: azure.blobs, release, log, signal };
  await log.group('Remove', () => removeLeftovers(swept, rig, progress.removals));
  const failed = progress.removals.filter(({ leaks }) => leaks.length > 0).length;
  if (failed > 0) {
    throw new ActionError(
      'azure',
      `${failed} of ${swept.length} leftovers could not be removed. The warnings name each with the reason and the az command that removes it.`,
    );
  }
}

function readMaskedInputs(): SweepInputs {
  const secret = core.getInput('client-secret');
  if (secret !== '') core.setSecret(secret);
  return readSweepInputs((name) => core.getInput(name));
}

async function report(sweep: Sweep): Promise<void> {
  for (const [name, value] of Object.entries(renderSweepOutputs(sweep))) {
    core.setOutput(name, value);
  }
  if (sweep.leftovers.length > 0) for (const line of renderSweepTable(sweep)) log.info(line);
  else if (sweep.failure === undefined) log.info('No run has left anything.');
  for (const leak of leaksOf(sweep)) log.warn(describeLeak(leak));
  try {
    if (process.env['GITHUB_STEP_SUMMARY']) {
      await core.summary.addRaw(renderSweepSummary(sweep)).write();
    }
  } catch (error) {
    log.warn(`The job summary could not be written: ${reasonOf(error)}`);
  }
}
