import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ClientSecretCredential } from '@azure/identity';
import { BlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { FaultRule } from '../../local-azure/scenario.ts';
import { runPhase, type PhaseResult, type Step } from '../../local-runner/run-action.ts';
import {
  expectNothingLeft,
  runAction,
  scaledClock,
  usualInputs,
  type ActionRun,
} from '../support/action.ts';
import { linuxStarts, linuxSucceeds } from '../support/guest-acts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT, CLIENT_SECRET, TENANT } from '../support/scenario.ts';

const directory = fileURLToPath(new URL('../..', import.meta.url));
const disk = { name: 'builder-os', sizeGiB: 1, content: { seed: 1, dataMiB: 1 } };
const data = [{ lun: 0, name: 'builder-data0', sizeGiB: 1, content: { seed: 2, dataMiB: 1 } }];
const scenario = buildScenario({ vm: { osDisk: disk, dataDisks: data } });
const inputs = { 'storage-accounts': 'imageswe1', replicas: '2' };
const other: Partial<Step> = { run: { runId: '2222222222', job: 'nightly' } };

let azure: LocalAzure;
let workspace: string;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
  useLocalAzure(azure);
  workspace = await mkdtemp(join(tmpdir(), 'azure-vm-to-vhd-test-'));
});

afterAll(async () => {
  await rm(workspace, { recursive: true, force: true });
});

beforeEach(async () => {
  await azure.reset(scenario);
});

/** A step whose process gets a signal as soon as the log says something. */
function signalled(signal: NodeJS.Signals, at: RegExp): Partial<Step> & { child(): ChildProcess } {
  let first: ChildProcess | undefined;
  const child = (): ChildProcess => {
    if (first === undefined) throw new Error('No process was started.');
    return first;
  };
  return {
    child,
    onStart: (started) => {
      first ??= started;
    },
    onLine: (line) => {
      if (at.test(line)) child().kill(signal);
    },
  };
}

function phase(
  name: 'main' | 'post',
  before: Pick<PhaseResult, 'state' | 'masks'> = { state: {}, masks: [] },
  step: Partial<Step> = {},
): Promise<PhaseResult> {
  const environment = {
    ...azure.environment,
    NODE_OPTIONS: `--import=${scaledClock}`,
    SCALED_LIMITS: 'yes',
  };
  const whole = { directory, workspace, inputs: { ...usualInputs, ...inputs }, environment };
  return runPhase({ ...whole, ...step }, name, before.state, before.masks);
}

async function locks(): Promise<readonly string[]> {
  const { blobs } = await azure.state();
  return blobs.filter(({ name }) => name.endsWith('.lock')).map(({ url }) => url);
}

/** Waits for what comes by itself; throws when it has not come after a minute of looking. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 6000; look += 1) {
    if (await isTrue()) return;
    await pause(10);
  }
  throw new Error('What was waited for has not come.');
}

function expectMade(run: ActionRun | PhaseResult): void {
  const { log, exitCode, outputs } = 'main' in run ? run.main : run;
  expect(log).not.toContain('##[error]');
  expect(exitCode).toBe(0);
  expect(JSON.parse(outputs['vhd-uris'] ?? '[]')).toHaveLength(2);
}

test('of two runs at once on one VM one passes, and the other is refused by its name before it stops or copies anything', async () => {
  const held = Promise.withResolvers<undefined>();
  const step = signalled('SIGSTOP', /VM "builder" is stopped/);
  const { onLine } = step;
  const first = runAction(azure, inputs, {
    ...step,
    onLine: (line) => {
      onLine?.(line);
      if (line.includes('VM "builder" is stopped')) held.resolve(undefined);
    },
  });
  await held.promise;
  const refused = await runAction(
    azure,
    { ...inputs, 'storage-accounts': 'imageswe2, imageswe1' },
    other,
  );
  expect(refused.main.exitCode).toBe(1);
  expect(refused.main.log).toMatch(
    /##\[error\]VM "builder" is worked on by run 1234567890 of "octo-org\/images" \(attempt 1, job "image"\)/,
  );
  expect(refused.post.log).not.toContain('##[warning]');
  step.child().kill('SIGCONT');
  expectMade(await first);
  await expectNothingLeft(azure);
  const { blobs } = await azure.state();
  expect(blobs.filter(({ name }) => name.includes('2222222222'))).toEqual([]);
});

test('the locks of a run that was killed are taken over when their leases have ended, and its post step leaves them to the new run', async () => {
  const dead = await phase(
    'main',
    undefined,
    signalled('SIGKILL', /Snapshot "builder-os-.*" is taken/),
  );
  expect(await locks()).toHaveLength(2);
  const credential = new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET);
  for (const url of await locks()) {
    await new BlobClient(url, credential).getBlobLeaseClient().breakLease(0);
  }
  const step = signalled('SIGSTOP', /Snapshot "builder-os-.*" is taken/);
  const running = runAction(azure, inputs, { ...other, ...step });
  const marks = async (): Promise<readonly string[]> =>
    (await azure.state()).blobs.flatMap(({ name, metadata }) =>
      name.includes('/vm-') ? [metadata['vmtovhd_run'] ?? ''] : [],
    );
  await until(async () => (await marks()).some((mark) => mark.includes('/2222222222/')));
  const post = await phase('post', dead);
  expect(post.log).not.toContain('##[warning]');
  expect(await marks()).toEqual(['octo-org/images/2222222222/nightly/__self/1']);
  step.child().kill('SIGCONT');
  const run = await running;
  step.child().kill('SIGCONT');
  expectMade(run);
  expect(run.main.log).toMatch(/VM "builder" was locked by run 1234567890 of .*, which is gone\./);
  await expectNothingLeft(azure);
});

/** No operation on a disk or snapshot is heard of again. */
const silence: FaultRule = {
  match: { method: 'GET', host: '^management', path: '/DiskOperations/' },
  times: 0,
  action: { kind: 'hang' },
};

