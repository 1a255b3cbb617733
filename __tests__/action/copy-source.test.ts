import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ScenarioGuest } from '../../local-azure/scenario-guest.ts';
import type { FaultRule, ScenarioVirtualMachine } from '../../local-azure/scenario.ts';
import {
  changesIn,
  expectNoSecrets,
  expectNothingLeft,
  runAction,
  type ActionRun,
} from '../support/action.ts';
import { linuxReports, linuxStarts, linuxSucceeds } from '../support/guest-acts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, SUBSCRIPTION } from '../support/scenario.ts';

const copy = { generalize: '', source: 'copy', 'storage-accounts': 'imageswe1' };
/** A start script whose settings have such a line. */
const startWith = (line: string): string =>
  `^# azure-vm-to-vhd linux start\\nmarker='(?<marker>[0-9a-f]{32})'$[\\s\\S]*^${line}$`;
/** Begins only when it is told which machine it must not be. */
const started = {
  ...linuxStarts(linuxSucceeds),
  script: startWith("not_machine='[0-9a-f-]{36}'"),
};
const obedient: ScenarioGuest = { acts: [started], needsLuns: [0, 5] };
const subnet = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Network/virtualNetworks/builder-vnet/subnets/default`;

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

async function run(
  inputs: Readonly<Record<string, string>>,
  vm: Partial<ScenarioVirtualMachine>,
  faults: readonly FaultRule[] = [],
): Promise<ActionRun> {
  await azure.reset(buildScenario({ vm }));
  await azure.setFaults(faults);
  return runAction(azure, inputs);
}

/** The names of all resources of a kind. */
async function names(type: string): Promise<readonly string[]> {
  const { resources } = await azure.state();
  return (resources[type] ?? []).map(({ name }) => name).sort();
}

/** Everything that a copy is made of; before and after a run it must be the same. */
async function parts(): Promise<unknown> {
  const kinds = [
    'Microsoft.Compute/virtualMachines',
    'Microsoft.Compute/disks',
    'Microsoft.Network/networkInterfaces',
    'Microsoft.Network/virtualNetworks',
    'Microsoft.Network/networkSecurityGroups',
  ];
  return Object.fromEntries(
    await Promise.all(kinds.map(async (kind) => [kind, await names(kind)] as const)),
  );
}

/** What was changed of the source VM and its disks. */
async function changesOfSource(): Promise<readonly string[]> {
  return (await changesIn(azure)).filter((change) =>
    /\/(virtualMachines\/builder|disks\/builder-(os|data\d))([/?]|$)/.test(change),
  );
}

describe('a copy', () => {
  test.each(['running', 'deallocated'] as const)(
    'of a VM that is %s is deprovisioned and captured, and the VM is as it was',
    async (powerState) => {
      const vm = {
        powerState,
        guest: obedient,
        tags: { team: 'images', 'vm-to-vhd': 'protected' },
      };
      await azure.reset(buildScenario({ vm }));
      const before = await parts();
      const { resources } = await azure.state();
      const source = resources['Microsoft.Compute/virtualMachines'];
      const done = await runAction(azure, copy);
      expect(done.main.exitCode).toBe(0);
      expect(await changesOfSource()).toEqual([]);
      expect((await azure.state()).resources['Microsoft.Compute/virtualMachines']).toEqual(source);
      expect(await parts()).toEqual(before);
      await expectNothingLeft(azure);
      expectNoSecrets(done);
      expect(done.main.outputs['os-state']).toBe('Generalized');
      expect(Object.keys(JSON.parse(done.main.outputs['data-vhd-uris'] ?? '{}') as object)).toEqual(
        ['0', '5'],
      );
      expect(done.main.log).toContain('The copy runs in a network of its own: nothing reaches it');
    },
  );

  test('is made of all disks, also of those that are not captured', async () => {
    const done = await run({ ...copy, 'data-disks': 'none' }, { guest: obedient });
    expect(done.main.exitCode).toBe(0);
    expect(done.main.outputs['data-vhd-uris']).toBe('{}');
    const made = (await changesIn(azure)).filter((change) => /^PUT .*\/disks\//.test(change));
    expect(made).toHaveLength(3);
  });

  test('whose guest fails is removed, and the VM is as it was', async () => {
    const acts = [
      linuxStarts([
        { afterSeconds: 20, do: 'stopAgent' },
        { afterSeconds: 60, do: 'startAgent' },
      ]),
      linuxReports('end failed Step machine-id failed'),
    ];
    await azure.reset(buildScenario({ vm: { guest: { acts } } }));
    const before = await parts();
    const done = await runAction(azure, copy);
    expect(done.main.log).toContain('could not be deprovisioned: Step machine-id failed');
    expect(await parts()).toEqual(before);
    expect(await changesOfSource()).toEqual([]);
    await expectNothingLeft(azure);
  });

  test('that is cancelled is removed by the post step at the latest', async () => {
    await azure.reset(buildScenario({ vm: { guest: obedient } }));
    const before = await parts();
    await runAction(azure, copy, {
      onStart: (child) => {
        child.stdout?.on('data', (data: Buffer) => {
          if (data.includes('is made as a copy of VM')) child.kill('SIGKILL');
        });
      },
    });
    expect(await parts()).toEqual(before);
    expect(await changesOfSource()).toEqual([]);
    await expectNothingLeft(azure);
  });

  describe('of a member of a domain', () => {
    const by = 'it is a member of a domain (corp.example.com, by /etc/sssd/sssd.conf)';
    const acts = [
      {
        ...linuxStarts([], ['fact domain corp.example.com', `end refused ${by}: its copy would`]),
        script: startWith("allow_domain_member='false'"),
      },
      linuxStarts(linuxSucceeds, [`note domain ${by} and is not taken out of it`, 'end started']),
    ];
    const guest = { ...obedient, acts };

    test('is refused in the network of its own, and nothing is left', async () => {
      const done = await run(copy, { guest });
      expect(done.main.exitCode).toBe(1);
      expect(done.main.log).toContain(`cannot be deprovisioned: ${by}: its copy would.`);
      expect(await changesOfSource()).toEqual([]);
      await expectNothingLeft(azure);
    });

    test('is captured in a subnet that was chosen for it, with a warning', async () => {
      const done = await run({ ...copy, 'copy-subnet': subnet }, { guest });
      expect(done.main.exitCode).toBe(0);
      expect(done.main.log).toContain(`${by} and is not taken out of it.`);
      expect(done.main.outputs['os-state']).toBe('Generalized');
      await expectNothingLeft(azure);
    });
  });

  test('that Azure has no room for is refused with what to do, and nothing is left', async () => {
    const noRoom: FaultRule = {
      match: { method: 'PUT', path: '/virtualMachines/' },
      times: 0,
      action: {
        kind: 'answer',
        status: 409,
        code: 'SkuNotAvailable',
        message: 'The requested size is not available in location westeurope.',
      },
    };
    const done = await run(copy, { guest: obedient }, [noRoom]);
    expect(done.main.exitCode).toBe(1);
    expect(done.main.log).toContain('capture the VM itself ("source: vm")');
    await expectNothingLeft(azure);
  });
});

describe('the source VM', () => {
  const mark = { 'storage-accounts': 'imageswe1', 'delete-source': 'vm' };

  test('is deleted after success, with its disks and interface and nothing else', async () => {
    const done = await run(mark, {});
    expect(done.main.exitCode).toBe(0);
    expect(done.main.log).toContain('After success VM "builder" is deleted with');
    expect(await names('Microsoft.Compute/virtualMachines')).toEqual([]);
    expect(await names('Microsoft.Compute/disks')).toEqual([]);
    expect(await names('Microsoft.Network/networkInterfaces')).toEqual([]);
    expect(await names('Microsoft.Network/virtualNetworks')).toEqual(['builder-vnet']);
  });

  test('leaves a data disk that was not captured', async () => {
    const done = await run({ ...mark, 'data-disks': '0' }, {});
    expect(done.main.exitCode).toBe(0);
    expect(await names('Microsoft.Compute/disks')).toEqual(['builder-data5']);
    expect(done.main.log).toContain('"builder-data5" stays: it was not captured.');
  });

  test('stays when the run fails', async () => {
    const refused: FaultRule = {
      match: { method: 'PUT', host: 'blob\\.core', path: 'os-1\\.vhd' },
      times: 0,
      action: { kind: 'answer', status: 403, code: 'AuthorizationFailure', message: 'No.' },
    };
    const done = await run(mark, {}, [refused]);
    expect(done.main.exitCode).toBe(1);
    expect(await names('Microsoft.Compute/virtualMachines')).toEqual(['builder']);
    expect(await names('Microsoft.Compute/disks')).toHaveLength(3);
  });
});
