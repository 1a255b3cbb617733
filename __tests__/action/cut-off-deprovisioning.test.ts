import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { FaultRule } from '../../local-azure/scenario.ts';
import {
  changesIn,
  expectNoSecrets,
  expectNothingLeft,
  runAction,
  type ActionRun,
} from '../support/action.ts';
import {
  deprovisioningInputs,
  linuxStarts,
  linuxSucceeds,
  sysprepIs,
  sysprepStarts,
  windowsIs,
} from '../support/guest-acts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from '../support/scenario.ts';

const inputs = deprovisioningInputs;
const guest = { acts: [linuxStarts(linuxSucceeds)] };
const linux = buildScenario({ vm: { dataDisks: [], bootDiagnostics: 'managed', guest } });
const quickly = { updateIntervalInMs: 10 };
/** Between two looks at the call list, in milliseconds. */
const POLL_MS = 30;
const another = { run: { runId: '2222222222' } };

let azure: LocalAzure;
let virtualMachines: ComputeManagementClient['virtualMachines'];

beforeAll(async () => {
  azure = await startLocalAzure(linux);
  useLocalAzure(azure);
  const credential = new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET);
  ({ virtualMachines } = new ComputeManagementClient(credential, SUBSCRIPTION));
});

beforeEach(async () => {
  await azure.reset(linux);
});

/** A run that gets a signal when its log says so. */
function endAt(text: string, signal: NodeJS.Signals): Promise<ActionRun> {
  let main: ChildProcess | undefined;
  return runAction(azure, inputs, {
    onStart: (child) => {
      main ??= child;
      child.stdout?.on('data', (data: Buffer) => {
        if (child === main && data.includes(text)) child.kill(signal);
      });
    },
  });
}

/** A run that gets a signal when a fault has struck it. */
async function endAtFault(fault: FaultRule, signal: NodeJS.Signals): Promise<ActionRun> {
  await azure.setFaults([fault]);
  let main: ChildProcess | undefined;
  const running = runAction(azure, inputs, {
    environment: { SCALED_LIMITS: 'yes' },
    onStart: (child) => {
      main ??= child;
    },
  });
  const isStruck = async (): Promise<boolean> =>
    (await azure.calls()).some(({ fault }) => fault !== undefined);
  while (!(await isStruck())) await pause(POLL_MS);
  main?.kill(signal);
  const run = await running;
  await azure.setFaults([]);
  return run;
}

/** Lets the time of the guest pass, in looks of ten seconds. */
async function letPass(looks: number): Promise<void> {
  for (let look = 0; look < looks; look += 1) {
    await virtualMachines.instanceView('images', 'builder');
  }
}

/** What was done to the VM since so many calls, in its order. */
async function stepsSince(since: number): Promise<readonly string[]> {
  return (await azure.calls()).slice(since).flatMap(({ method, url }) => {
    const [, verb] = /virtualMachines\/builder\/(\w+)\?/.exec(url) ?? [];
    const isStep = method === 'POST' && verb !== 'retrieveBootDiagnosticsData';
    return isStep && verb !== undefined ? [verb] : [];
  });
}

async function expectCaptured(run: ActionRun): Promise<void> {
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  expect(run.main.outputs['os-state']).toBe('Generalized');
  expectNoSecrets(run);
  await expectNothingLeft(azure);
}