test('post sends everything that closes before it waits for anything', async () => {
  const hang: FaultRule = {
    match: { method: 'PUT', host: 'blob\\.core', path: 'comp=page$' },
    times: 0,
    action: { kind: 'hang' },
  };
  await azure.setFaults([hang]);
  const step = signalled('SIGKILL', /^never$/);
  const running = phase('main', undefined, step);
  await until(async () => {
    const { grants, blobs } = await azure.state();
    return grants.length === 3 && blobs.filter(({ name }) => name.endsWith('.vhd')).length === 3;
  });
  step.child().kill('SIGKILL');
  const dead = await running;
  const { resources, grants, blobs } = await azure.state();
  const snapshots = resources['Microsoft.Compute/snapshots'] ?? [];
  const claims = snapshots.filter(({ name }) => name.startsWith('builder-claim-'));
  expect([snapshots.length, grants.length, claims.length]).toEqual([4, 3, 1]);
  expect(blobs.filter(({ name }) => name.endsWith('.vhd'))).toHaveLength(3);
  await azure.setFaults([silence]);
  const { length } = await azure.calls();
  const post = phase('post', dead);
  const sent = async (): Promise<readonly string[]> =>
    (await azure.calls()).slice(length).flatMap(({ method, url }) => {
      const { pathname } = new URL(url);
      const closes = method === 'DELETE' || pathname.endsWith('/endGetAccess');
      return closes && !pathname.endsWith('.lock') ? [`${method} ${pathname}`] : [];
    });
  const wanted = [
    ...snapshots.map(({ id }) => `DELETE ${id}`),
    ...grants.map(({ resourceId }) => `POST ${resourceId}/endGetAccess`),
    ...blobs.flatMap(({ name }) => (name.endsWith('.vhd') ? [`DELETE /vhds/${name}`] : [])),
  ];
  // No operation tells of its end meanwhile: were anything waited for, some of this would never come.
  await until(async () => {
    const calls = await sent();
    return wanted.every((call) => calls.includes(call));
  });
  await azure.setFaults([]);
  const ended = await post;
  expect(ended.exitCode).toBe(0);
  expect(ended.log).not.toContain('##[warning]');
  await expectNothingLeft(azure);
});

