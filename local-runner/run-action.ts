import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { parseFileCommands } from './file-commands.ts';
import { JobLog } from './job-log.ts';

/** A step of a job, `uses: <directory>`, as the runner would start it. */
export interface Step {
  /** Where action.yml is. */
  readonly directory: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** What the job's environment holds beside what the runner sets: proxy, certificates, OIDC. */
  readonly environment: Readonly<Record<string, string>>;
  /** An empty folder for the files of the job. */
  readonly workspace: string;
  readonly run?: Partial<WorkflowRun>;
  /** Secrets that the runner knows already. */
  readonly secrets?: readonly string[];
  /** Debug logging, as RUNNER_DEBUG switches it on. */
  readonly debug?: boolean;
  readonly onLine?: (line: string) => void;
  /** Called with the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export interface WorkflowRun {
  readonly repository: string;
  readonly runId: string;
  readonly attempt: string;
  readonly job: string;
  readonly sha: string;
  readonly ref: string;
}

/** What a phase of a step came to. */
export interface PhaseResult {
  readonly exitCode: number | undefined;
  /** The log as a reader sees it. */
  readonly log: string;
  /** Everything printed, without the commands that tell the runner its secrets. */
  readonly raw: string;
  readonly masks: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
}

export interface StepResult {
  readonly main: PhaseResult;
  readonly post: PhaseResult;
}

interface ActionManifest {
  readonly inputs: Readonly<Record<string, { readonly default?: string } | undefined>>;
  readonly runs: { readonly main: string; readonly post: string };
}

const defaultRun: WorkflowRun = {
  repository: 'octo-org/images',
  runId: '1234567890',
  attempt: '1',
  job: 'image',
  sha: '0123456789abcdef0123456789abcdef01234567',
  ref: 'refs/heads/main',
};

/** Runs main and then, whatever became of it, post. */
export async function runStep(step: Step): Promise<StepResult> {
  const main = await runPhase(step, 'main', {}, step.secrets ?? []);
  const post = await runPhase(step, 'post', main.state, main.masks);
  return { main, post };
}

/** Runs one phase of an action in a process of its own, with the state that an earlier one saved. */
export async function runPhase(
  step: Step,
  phase: 'main' | 'post',
  state: Readonly<Record<string, string>>,
  masks: readonly string[],
): Promise<PhaseResult> {
  const manifest = parse(
    await readFile(join(step.directory, 'action.yml'), 'utf8'),
  ) as ActionManifest;
  const temp = join(step.workspace, 'temp');
  await mkdir(temp, { recursive: true });
  const files = {
    GITHUB_OUTPUT: join(step.workspace, `${phase}-output`),
    GITHUB_STATE: join(step.workspace, `${phase}-state`),
    GITHUB_STEP_SUMMARY: join(step.workspace, `${phase}-summary`),
    GITHUB_ENV: join(step.workspace, `${phase}-env`),
    GITHUB_PATH: join(step.workspace, `${phase}-path`),
  };
  await Promise.all(Object.values(files).map((file) => writeFile(file, '')));
  const log = new JobLog(masks, step.debug === true, step.onLine ?? (() => undefined));
  const exitCode = await runScript(
    join(step.directory, manifest.runs[phase]),
    {
      ...baseEnvironment(step, temp),
      ...files,
      ...inputVariables(manifest, step.inputs),
      ...prefixed('STATE_', state),
    },
    log,
    step.onStart,
  );
  return {
    exitCode,
    log: log.lines.join('\n'),
    raw: log.raw,
    masks: log.masks,
    outputs: parseFileCommands(await readFile(files.GITHUB_OUTPUT, 'utf8')),
    state: parseFileCommands(await readFile(files.GITHUB_STATE, 'utf8')),
    summary: await readFile(files.GITHUB_STEP_SUMMARY, 'utf8'),
  };
}

async function runScript(
  script: string,
  env: Readonly<Record<string, string>>,
  log: JobLog,
  onStart: Step['onStart'],
): Promise<number | undefined> {
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onStart?.(child);
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(code ?? undefined);
    });
  });
  const streams = [child.stdout, child.stderr].map(async (input) => {
    const reader = createInterface({ input });
    // Also where somebody else has closed it, which the reader would wait for.
    input.once('close', () => {
      reader.close();
    });
    for await (const line of reader) log.add(line);
  });
  await Promise.all(streams);
  return ended;
}

function baseEnvironment(step: Step, temp: string): Readonly<Record<string, string>> {
  const run = { ...defaultRun, ...step.run };
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: step.workspace,
    ...step.environment,
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTION: '__self',
    GITHUB_REPOSITORY: run.repository,
    GITHUB_RUN_ID: run.runId,
    GITHUB_RUN_ATTEMPT: run.attempt,
    GITHUB_JOB: run.job,
    GITHUB_SHA: run.sha,
    GITHUB_REF: run.ref,
    GITHUB_EVENT_NAME: 'workflow_dispatch',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_WORKSPACE: step.workspace,
    RUNNER_TEMP: temp,
    RUNNER_OS: 'Linux',
    ...(step.debug === true && { RUNNER_DEBUG: '1' }),
  };
}

/** Inputs that are not given have their defaults, as action.yml tells them. */
function inputVariables(
  manifest: ActionManifest,
  inputs: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const unknown = Object.keys(inputs).filter((name) => !(name in manifest.inputs));
  if (unknown.length > 0) throw new Error(`Not inputs of the action: ${unknown.join(', ')}`);
  return Object.fromEntries(
    Object.entries(manifest.inputs).map(([name, input]) => [
      `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`,
      inputs[name] ?? input?.default ?? '',
    ]),
  );
}

function prefixed(
  prefix: string,
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}
