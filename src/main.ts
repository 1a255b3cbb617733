import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import * as core from '@actions/core';
import { openAzure, type Azure } from './azure/session.ts';
import { capture, type Capture } from './capture.ts';
import { check, factsOf, type Finding } from './checks/check.ts';
import { missingPermissions } from './checks/permission-rules.ts';
import { busyMs, systemClock } from './clock.ts';
import { ActionError, describe, redact } from './errors.ts';
import { readInputs, type Inputs } from './inputs.ts';
import { startJournal, type Journal } from './journal.ts';
import { Leases } from './lease.ts';
import { describeRequirement, requiredPermissions, type Requirement } from './permissions.ts';
import { makePlan, type Plan } from './plan.ts';
import { renderPlan } from './report/plan.ts';
import { renderMissingRole } from './report/role.ts';
import { writeReport } from './report/write.ts';
import { createRelease } from './release.ts';
import type { Run } from './run.ts';
import { foundBlobs, foundContainers, foundExtras, takeSurvey, type Survey } from './survey.ts';
import { Timeline } from './timeline.ts';
import { mintAssertion, newMarker, readRun, runDirectory, workflowLog as log } from './workflow.ts';

/** The main step: decide everything, do it, say what happened. Sets the exit code; never throws. */
export async function runMain(signal: AbortSignal): Promise<void> {
  const run = readRun(new Date(systemClock.now()));
  const directory = runDirectory(run);
  const timeline = new Timeline(systemClock, log);
  const progress: Progress = {
    findings: [],
    permissions: [],
    missing: [],
    leases: undefined,
    plan: undefined,
    capture: undefined,
  };
  let failure: string | undefined;
  try {
    mkdirSync(directory, { recursive: true });
    const journal = startJournal(join(directory, 'journal.jsonl'), core);
    const inputs = readMaskedInputs();
    const azure = await timeline.phase('Sign in', () => openAzure(inputs, mintAssertion, signal));
    const survey = await timeline.phase('Look and check', () =>
      takeSurvey(inputs, azure, run, signal),
    );
    progress.findings = check(inputs, survey);
    progress.missing = missingPermissions(factsOf(inputs, survey));
    await refuse(progress);
    const plan = planFrom(inputs, survey, run);
    progress.plan = plan;
    progress.permissions = requiredPermissions(inputs, plan.vm, survey.layout, foundExtras(survey));
    for (const line of renderPlan(plan)) log.info(line);
    if (inputs.planOnly) await endWithPlan(progress.permissions);
    else await execute(plan, azure, journal, progress, { timeline, signal });
  } catch (error) {
    failure = failureLine(error, signal);
    core.setFailed(failure);
    if (error instanceof Error) log.debug(redact(error.stack ?? error.message));
  }
  const { leases, ...rest } = progress;
  await writeReport(
    { ...rest, failure, phases: timeline.phases, leaks: leases?.leaks ?? [] },
    directory,
    log,
  );
}

/** How far the run has come. */
interface Progress {
  findings: readonly Finding[];
  permissions: readonly Requirement[];
  /** Of these, what the identity is known not to have. */
  missing: readonly Requirement[];
  leases: Leases | undefined;
  plan: Plan | undefined;
  capture: Capture | undefined;
}

async function execute(
  plan: Plan,
  azure: Azure,
  journal: Journal,
  progress: Progress,
  { timeline, signal }: { readonly timeline: Timeline; readonly signal: AbortSignal },
): Promise<void> {
  const leases = new Leases(journal, createRelease(azure, systemClock, log), log);
  progress.leases = leases;
  progress.capture = { snapshots: [], outcomes: [], traffic: undefined };
  const rig = {
    azure,
    leases,
    log,
    clock: systemClock,
    timeline,
    signal,
    random: Math.random,
    busyMs,
    newMarker,
  };
  await capture(plan, rig, progress.capture);
  throwFailures(progress.capture);
}

function readMaskedInputs(): Inputs {
  const secret = core.getInput('client-secret');
  if (secret !== '') core.setSecret(secret);
  return readInputs((name) => core.getInput(name));
}

/** Tells the rest of what `plan-only` is to show. */
async function endWithPlan(permissions: readonly Requirement[]): Promise<void> {
  await logGroup('Permissions that it needs', permissions.map(describeRequirement));
  log.info('This is the plan only; nothing was changed.');
}

function logGroup(title: string, lines: readonly string[]): Promise<void> {
  return log.group(title, () => {
    for (const line of lines) log.info(line);
    return Promise.resolve();
  });
}

/** Logs the notes and the warnings, and throws one error with all refusals. */
async function refuse({ findings, missing }: Progress): Promise<void> {
  const messages = (level: Finding['level']): readonly string[] =>
    findings.filter((finding) => finding.level === level).map(({ message }) => message);
  for (const message of messages('note')) log.info(message);
  for (const message of messages('warning')) log.warn(message);
  const refusals = messages('refusal');
  if (missing.length > 0) {
    await logGroup('Custom role with what is missing', renderMissingRole(missing).split('\n'));
  }
  if (refusals.length === 0) return;
  const head = refusals.length === 1 ? '' : `${refusals.length} reasons not to begin: `;
  throw new ActionError('refused', `${head}${refusals.join(' ')} Nothing was changed.`);
}

/** The plan of a survey without refusals, whose VM is found therefore. */
function planFrom(inputs: Inputs, survey: Survey, run: Run): Plan {
  if (survey.vm.kind !== 'found') throw new ActionError('bug', 'The plan needs a VM.');
  const present = {
    blobs: foundBlobs(survey.blobs),
    containers: foundContainers(survey.containers),
    snapshots: survey.kept?.kind === 'found' ? survey.kept.value : [],
    ...foundExtras(survey),
  };
  return makePlan(inputs, survey.vm.value, survey.layout, present, run);
}

/** One failed replica fails the run; the others are in the outputs. */
function throwFailures({ outcomes }: Capture): void {
  const errors = outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  if (errors.length > 1) throw new AggregateError(errors);
  if (errors[0] !== undefined) throw errors[0];
}

function failureLine(error: unknown, signal: AbortSignal): string {
  return signal.aborted
    ? 'The run was cancelled. What was temporary is closed now, and what is not by the post step.'
    : describe(error);
}
