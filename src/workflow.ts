import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as core from '@actions/core';
import { context } from '@actions/github';
import { requestAssertion } from './azure/assertion.ts';
import type { MintAssertion } from './azure/credential.ts';
import { ActionError, explain } from './errors.ts';
import type { Log } from './ports.ts';
import type { Run } from './run.ts';

/** The log of the job. */
export const workflowLog: Log = {
  info: core.info,
  warn: core.warning,
  debug: core.debug,
  mask: core.setSecret,
  group: core.group,
};

/** The run that this process belongs to. Its key is new each time: jobs of a matrix share everything else. */
export function readRun(now: Date): Run {
  const { payload, runId, runAttempt, job, action, sha } = context;
  const repository = process.env['GITHUB_REPOSITORY'] ?? payload.repository?.full_name ?? 'local';
  const facts = {
    repository,
    runId: String(runId),
    attempt: String(runAttempt),
    job,
    action,
    commit: sha,
  };
  const startedAt = now.toISOString();
  const key = randomBytes(6).toString('hex');
  return { ...facts, key, startedAt };
}

/** 32 random hex digits that mark what a guest's script tells: nothing else in the guest knows them. */
export function newMarker(): string {
  return randomBytes(16).toString('hex');
}

/** The folder for the files of this run; the runner empties its parent before and after each job. */
export function runDirectory(run: Run): string {
  return join(process.env['RUNNER_TEMP'] ?? tmpdir(), `azure-vm-to-vhd-${run.key}`);
}

/** Mints GitHub OIDC assertions. Throws one clear sentence where the job may not have any. */
export const mintAssertion: MintAssertion = async (audience) => {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: token = '' } =
    process.env;
  if (url === '' || token === '') {
    throw new ActionError(
      'input',
      'The job may not ask for an OIDC token. Add "permissions: id-token: write" to it (workflows of forks never may), or give "client-secret".',
    );
  }
  try {
    const assertion = await requestAssertion({ url, token }, audience);
    core.setSecret(assertion);
    return assertion;
  } catch (error) {
    throw explain(
      'Could not get an OIDC token from GitHub',
      error,
      'Run again; see www.githubstatus.com.',
    );
  }
};
