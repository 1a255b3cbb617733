import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { FaultAction, Scenario } from '../../local-azure/scenario.ts';
import type { Step } from '../../local-runner/run-action.ts';
import { expectNoSecrets, runAction, type ActionRun } from './action.ts';
import { distinctCalls, type DistinctCall } from './distinct-calls.ts';
import { startLocalAzure, type LocalAzure } from './local-azure.ts';
import { remedyIn } from './remedy.ts';
import { buildScenario, SUBSCRIPTION } from './scenario.ts';
import { vhdClient } from './vhd-check.ts';

const compute = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute`;

/**
 * One OS disk, one data disk, one account: the fewest calls that a whole capture has; and beside them a snapshot and a
 * blob of somebody else, which nothing may touch.
 */
const scenario: Scenario = {
  ...buildScenario({
    vm: {
      osDisk: { name: 'builder-os', sizeGiB: 1, content: { seed: 1, dataMiB: 1 } },
      dataDisks: [{ lun: 0, name: 'builder-data0', sizeGiB: 1, content: { seed: 2, dataMiB: 1 } }],
    },
    accounts: [
      {
        resourceGroup: 'images',
        name: 'imageswe1',
        containers: [
          {
            name: 'theirs',
            blobs: [
              { name: 'foreign.vhd', type: 'PageBlob', metadata: { vmtovhd_state: 'copying' } },
            ],
          },
        ],
      },
    ],
  }),
  snapshots: [
    { resourceGroup: 'images', name: 'foreign', sourceDiskId: `${compute}/disks/builder-os` },
  ],
};
const isForeign = ({ name }: { readonly name: string }): boolean => name.startsWith('foreign');

const inputs = { 'storage-accounts': 'imageswe1', replicas: '2', generalize: 'mark' };
/** Two replicas of the OS disk and one of the data disk. */
const VHDS = 3;

/** How often a fault strikes, and what it does. */
export interface Fault {
  readonly action: FaultAction;
  readonly times: 'once' | 'for ever';
}

/** A local Azure with every distinct call of a happy run, and what a run comes to when one of them meets a fault. */
export class FaultMatrix {
  readonly azure: LocalAzure;
  readonly calls: readonly DistinctCall[];
  #foreign: readonly unknown[] = [];

  private constructor(azure: LocalAzure, calls: readonly DistinctCall[]) {
    this.azure = azure;
    this.calls = calls;
  }

  /** Discovers the calls by one happy run. */
  static async discover(): Promise<FaultMatrix> {
    const azure = await startLocalAzure(scenario);
    useLocalAzure(azure);
    try {
      expectSuccess(await runAction(azure, inputs));
      return new FaultMatrix(azure, distinctCalls(await azure.calls()));
    } catch (error) {
      await azure.stop();
      throw error;
    }
  }

  /** The calls to some hosts. */
  at(hosts: readonly string[]): readonly DistinctCall[] {
    return this.calls.filter(({ strikes }) =>
      hosts.some((host) => strikes.match.host === `^${host}`),
    );
  }

  /** A run from a fresh start in which a call meets a fault; throws when the fault met no call. */
  async run(call: DistinctCall, { action, times }: Fault, scaled = false): Promise<ActionRun> {
    await this.#arm(call, { action, times });
    const run = await runAction(this.azure, inputs, scaledLimits(scaled));
    expect(await this.#isStruck()).toBe(true);
    return run;
  }

  /** A run whose process gets a signal as soon as a call is under way, which is never answered; then post. */
  async runKilledAt(call: DistinctCall, signal: NodeJS.Signals): Promise<ActionRun> {
    await this.#arm(call, { action: { kind: 'hang' }, times: 'once' });
    let main: ChildProcess | undefined;
    const ended = new AbortController();
    const running = runAction(this.azure, inputs, {
      ...scaledLimits(true),
      onStart: (child) => {
        main ??= child;
      },
    }).finally(() => {
      ended.abort();
    });
    while (!ended.signal.aborted && !(await this.#isStruck())) await pause(POLL_MS);
    expect(ended.signal.aborted).toBe(false);
    main?.kill(signal);
    return running;
  }

  /** The run of the next day, from the state that the last one left, without a fault. */
  async runAgain(): Promise<ActionRun> {
    await this.azure.setFaults([]);
    for (const { url } of await locks(this.azure)) await endLease(url);
    return runAction(this.azure, inputs, { run: { runId: '2222222222' } });
  }

  async #arm({ strikes }: DistinctCall, { action, times }: Fault): Promise<void> {
    await this.azure.reset(scenario);
    this.#foreign = await foreignThings(this.azure);
    await this.azure.setFaults([{ ...strikes, times: times === 'once' ? 1 : 0, action }]);
  }

  /** Asserts that nothing is left but what Azure said was not there. */
  async expectOnlyDenied(): Promise<void> {
    const denied = (await this.azure.calls())
      .filter(({ fault }) => fault !== undefined)
      .map(({ url }) => url.toLowerCase());
    const left = (await leftovers(this.azure)).map((what) => what.toLowerCase());
    const other = left.filter((what) => !denied.some((url) => url.includes(what)));
    if (other.length > 0) throw new Error(`Left behind: ${other.join(', ')}`);
  }

  /** Asserts that what is somebody else's is as it was, and that every VHD that a run says it made is there. */
  async expectTrue({ manifest }: ActionRun): Promise<void> {
    expect(await foreignThings(this.azure)).toEqual(this.#foreign);
    const { blobs } = await this.azure.state();
    const complete = blobs.filter(({ metadata }) => metadata['vmtovhd_state'] === 'complete');
    const made = (manifest?.disks ?? []).flatMap(({ replicas }) => replicas.map(({ url }) => url));
    expect(complete.map(({ url }) => url)).toEqual(expect.arrayContaining(made));
  }

  async #isStruck(): Promise<boolean> {
    return (await this.azure.calls()).some(({ fault }) => fault !== undefined);
  }
}

/** Between two looks at the call list, in milliseconds. */
const POLL_MS = 10;

function scaledLimits(scaled: boolean): Partial<Step> {
  return scaled ? { environment: { SCALED_LIMITS: 'yes' } } : {};
}

/** Asserts that a run made every VHD and complained of nothing that failed. */
export function expectSuccess(run: ActionRun): void {
  expect(errorsOf(run)).toEqual([]);
  expect(run.main.exitCode).toBe(0);
  expect(run.manifest?.succeeded).toBe(true);
  expect(run.manifest?.disks.flatMap(({ replicas }) => replicas)).toHaveLength(VHDS);
  expect(run.post.exitCode).toBe(0);
  expectNoSecrets(run);
}

/** Asserts that a run failed cleanly: one line that names the step and what to do next, a right exit code, no secret. */
export function expectCleanFailure(run: ActionRun): void {
  const errors = errorsOf(run);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatch(
    /^##\[error\](Could not|The |Blob |Disk |Snapshot |VM |\d+ reasons|.*Nothing was changed\.$)/,
  );
  expect({ error: errors[0], remedy: remedyIn(errors[0] ?? '') }).toEqual({
    error: errors[0],
    remedy: expect.any(String),
  });
  expect(errors[0]).not.toMatch(/Unexpected error|\bbug\b|undefined|\[object/);
  expect(run.main.exitCode).toBe(1);
  expect(run.manifest?.succeeded ?? false).toBe(false);
  expect(run.post.exitCode).toBe(0);
  expectNoSecrets(run);
}

/**
 * What is still there and temporary, as the addresses that a warning would name. The figures of the suite count the
 * cases in which that is not empty and was not told.
 */
export async function leftovers(azure: LocalAzure): Promise<readonly string[]> {
  const { resources, grants, blobs } = await azure.state();
  return [
    ...(resources['Microsoft.Compute/snapshots'] ?? [])
      .filter((snapshot) => !isForeign(snapshot))
      .map(({ id }) => id),
    ...grants.map(({ resourceId }) => resourceId),
    ...blobs
      .filter((blob) => blob.metadata['vmtovhd_state'] !== 'complete' && !isForeign(blob))
      .map(({ url }) => url),
  ];
}

/** Asserts that nothing temporary is left, but for what the log tells with the az command that closes it. */
export async function expectNothingUntold(azure: LocalAzure, run: ActionRun): Promise<void> {
  const told = `${run.main.log}\n${run.post.log}`
    .split('\n')
    .filter((line) => line.startsWith('##[warning]') && line.includes(' az '))
    .join('\n')
    .toLowerCase();
  const untold = (await leftovers(azure)).filter((what) => !told.includes(what.toLowerCase()));
  if (untold.length > 0) throw new Error(`Left behind, and not told: ${untold.join(', ')}`);
}

/** Asserts that nothing temporary is left at all. */
export async function expectNothingBehind(azure: LocalAzure): Promise<void> {
  const left = await leftovers(azure);
  if (left.length > 0) throw new Error(`Left behind: ${left.join(', ')}`);
}

async function foreignThings(azure: LocalAzure): Promise<readonly unknown[]> {
  const { resources, blobs } = await azure.state();
  return [...(resources['Microsoft.Compute/snapshots'] ?? []), ...blobs].filter(isForeign);
}

async function locks(azure: LocalAzure): Promise<readonly { readonly url: string }[]> {
  return (await azure.state()).blobs.filter(({ name }) => name.endsWith('.lock'));
}

/** As if a minute had passed in which nobody renewed it. */
async function endLease(url: string): Promise<void> {
  await vhdClient(url).getBlobLeaseClient().breakLease(0);
}

function errorsOf(run: ActionRun): readonly string[] {
  return run.main.log.split('\n').filter((line) => line.startsWith('##[error]'));
}
