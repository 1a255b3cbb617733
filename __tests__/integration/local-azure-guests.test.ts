import { afterEach, describe, expect, test } from '@jest/globals';
import type { ScenarioAct, ScenarioGuest } from '../../local-azure/scenario-guest.ts';
import type { Scenario, ScenarioVirtualMachine } from '../../local-azure/scenario.ts';
import { startArm, type ArmListener } from '../support/arm-listener.ts';
import { quickly } from '../support/azure-clients.ts';
import { smallScenario } from '../support/small-scenario.ts';

const vmPath = `/subscriptions/${smallScenario.subscriptions[0]?.id ?? ''}/resourceGroups/images/providers/Microsoft.Compute/virtualMachines/builder`;

let arm: ArmListener;

afterEach(() => {
  arm.close();
});

function withGuest(guest: ScenarioGuest, changes: Partial<ScenarioVirtualMachine> = {}): Scenario {
  const [vm] = smallScenario.virtualMachines ?? [];
  if (vm === undefined) throw new Error('The small scenario has no VM.');
  return { ...smallScenario, virtualMachines: [{ ...vm, ...changes, guest }] };
}

async function start(guest: ScenarioGuest, changes?: Partial<ScenarioVirtualMachine>) {
  arm = await startArm(withGuest(guest, changes));
  return arm.client('image-builder').virtualMachines;
}

async function act(act: Partial<ScenarioAct>, changes?: Partial<ScenarioVirtualMachine>) {
  return await start({ acts: [{ script: '.', ...act }] }, changes);
}

/** The power state and the agent's state, as one look shows them. */
async function look(): Promise<readonly (string | undefined)[]> {
  const view = await arm.client('image-builder').virtualMachines.instanceView('images', 'builder');
  const power = view.statuses?.find(({ code }) => code?.startsWith('PowerState/'))?.code;
  return [power?.replace('PowerState/', ''), view.vmAgent?.statuses?.[0]?.displayStatus];
}

async function looks(count: number): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let index = 0; index < count; index += 1) seen.push((await look()).join(' '));
  return seen;
}

/** What a start shows on the console. */
const booted = (boot: number): string =>
  `[    0.000000] Linux version 6.12.0, local-azure: boot ${boot}\n`;

function serial(): unknown {
  return arm.resources.virtualMachine(vmPath)?.unseen['serial'];
}

async function run(script: string, commandId = 'RunShellScript') {
  const input = { commandId, script: script.split('\n') };
  const { value } = await arm
    .client('image-builder')
    .virtualMachines.runCommand('images', 'builder', input, quickly);
  return value?.map(({ message }) => message);
}

describe('a script that an act is for', () => {
  test('prints with what the groups of its pattern match', async () => {
    const output = ['@{marker} done {"left":{marker}}', '{other}'];
    await act({
      script: '^MARKER=(?<marker>\\w+)$',
      output,
      stderr: ['of {marker}'],
    });
    expect(await run('#!/bin/sh\nMARKER=4f\necho')).toEqual([
      'Enable succeeded: \n[stdout]\n@4f done {"left":4f}\n{other}\n\n[stderr]\nof 4f\n',
    ]);
    const view = await arm
      .client('image-builder')
      .virtualMachines.instanceView('images', 'builder');
    expect(view.vmAgent?.extensionHandlers?.map(({ type }) => type)).toEqual([
      'Microsoft.CPlat.Core.RunCommandLinux',
    ]);
  });

  test('prints in two entries on Windows, of each the last 4096 bytes', async () => {
    const output = [...Array<string>(600).fill('1234567'), 'end'];
    await act({ output, stderr: ['bad'] }, { osType: 'Windows' });
    const [stdout, stderr] = (await run('x', 'RunPowerShellScript')) ?? [];
    expect(stdout).toMatch(/1234567\n1234567\nend$/);
    expect(stdout).toHaveLength(4095);
    expect(stderr).toBe('bad');
  });

  test('is for as many scripts as it says, then the next one is, then the acting out', async () => {
    await start({
      acts: [
        { script: 'state', times: 2, output: ['running'] },
        { script: 'state', times: 1, output: ['ended'] },
      ],
    });
    const messages: unknown[] = [];
    for (let index = 0; index < 4; index += 1) messages.push(await run('echo state'));
    expect(messages.map((message) => /\[stdout\]\n(\w+)/.exec(String(message))?.[1])).toEqual([
      'running',
      'running',
      'ended',
      'state',
    ]);
  });

  test('runs for its time, in which a further command gets 409', async () => {
    const virtualMachines = await act({ seconds: 25, output: ['x'] });
    const body = { commandId: 'RunShellScript', script: ['x'] };
    const first = await arm.send(`${vmPath}/runCommand`, {
      method: 'POST',
      body,
      as: 'image-builder',
    });
    await expect(
      virtualMachines.runCommand('images', 'builder', { ...body }, quickly),
    ).rejects.toMatchObject({ statusCode: 409, code: 'Conflict' });
    const poll = async () => {
      const url = first.headers.get('azure-asyncoperation') ?? '';
      const { body: state } = await arm.send(url, { as: 'image-builder' });
      return (state as { readonly status: string }).status;
    };
    expect([await poll(), await poll(), await poll()]).toEqual([
      'InProgress',
      'Succeeded',
      'Succeeded',
    ]);
  });

  test('that fails ends its operation as failed', async () => {
    await act({ fails: { code: 'VMExtensionProvisioningError', message: 'It broke.' } });
    await expect(run('x')).rejects.toThrow(/VMExtensionProvisioningError.*It broke/);
  });
});

