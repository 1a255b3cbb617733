import type { ComputeManagementClient } from '@azure/arm-compute';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Scenario, ScenarioVirtualMachine } from '../../local-azure/scenario.ts';
import { computePath, connectArm, connectCompute, quickly } from '../support/azure-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { send } from '../support/send.ts';
import { smallScenario } from '../support/small-scenario.ts';

let azure: LocalAzure;
let compute: ComputeManagementClient;
let arm: ReturnType<typeof connectArm>;

beforeAll(async () => {
  azure = await startLocalAzure(smallScenario);
  useLocalAzure(azure);
  compute = connectCompute();
  arm = connectArm();
});

beforeEach(async () => {
  await azure.reset(smallScenario);
});

function withVm(changes: Partial<ScenarioVirtualMachine>): Scenario {
  const [vm] = smallScenario.virtualMachines ?? [];
  if (vm === undefined) throw new Error('The small scenario has no VM.');
  return { ...smallScenario, virtualMachines: [{ ...vm, ...changes }] };
}

async function powerState(): Promise<string | undefined> {
  const { statuses = [] } = await compute.virtualMachines.instanceView('images', 'builder');
  return statuses.find(({ code }) => code?.startsWith('PowerState/'))?.code;
}

async function agentStatus(): Promise<string | undefined> {
  const view = await compute.virtualMachines.instanceView('images', 'builder');
  return view.vmAgent?.statuses?.[0]?.displayStatus;
}

function run(
  script: readonly string[],
  commandId = 'RunShellScript',
  parameters: { name: string; value: string }[] = [],
) {
  const input = { commandId, script: [...script], parameters };
  return compute.virtualMachines.runCommand('images', 'builder', input, quickly);
}

describe('power', () => {
  const fromInside = withVm({ powerState: 'stopped', stoppedFromInside: true });
  const notGeneralized = {
    statusCode: 409,
    code: 'OperationNotAllowed',
    message: expect.stringMatching(/since the VM is running. Please power off explicitly/),
  };

  test.each(['powerOff', 'deallocate'] as const)(
    'a VM that its guest powered off is generalized only after an explicit %s',
    async (operation) => {
      await azure.reset(fromInside);
      expect(await powerState()).toBe('PowerState/stopped');
      const generalize = () => compute.virtualMachines.generalize('images', 'builder');
      await expect(generalize()).rejects.toMatchObject(notGeneralized);
      await compute.virtualMachines[operation]('images', 'builder', quickly);
      await generalize();
      const view = await compute.virtualMachines.instanceView('images', 'builder');
      expect(view.statuses?.[0]?.code).toBe('OSState/generalized');
    },
  );

  test('a script that powers the VM off leaves it as its guest does', async () => {
    const { value } = await run(['echo "good bye"', 'sudo shutdown -h now']);
    expect(value?.[0]?.message).toBe(
      'Enable succeeded: \n[stdout]\ngood bye\nlocal-azure: the VM is powered off from inside\n\n[stderr]\n',
    );
    expect(await powerState()).toBe('PowerState/stopped');
    await expect(compute.virtualMachines.generalize('images', 'builder')).rejects.toMatchObject(
      notGeneralized,
    );
  });

  test('a change of the power state shows while it takes its time', async () => {
    const model = { operationMs: { deallocate: 60_000 } };
    await azure.reset({ ...smallScenario, model });
    const started = await arm('POST', `${computePath}/virtualMachines/builder/deallocate`);
    const poll = () => arm('GET', started.header('azure-asyncoperation') ?? '');
    expect([(await poll()).json, (await poll()).json]).toMatchObject([
      { status: 'InProgress' },
      { status: 'InProgress' },
    ]);
    expect(await powerState()).toBe('PowerState/deallocating');
    await expect(compute.virtualMachines.generalize('images', 'builder')).rejects.toMatchObject({
      statusCode: 409,
    });
  });

  test('a scenario in which a running VM was stopped from inside is refused', async () => {
    await expect(azure.reset(withVm({ stoppedFromInside: true }))).rejects.toThrow(
      '/virtualMachines/0/stoppedFromInside: is for a VM whose powerState is stopped',
    );
  });
});

describe('boot diagnostics', () => {
  const acts = [
    { script: '.', effects: [{ do: 'serial' as const, text: 'half' }, { do: 'reboot' as const }] },
  ];
  const guest = { acts };

  test('in managed storage give the serial console under a SAS, as it is when it is read', async () => {
    await azure.reset(withVm({ bootDiagnostics: 'managed', guest }));
    const { instanceView, diagnosticsProfile } = await compute.virtualMachines.get(
      'images',
      'builder',
      { expand: 'instanceView' },
    );
    expect(diagnosticsProfile).toEqual({ bootDiagnostics: { enabled: true } });
    expect(instanceView?.bootDiagnostics).toEqual({});
    const { serialConsoleLogBlobUri = '' } =
      await compute.virtualMachines.retrieveBootDiagnosticsData('images', 'builder', {
        sasUriExpirationTimeInMinutes: 5,
      });
    const booted = (boot: number): string =>
      `[    0.000000] Linux version 6.12.0, local-azure: boot ${boot}\n`;
    const before = { status: 200, body: booted(0) };
    expect(await send(serialConsoleLogBlobUri)).toMatchObject(before);
    await run(['x']);
    expect((await send(serialConsoleLogBlobUri)).body).toBe(
      `${booted(0)}half\nreboot: Restarting system\n${booted(1)}`,
    );
    const tail = await send(serialConsoleLogBlobUri, { headers: { 'x-ms-range': 'bytes=5-9' } });
    expect(tail).toMatchObject({ status: 206, body: booted(0).slice(5, 10) });
    const changed = serialConsoleLogBlobUri.replace('sig=', 'sig=A');
    expect(await send(changed)).toMatchObject({ status: 403 });
    expect(await azure.state()).toMatchObject({
      guests: { [`${computePath}/virtualMachines/builder`]: { boots: 1, agent: 'notReady' } },
    });
  });

  test('are refused where they are off, and for a time that Azure does not give', async () => {
    const path = `${computePath}/virtualMachines/builder/retrieveBootDiagnosticsData`;
    expect(await arm('POST', path)).toMatchObject({
      status: 409,
      json: { error: { code: 'OperationNotAllowed' } },
    });
    const query = 'api-version=2024-03-01&sasUriExpirationTimeInMinutes=1441';
    expect(await arm('POST', `${path}?${query}`)).toMatchObject({ status: 400 });
  });
});

