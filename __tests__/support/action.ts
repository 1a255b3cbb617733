import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import {
  runPhase,
  runStep,
  type PhaseResult,
  type Step,
  type StepResult,
} from '../../local-runner/run-action.ts';
import type { Requirement } from '../../src/permissions.ts';
import { compileCache } from './compile-cache.ts';
import type { LocalAzure } from './local-azure.ts';
import { CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from './scenario.ts';
import { inWorkspace } from './workspace.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** A module to preload into a child process whose pauses are to pass faster. */
export const scaledClock = fileURLToPath(new URL('scaled-clock.ts', import.meta.url));
/** A module to preload into a child process for which hours are to have passed. */
export const laterClock = fileURLToPath(new URL('later-clock.ts', import.meta.url));

/** The inputs of a capture of the usual scenario; '' takes one away. */
export const usualInputs: Readonly<Record<string, string>> = {
  'client-id': CLIENT,
  'tenant-id': TENANT,
  'subscription-id': SUBSCRIPTION,
  'resource-group': 'images',
  'vm-name': 'builder',
  'storage-accounts': 'imageswe1, imageswe2',
  generalize: 'mark',
};

/** A run of the shipped bundle, main and post, and the manifest that it wrote. */
export interface ActionRun extends StepResult {
  readonly manifest: Manifest | undefined;
  readonly manifestText: string;
  /** Everything in the files of the job, those of the runner included. */
  readonly filesText: string;
}

/** The parts of the manifest that the tests look at. */
export interface Manifest {
  readonly succeeded: boolean;
  readonly failure?: string;
  readonly plan?: { readonly permissions: readonly Requirement[] };
  readonly disks: readonly {
    readonly kind: 'os' | 'data';
    readonly lun?: number;
    readonly sizeBytes: number;
    readonly snapshot?: { readonly id?: string };
    readonly replicas: readonly { readonly url: string; readonly lengthBytes: number }[];
  }[];
  readonly missingPermissions: readonly Requirement[];
  readonly failedReplicas: readonly { readonly url: string; readonly reason: string }[];
}

/** Runs the action against a local Azure in a folder that is gone afterwards. */
export async function runAction(
  azure: LocalAzure,
  inputs: Readonly<Record<string, string>> = {},
  step: Partial<Step> = {},
): Promise<ActionRun> {
  return inWorkspace(async (workspace) => {
    const result = await runStep(stepOf(azure, workspace, inputs, step));
    const path = result.main.outputs['manifest'];
    const manifestText = path === undefined ? '' : await readFile(path, 'utf8');
    const manifest =
      manifestText === '' ? undefined : (JSON.parse(manifestText) as unknown as Manifest);
    return { ...result, manifest, manifestText, filesText: await readAll(workspace) };
  });
}

/** Runs the main step alone, as on a machine that is lost: its post step never runs. */
export async function runMainAlone(
  azure: LocalAzure,
  inputs: Readonly<Record<string, string>> = {},
  step: Partial<Step> = {},
): Promise<PhaseResult> {
  return inWorkspace((workspace) =>
    runPhase(stepOf(azure, workspace, inputs, step), 'main', {}, []),
  );
}

function stepOf(
  azure: LocalAzure,
  workspace: string,
  inputs: Readonly<Record<string, string>>,
  step: Partial<Step>,
): Step {
  return {
    directory: root,
    workspace,
    inputs: { ...usualInputs, ...inputs },
    ...step,
    environment: {
      ...azure.environment,
      NODE_OPTIONS: `--import=${scaledClock}`,
      NODE_COMPILE_CACHE: compileCache,
      ...step.environment,
    },
  };
}

async function readAll(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
  );
  return texts.join('\n');
}

/** Asserts that nothing temporary is there: no snapshot, no grant, no unfinished or draft blob, no lock. */
export async function expectNothingLeft(azure: LocalAzure): Promise<void> {
  const state = await azure.state();
  expect({
    snapshots: (state.resources['Microsoft.Compute/snapshots'] ?? []).map(({ name }) => name),
    grants: state.grants.map(({ resourceId }) => resourceId),
    unfinished: state.blobs
      .filter(
        ({ name, metadata }) =>
          ['copying', 'lock'].includes(metadata['vmtovhd_state'] ?? '') || name.includes('.draft-'),
      )
      .map(({ url }) => url),
  }).toEqual({ snapshots: [], grants: [], unfinished: [] });
}

/**
 * Asserts that a run shows no secret: none that it told the runner, nothing that looks like a SAS or a token,
 * not even where the runner would have masked it.
 */
export function expectNoSecrets(run: ActionRun): void {
  const shown = [run.main, run.post]
    .flatMap(({ raw, outputs, state, summary }) => [
      raw,
      JSON.stringify(outputs),
      JSON.stringify(state),
      summary,
    ])
    .concat(run.manifestText, run.filesText)
    .join('\n');
  const secrets = [...new Set([...run.main.masks, ...run.post.masks, CLIENT_SECRET])];
  expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
  expect(shown).not.toMatch(/[?&]sig=(?!\*)|eyJ[\w-]{20,}\.eyJ|client_secret=(?!\*)/);
}

/** Calls that could have changed something, token requests aside. */
export async function changesIn(azure: LocalAzure): Promise<readonly string[]> {
  return (await azure.calls())
    .filter(({ host, method }) => !['GET', 'HEAD'].includes(method) && !host.startsWith('login.'))
    .map(({ method, url }) => `${method} ${url}`);
}