describe('the effects of a script', () => {
  test('come in time: the agent stops, the guest powers off and says so on its console', async () => {
    const virtualMachines = await act({
      script: 'MARKER=(?<marker>\\w+)',
      output: ['@{marker} started'],
      effects: [
        { afterSeconds: 30, do: 'stopAgent' },
        { afterSeconds: 40, do: 'serial', text: '@{marker} cleaned' },
        { afterSeconds: 60, do: 'powerOff' },
      ],
    });
    expect(await run('MARKER=aa')).toEqual([expect.stringContaining('@aa started')]);
    expect(await looks(5)).toEqual([
      'running Ready',
      'running Not Ready',
      'running Not Ready',
      'running Not Ready',
      'stopped Not Ready',
    ]);
    expect(serial()).toBe(`${booted(0)}@aa cleaned\nreboot: Power down\n`);
    await expect(virtualMachines.generalize('images', 'builder')).rejects.toMatchObject({
      code: 'OperationNotAllowed',
    });
    await virtualMachines.powerOff('images', 'builder', quickly);
    await virtualMachines.generalize('images', 'builder');
  });

  test('an agent that stops under its command cannot report it, and starts again', async () => {
    await act({
      times: 1,
      seconds: 20,
      effects: [
        { afterSeconds: 10, do: 'stopAgent' },
        { afterSeconds: 40, do: 'startAgent' },
      ],
    });
    await expect(run('x')).rejects.toThrow(/VMAgentStatusCommunicationError/);
    expect(await look()).toEqual(['running', 'Not Ready']);
    expect(await look()).toEqual(['running', 'Ready']);
    expect(await run('echo again')).toEqual([expect.stringContaining('again')]);
  });

  test('a reboot ends the command; the VM runs on, and its agent is away for a while', async () => {
    await act({ hangs: true, effects: [{ afterSeconds: 20, do: 'reboot' }] });
    await expect(run('x')).rejects.toThrow(/VMAgentStatusCommunicationError/);
    expect(await looks(2)).toEqual(['running Not Ready', 'running Ready']);
    expect(serial()).toBe(`${booted(0)}reboot: Restarting system\n${booted(1)}`);
  });

  test('a command that hangs ends with the VM', async () => {
    const virtualMachines = await act({ hangs: true });
    const body = { commandId: 'RunShellScript', script: ['x'] };
    const as = 'image-builder';
    const first = await arm.send(`${vmPath}/runCommand`, { method: 'POST', body, as });
    const poll = async () => {
      const url = first.headers.get('azure-asyncoperation') ?? '';
      return (await arm.send(url, { as })).body;
    };
    for (let index = 0; index < 20; index += 1) {
      expect(await poll()).toMatchObject({ status: 'InProgress' });
    }
    await virtualMachines.deallocate('images', 'builder', quickly);
    expect(await poll()).toMatchObject({
      status: 'Failed',
      error: { code: 'OperationPreempted' },
    });
    await virtualMachines.start('images', 'builder', quickly);
    expect(await looks(2)).toEqual(['running Not Ready', 'running Ready']);
  });

  test.each<[string, ScenarioGuest, string]>([
    ['that never gets so far', { bootsTo: 'never' }, ''],
    [
      'that waits for a data disk',
      { needsLuns: [0, 3] },
      '[ TIME ] Timed out waiting for device /dev/disk/azure/scsi1/lun3.\nYou are in emergency mode.\n',
    ],
  ])('the agent of a system %s is not ready', async (_name, guest, console) => {
    const dataDisks = [{ lun: 0, name: 'data', sizeGiB: 1 }];
    const virtualMachines = await start(guest, { powerState: 'deallocated', dataDisks });
    await virtualMachines.start('images', 'builder', quickly);
    expect(await looks(9)).toEqual(Array(9).fill('running Not Ready'));
    expect(serial()).toBe(`${booted(1)}${console}`);
  });

  test('follow the clock where the scenario says so', async () => {
    await start({
      secondsPerLook: 0,
      acts: [
        { script: '.', effects: [{ do: 'stopAgent' }, { afterSeconds: 3600, do: 'powerOff' }] },
      ],
    });
    await run('x');
    expect(await looks(9)).toEqual(Array(9).fill('running Not Ready'));
  });
});