describe('versions', () => {
  test.each([
    '2016-04-30-preview',
    '2017-03-30',
    '2019-07-01',
    '2020-06-01',
    '2022-03-02',
    '2026-04-01',
  ])('of %s are answered, and their operations are polled with the same', async (version) => {
    const at = `api-version=${version}`;
    const found = await arm('GET', `${computePath}/virtualMachines/builder?${at}`);
    expect(found.json).toMatchObject({ name: 'builder' });
    const probe = await arm('GET', `${computePath}/snapshots/builder-os?${at}`);
    expect(probe).toMatchObject({ status: 404, json: { error: { code: 'ResourceNotFound' } } });
    const started = await arm('POST', `${computePath}/virtualMachines/builder/powerOff?${at}`);
    const poll = started.header('azure-asyncoperation') ?? '';
    expect(new URL(poll).searchParams.get('api-version')).toBe(version);
    expect((await arm('GET', poll)).json).toMatchObject({ status: 'InProgress' });
  });
});

describe('run command', () => {
  test('on Linux prints both streams in one entry, with parameters by position', async () => {
    const script = ['#!/bin/bash', 'set -e', '# why', 'echo $0 $1', "echo 'two words'"];
    const { value } = await run(script, 'RunShellScript', [{ name: 'arg1', value: 'hello' }]);
    expect(value).toEqual([
      {
        code: 'ProvisioningState/succeeded',
        level: 'Info',
        displayStatus: 'Provisioning succeeded',
        message:
          'Enable succeeded: \n[stdout]\n/var/lib/waagent/run-command/download/0/script.sh hello\ntwo words\n\n[stderr]\n',
      },
    ]);
  });

  test('on Windows prints the streams in two entries, with parameters by name', async () => {
    await azure.reset(withVm({ osType: 'Windows' }));
    const script = ['param(', '    [string]$arg1', ')', 'Write-Output "It is $arg1"'];
    const parameters = [{ name: 'arg1', value: 'here' }];
    const { value } = await run(script, 'RunPowerShellScript', parameters);
    expect(value?.map(({ code, message }) => [code, message])).toEqual([
      ['ComponentStatus/StdOut/succeeded', 'It is here'],
      ['ComponentStatus/StdErr/succeeded', ''],
    ]);
  });

  test('says which lines it did not run, and keeps the last 4 kB only', async () => {
    const { value } = await run(['apt-get update', ...Array<string>(600).fill('echo 1234567')]);
    const message = value?.[0]?.message ?? '';
    expect(message).not.toContain('apt-get');
    expect(message).toHaveLength('Enable succeeded: \n[stdout]\n\n[stderr]\n'.length + 4096);
    const short = await run(['echo a | tee b']);
    expect(short.value?.[0]?.message).toContain('local-azure: not run: echo a | tee b');
  });

  test('a script that stops the agent leaves a VM that no command reaches', async () => {
    expect(await agentStatus()).toBe('Ready');
    await run(['sudo systemctl stop walinuxagent']);
    expect(await agentStatus()).toBe('Not Ready');
    await expect(run(['echo a'])).rejects.toThrow(/VMAgentStatusCommunicationError.*'builder'/);
    await compute.virtualMachines.deallocate('images', 'builder', quickly);
    await compute.virtualMachines.start('images', 'builder', quickly);
    expect(await agentStatus()).toBe('Ready');
  });

  test('runs one at a time', async () => {
    const body = { commandId: 'RunShellScript', script: ['echo a'] };
    const path = `${computePath}/virtualMachines/builder/runCommand`;
    const first = await arm('POST', path, body);
    expect(first.status).toBe(202);
    expect(await arm('POST', path, body)).toMatchObject({
      status: 409,
      json: { error: { code: 'Conflict' } },
    });
    const poll = () => arm('GET', first.header('azure-asyncoperation') ?? '');
    expect((await poll()).json).toMatchObject({ status: 'InProgress' });
    expect((await poll()).json).toMatchObject({ status: 'Succeeded' });
    expect((await arm('POST', path, body)).status).toBe(202);
  });

  test.each<[string, Partial<ScenarioVirtualMachine>, string, RegExp]>([
    ['a VM that is off', { powerState: 'deallocated' }, 'RunShellScript', /to be running/],
    ['a VM without an agent', { agent: 'absent' }, 'RunShellScript', /VM Agent is installed/],
    ['a command of the other system', {}, 'RunPowerShellScript', /'RunPowerShellScript'/],
  ])('refuses %s', async (_name, changes, commandId, message) => {
    await azure.reset(withVm(changes));
    await expect(run(['echo a'], commandId)).rejects.toThrow(message);
  });
});
