import { EXPIRES_TAG, KEY_TAG } from './marks.ts';

/** The workflow run that makes the image. */
export interface Run {
  readonly repository: string;
  readonly runId: string;
  readonly attempt: string;
  readonly job: string;
  /** The step, as the runner names it. */
  readonly action: string;
  readonly commit: string;
  /** Twelve random hex digits: no other step of any run has them. */
  readonly key: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** Tags that tell whose a temporary resource is; nothing without them is ever deleted. */
export function runTags(run: Run, sasSeconds: number): Readonly<Record<string, string>> {
  const expires = Date.parse(run.startedAt) + sasSeconds * 1000;
  return {
    'vm-to-vhd-owner': run.repository,
    'vm-to-vhd-run': run.runId,
    'vm-to-vhd-attempt': run.attempt,
    [KEY_TAG]: run.key,
    [EXPIRES_TAG]: new Date(expires).toISOString(),
  };
}