describe('a run that ends while the guest is deprovisioned', () => {
  test.each(['SIGINT', 'SIGKILL'] as const)(
    'by %s is gone on with when the guest is off, without a word to it',
    async (signal) => {
      const first = await endAt('The guest of VM "builder": ', signal);
      expect(first.main.exitCode).not.toBe(0);
      await letPass(10);
      const { length } = await azure.calls();
      const next = await runAction(azure, inputs, another);
      expect(next.main.log).toContain(
        'The guest of VM "builder" was deprovisioned by an earlier run and has not started since',
      );
      expect(await stepsSince(length)).toEqual(['deallocate', 'generalize']);
      await expectCaptured(next);
    },
  );

  test('is gone on with while the guest is still at it, which is waited for', async () => {
    await endAt('The guest of VM "builder": ', 'SIGKILL');
    const { length } = await azure.calls();
    await letPass(1);
    const next = await runAction(azure, inputs, another);
    expect(next.main.log).toContain(
      'The guest of VM "builder" is being deprovisioned by an earlier run',
    );
    expect(next.main.log).toContain('  deprovision-agent: ok (-deprovision+user)');
    expect(await stepsSince(length)).toEqual(['powerOff', 'deallocate', 'generalize']);
    await expectCaptured(next);
  });

  test('is not gone on with where the VM was started since', async () => {
    await endAt('The guest of VM "builder": ', 'SIGKILL');
    await letPass(10);
    await virtualMachines.start('images', 'builder', quickly);
    await virtualMachines.deallocate('images', 'builder', quickly);
    const { length } = await changesIn(azure);
    const next = await runAction(azure, inputs, another);
    expect(next.main.log).toContain('VM "builder" is deallocated: deprovisioning the guest takes');
    expect(next.main.exitCode).toBe(1);
    expect((await changesIn(azure)).slice(length)).toEqual([
      expect.stringContaining('retrieveBootDiagnosticsData'),
    ]);
  });

  test('is not gone on with where the guest was stopped in the middle', async () => {
    await endAt('The guest of VM "builder": ', 'SIGKILL');
    await letPass(1);
    await virtualMachines.powerOff('images', 'builder', quickly);
    const next = await runAction(azure, inputs, another);
    expect(next.main.log).toContain('VM "builder" is stopped: deprovisioning the guest takes');
    expect(next.main.exitCode).toBe(1);
  });
});

describe('a run that ends when the guest is deprovisioned', () => {
  const hanging: FaultRule = {
    match: { method: 'POST', path: '/powerOff' },
    nth: 1,
    times: 1,
    action: { kind: 'hang' },
  };

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'by %s has marked the VM generalized when it is closed, where no serial console tells of it too',
    async (signal) => {
      await azure.reset(buildScenario({ vm: { dataDisks: [], guest } }));
      const run = await endAtFault(hanging, signal);
      expect(run.main.exitCode).not.toBe(0);
      expect(`${run.main.log}${run.post.log}`).toMatch(
        /VM "builder" is marked generalized: the next run goes on from there\./,
      );
      await expectNothingLeft(azure);
      await expectCaptured(await runAction(azure, inputs, another));
    },
  );

  test('by SIGKILL marks Windows too, which Sysprep leaves on', async () => {
    const acts = [windowsIs(), sysprepStarts, sysprepIs('GENERALIZE_RESEAL_TO_OOBE')];
    await azure.reset(buildScenario({ vm: { osType: 'Windows', dataDisks: [], guest: { acts } } }));
    const run = await endAtFault(hanging, 'SIGKILL');
    expect(run.post.log).toContain('is marked generalized: the next run goes on from there.');
    await expectCaptured(await runAction(azure, inputs, another));
  });

  test('that Azure does not let mark it says how to, and the next one goes on by the console', async () => {
    const refused: FaultRule = {
      match: { method: 'POST', path: '/generalize' },
      times: 0,
      action: { kind: 'answer', status: 403, code: 'AuthorizationFailed', message: 'Not allowed.' },
    };
    await azure.setFaults([refused]);
    const run = await runAction(azure, inputs);
    expect(run.main.exitCode).toBe(1);
    expect(run.main.log).toMatch(
      /##\[warning\]Could not close VM ".*\/builder", whose guest is deprovisioned .* Do it with: az vm deallocate --ids ".*" && az vm generalize --ids ".*"/,
    );
    await azure.setFaults([]);
    const { length } = await azure.calls();
    const next = await runAction(azure, inputs, another);
    expect(await stepsSince(length)).toEqual(['generalize']);
    await expectCaptured(next);
  });
});