describe('two runs on one VM that share no container', () => {
  const away = { 'storage-accounts': 'imageswe2' };
  const deprovisioning = { generalize: 'deprovision', source: 'vm' };
  const acting = buildScenario({
    vm: { osDisk: disk, dataDisks: data, guest: { acts: [linuxStarts(linuxSucceeds)] } },
  });
  const refusal =
    /##\[error\]VM "builder" is worked on by run 1234567890 of "octo-org\/images" \(attempt 1, job "image"\), which claims it by snapshot "builder-claim-[0-9a-f]{12}"\. Nothing was stopped or copied\./;

  /** Starts a run that stops where its log says something, and plays the second one meanwhile. */
  async function meet(
    at: RegExp,
    [left, right]: readonly Readonly<Record<string, string>>[],
  ): Promise<readonly [ActionRun, ActionRun]> {
    await azure.reset(acting);
    const held = Promise.withResolvers<undefined>();
    const step = signalled('SIGSTOP', at);
    const first = runAction(
      azure,
      { ...inputs, ...left },
      {
        ...step,
        onLine: (line) => {
          step.onLine?.(line);
          if (at.test(line)) held.resolve(undefined);
        },
      },
    );
    await held.promise;
    const second = await runAction(azure, { ...inputs, ...away, ...right }, other);
    step.child().kill('SIGCONT');
    return [await first, second];
  }

  const guest = /Point of no return/;
  const stop = /VM "builder" is stopped/;
  const copy = /Snapshot "builder-os-.*" is taken/;
  const mark = {};
  test.each<readonly [string, RegExp, Record<string, string>, Record<string, string>]>([
    ['marks it, while the guest is deprovisioned', guest, deprovisioning, mark],
    ['deprovisions it too', guest, deprovisioning, deprovisioning],
    ['marks it, while it is stopped', stop, mark, mark],
    [
      'restarts it, while it is stopped',
      stop,
      mark,
      { generalize: 'none', 'source-power': 'restart' },
    ],
    ['marks it, while it is copied', copy, mark, mark],
    [
      'copies it, while the guest is deprovisioned',
      guest,
      deprovisioning,
      { source: 'copy', generalize: '' },
    ],
  ])('one passes, and the other, which %s, is refused by its name', async (_, at, left, right) => {
    const [first, second] = await meet(at, [left, right]);
    expect(second.main.exitCode).toBe(1);
    expect(second.main.log).toMatch(refusal);
    expect(second.post.log).not.toContain('##[warning]');
    expectMade(first);
    await expectNothingLeft(azure);
    const { blobs } = await azure.state();
    expect(blobs.filter(({ name }) => name.includes('2222222222'))).toEqual([]);
  });

  test('of which one only reads it: it fails by the name of the other, which has begun to change it meanwhile', async () => {
    await azure.reset(scenario);
    const action = { kind: 'hang' as const };
    await azure.setFaults([{ match: { method: 'PUT', path: '/snapshots/builder-os-' }, action }]);
    const reading = { generalize: 'none', 'source-power': 'keep' };
    let reader: ChildProcess | undefined;
    const first = runAction(
      azure,
      { ...inputs, ...reading },
      {
        environment: { SCALED_LIMITS: 'yes' },
        onStart: (started) => {
          reader ??= started;
        },
      },
    );
    await until(async () => (await azure.calls()).some(({ fault }) => fault !== undefined));
    reader?.kill('SIGSTOP');
    const held = Promise.withResolvers<undefined>();
    const step = signalled('SIGSTOP', stop);
    const second = runAction(
      azure,
      { ...inputs, ...away },
      {
        ...other,
        ...step,
        onLine: (line) => {
          step.onLine?.(line);
          if (line.includes('VM "builder" is stopped')) held.resolve(undefined);
        },
      },
    );
    await held.promise;
    reader?.kill('SIGCONT');
    const refused = await first;
    step.child().kill('SIGCONT');
    expectMade(await second);
    expect(refused.main.exitCode).toBe(1);
    expect(refused.main.log).toMatch(
      /##\[error\]VM "builder" is worked on by run 2222222222 .* This run goes no further\./,
    );
    await expectNothingLeft(azure);
  });

  test('of which one was killed: the other passes as soon as its lock is free, and the post step of the dead one closes its claim', async () => {
    await azure.reset(scenario);
    const dead = await phase('main', undefined, signalled('SIGKILL', copy));
    const credential = new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET);
    for (const url of await locks()) {
      await new BlobClient(url, credential).getBlobLeaseClient().breakLease(0);
    }
    const run = await runAction(azure, { ...inputs, ...away }, other);
    expectMade(run);
    const post = await phase('post', dead);
    expect(post.log).not.toContain('##[warning]');
    await expectNothingLeft(azure);
  });

  test('of which both copy it: both pass, also into one container', async () => {
    const copying = { source: 'copy', generalize: '', 'storage-accounts': 'imageswe1' };
    const [first, second] = await meet(/The disks of VM "builder" are copied/, [copying, copying]);
    expectMade(first);
    expectMade(second);
    await expectNothingLeft(azure);
  });
});
