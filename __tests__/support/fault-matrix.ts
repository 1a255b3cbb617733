import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { expect } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { FaultAction } from '../../local-azure/scenario.ts';
import type { ResourceBody } from '../../local-azure/world.ts';
import type { Step } from '../../local-runner/run-action.ts';
import { expectNoSecrets, runAction, runMainAlone, type ActionRun } from './action.ts';
import { distinctCalls, type DistinctCall } from './distinct-calls.ts';
import { capturing, type Flow } from './fault-flows.ts';
import { startLocalAzure, type LocalAzure } from './local-azure.ts';
import { remedyIn } from './remedy.ts';
import { CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from './scenario.ts';
import { runSweep, type Sweep } from './run-sweep.ts';
import { vhdClient } from './vhd-check.ts';

/** How often a fault strikes, and what it does. */
export interface Fault {
  readonly action: FaultAction;
  readonly times: 'once' | 'for ever';
}

/** What is there, as a fault matrix looks at it. */
interface Things {
  /** By ID. */
  readonly resources: ReadonlyMap<string, ResourceBody>;
  /** By URL. */
  readonly blobs: ReadonlyMap<string, { readonly metadata: Readonly<Record<string, string>> }>;
  /** Resource IDs with an open SAS. */
  readonly grants: readonly string[];
}

/** A local Azure with every distinct call of a happy run, and what a run comes to when one of them meets a fault. */
export class FaultMatrix {
  readonly azure: LocalAzure;
  readonly calls: readonly DistinctCall[];
  readonly #flow: Flow;
  #before: Things = { resources: new Map(), blobs: new Map(), grants: [] };

  private constructor(azure: LocalAzure, flow: Flow, calls: readonly DistinctCall[]) {
    this.azure = azure;
    this.#flow = flow;
    this.calls = calls;
  }

  /** Discovers the calls by one happy run: of other flows than the usual capture those that it does not make. */
  static async discover(flow: Flow): Promise<FaultMatrix> {
    const azure = await startLocalAzure(capturing.scenario);
    useLocalAzure(azure);
    const usual = flow === capturing ? [] : await callsOf(azure, capturing);
    const names = new Set(usual.map(({ name }) => name));
    const calls = (await callsOf(azure, flow)).filter(({ name }) => !names.has(name));
    return new FaultMatrix(azure, flow, calls);
  }

  /** A run from a fresh start in which a call meets a fault; throws when the fault met no call. */
  async run(call: DistinctCall, fault: Fault, scaled = false): Promise<ActionRun> {
    await this.#arm(call, fault);
    const run = await runAction(this.azure, this.#flow.inputs, scaledLimits(scaled));
    expect(await this.#isStruck()).toBe(true);
    return run;
  }

  /**
   * A run whose process gets a signal as soon as a call is under way, which is never answered, whether it was served or
   * not; then post.
   */
  async runKilledAt(
    call: DistinctCall,
    signal: NodeJS.Signals,
    served: boolean,
  ): Promise<ActionRun> {
    await this.#arm(call, { action: { kind: 'hang', served }, times: 'once' });
    return this.#kill(signal, (step) => runAction(this.azure, this.#flow.inputs, step));
  }

  /** A run whose machine is lost when a call was served, so that it has no post step; and the sweep of two days later. */
  async runLostAt(call: DistinctCall): Promise<Sweep> {
    await this.#arm(call, { action: { kind: 'hang', served: true }, times: 'once' });
    await this.#kill('SIGKILL', (step) => runMainAlone(this.azure, this.#flow.inputs, step));
    await this.azure.setFaults([]);
    return runSweep(this.azure, { remove: 'true' }, 48);
  }

  /** Starts a run and sends it a signal when the fault has struck. */
  async #kill<T>(signal: NodeJS.Signals, start: (step: Partial<Step>) => Promise<T>): Promise<T> {
    let main: ChildProcess | undefined;
    const ended = new AbortController();
    const running = start({
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

  /**
   * Asserts that the run of the next day, without a fault, succeeds from the state that the last one left. Where that
   * is the very state that the last one began with, this is known already.
   */
  async expectNextSucceeds(): Promise<void> {
    await this.azure.setFaults([]);
    const now = await thingsIn(this.azure);
    if (isDeepStrictEqual(now, this.#before)) return;
    for (const url of now.blobs.keys()) if (url.endsWith('.lock')) await endLease(url);
    await this.#letGuestEnd();
    const run = await runAction(this.azure, this.#flow.inputs, { run: { runId: '2222222222' } });
    expectSuccess(run, this.#flow);
  }

  /** What goes on in a guest passes with each look at its VM; a night is long enough for it to end. */
  async #letGuestEnd(): Promise<void> {
    const credential = new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET);
    const { virtualMachines } = new ComputeManagementClient(credential, SUBSCRIPTION);
    for (let looks = 0; looks < 20; looks += 1)
      await virtualMachines.instanceView('images', 'builder');
  }

  async #arm({ strikes }: DistinctCall, { action, times }: Fault): Promise<void> {
    await this.azure.reset(this.#flow.scenario);
    this.#before = await thingsIn(this.azure);
    await this.azure.setFaults([{ ...strikes, times: times === 'once' ? 1 : 0, action }]);
  }

  async #isStruck(): Promise<boolean> {
    return (await this.azure.calls()).some(({ fault }) => fault !== undefined);
  }

  /** Asserts that a run made every VHD and complained of nothing that failed. */
  expectSuccess(run: ActionRun): void {
    expectSuccess(run, this.#flow);
  }

  /** Asserts that nothing temporary is left at all. */
  async expectNothingBehind(): Promise<void> {
    requireNone('Left behind', await this.#leftovers());
  }

  /** Asserts that nothing temporary is left, but for what the log tells with the az command that closes it. */
  async expectNothingUntold(run: ActionRun): Promise<void> {
    requireNone('Left behind, and not told', untold(await this.#leftovers(), run));
  }

  /** Asserts that nothing is left untold but what Azure said was not there. */
  async expectOnlyDenied(run: ActionRun): Promise<void> {
    const denied = (await this.azure.calls())
      .filter(({ fault }) => fault !== undefined)
      .map(({ url }) => url.toLowerCase());
    const left = untold(await this.#leftovers(), run);
    requireNone(
      'Left behind, and not told',
      left.filter((what) => !denied.some((url) => url.includes(what.toLowerCase()))),
    );
  }

  /** Asserts that what is somebody else's is as it was. */
  async expectUntouched(): Promise<void> {
    const now = await thingsIn(this.azure);
    const others = [...this.#before.resources].filter(([id]) => !this.#flow.changes.test(id));
    expect(others.map(([id]) => [id, now.resources.get(id)])).toEqual(others);
    const blobs = [...this.#before.blobs];
    expect(blobs.map(([url]) => [url, now.blobs.get(url)])).toEqual(blobs);
  }

  /** Asserts that every VHD that a run says it made is there. */
  async expectTrue({ manifest }: ActionRun): Promise<void> {
    const { blobs } = await this.azure.state();
    const complete = blobs.filter(({ metadata }) => metadata['vmtovhd_state'] === 'complete');
    const made = (manifest?.disks ?? []).flatMap(({ replicas }) => replicas.map(({ url }) => url));
    expect(complete.map(({ url }) => url)).toEqual(expect.arrayContaining(made));
  }

  /**
   * What is there, was not before and is temporary, as the addresses that a warning would name. The figures of the suite
   * count the cases in which that is not empty and was not told.
   */
  async #leftovers(): Promise<readonly string[]> {
    const { resources, blobs, grants } = await thingsIn(this.azure);
    return [
      ...[...resources.keys()].filter((id) => !this.#before.resources.has(id)),
      ...grants,
      ...[...blobs]
        .filter(([url]) => !this.#before.blobs.has(url))
        .filter(([, { metadata }]) => metadata['vmtovhd_state'] !== 'complete')
        .map(([url]) => url),
    ];
  }
}

/** Between two looks at the call list, in milliseconds. */
const POLL_MS = 30;

function scaledLimits(scaled: boolean): Partial<Step> {
  return scaled ? { environment: { SCALED_LIMITS: 'yes' } } : {};
}

async function callsOf(azure: LocalAzure, flow: Flow): Promise<readonly DistinctCall[]> {
  await azure.reset(flow.scenario);
  expectSuccess(await runAction(azure, flow.inputs), flow);
  return distinctCalls(await azure.calls());
}

async function thingsIn(azure: LocalAzure): Promise<Things> {
  const { resources, blobs, grants } = await azure.state();
  const bodies = Object.values(resources).flat();
  return {
    resources: new Map(bodies.map((body) => [body.id, body])),
    blobs: new Map(blobs.map((blob) => [blob.url, blob])),
    grants: grants.map(({ resourceId }) => resourceId),
  };
}

/** What no warning names together with the az command that closes it. */
function untold(left: readonly string[], { main, post }: ActionRun): readonly string[] {
  const told = `${main.log}\n${post.log}`
    .split('\n')
    .filter((line) => line.startsWith('##[warning]') && line.includes(' az '))
    .join('\n')
    .toLowerCase();
  return left.filter((what) => !told.includes(what.toLowerCase()));
}

function requireNone(what: string, left: readonly string[]): void {
  if (left.length > 0) throw new Error(`${what}: ${left.join(', ')}`);
}

function expectSuccess(run: ActionRun, { vhds }: Flow): void {
  expect(errorsOf(run)).toEqual([]);
  expect(run.main.exitCode).toBe(0);
  expect(run.manifest?.succeeded).toBe(true);
  expect(run.manifest?.disks.flatMap(({ replicas }) => replicas)).toHaveLength(vhds);
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

/** As if a minute had passed in which nobody renewed it. */
async function endLease(url: string): Promise<void> {
  await vhdClient(url).getBlobLeaseClient().breakLease(0);
}

function errorsOf(run: ActionRun): readonly string[] {
  return run.main.log.split('\n').filter((line) => line.startsWith('##[error]'));
}
