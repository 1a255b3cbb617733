import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { checkScenario, loadScenario } from '../../local-azure/load-scenario.ts';
import { smallScenario, subscriptionId } from '../support/small-scenario.ts';

function problemsOf(value: unknown): string {
  try {
    checkScenario(value);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const [vm] = smallScenario.virtualMachines ?? [];
const [account] = smallScenario.storageAccounts ?? [];
const [identity] = smallScenario.identities ?? [];

describe('a scenario', () => {
  test('that is given as an example is sound', async () => {
    const file = new URL('../../local-azure/scenarios/one-vm.json', import.meta.url).pathname;
    const { $schema: _schema, ...written } = JSON.parse(await readFile(file, 'utf8')) as object & {
      $schema: string;
    };
    expect(await loadScenario(file)).toMatchObject(written);
  });

  test.each([
    [{ tenantId: 'contoso.com' }, '/tenantId: must match format "uuid", got "contoso.com"'],
    [
      { virtualMachines: [{ ...vm, dataDisks: [disk(3, 'a'), disk(3, 'b')] }] },
      '/virtualMachines/0/dataDisks/1/lun: LUN 3 is there twice',
    ],
    [
      { disks: [{ name: 'BUILDER-os', resourceGroup: 'Images' }] },
      '/disks/0/name: disk Images/BUILDER-os is there twice',
    ],
    [
      { storageAccounts: [account, account] },
      '/storageAccounts/1/name: storage account imageswe1 is there twice',
    ],
    [
      { storageAccounts: [{ ...account, resourceGroup: 'other' }] },
      '/storageAccounts/0/resourceGroup: no such resource group: other',
    ],
    [
      { virtualMachines: [{ ...vm, osDisk: { name: 'os', resourceGroup: 'other' } }] },
      '/virtualMachines/0/osDisk/resourceGroup: no such resource group: other',
    ],
    [
      {
        subscriptions: [{ id: '00000000-0000-0000-0000-000000000001' }],
        resourceGroups: [{ name: 'images', location: 'westeurope', subscriptionId }],
      },
      `/resourceGroups/0/subscriptionId: no such subscription: ${subscriptionId}`,
    ],
    [
      { identities: [{ ...identity, roleAssignments: [{ role: 'Emperor' }] }] },
      '/identities/0/roleAssignments/0/role: Role "Emperor" is not a built-in role',
    ],
    [
      { virtualMachines: [{ ...vm, osDisk: { name: 'os', content: { vhd: 'a.vhd', seed: 1 } } }] },
      '/virtualMachines/0/osDisk/content: a VHD file takes neither a seed nor data',
    ],
    [
      { disks: [free({ dataMiB: 1, extents: { count: 1, bytes: 512, everyBytes: 512 } })] },
      '/disks/0/content/dataMiB: is not for a disk with extents',
    ],
    [
      { disks: [free({ extents: { count: 2, bytes: 1024, everyBytes: 512 } })] },
      '/disks/0/content/extents/everyBytes: must be >= bytes',
    ],
    [
      { disks: [free({ extents: { count: 1, bytes: 513, everyBytes: 1024 } })] },
      '/disks/0/content/extents/bytes: must be multiple of 512',
    ],
    [
      { disks: [free({ extents: { count: 3, bytes: 1024, everyBytes: 2 ** 29 } })] },
      "/disks/0/content/extents: they end at byte 1073742848, beyond the disk's 1 GiB",
    ],
    [
      { faults: [{ match: { headers: { 'x-ms-copy-source': '(' } }, action: { kind: 'hang' } }] },
      '/faults/0/match/headers/x-ms-copy-source: must match format "regex", got "("',
    ],
    [
      { faults: [{ match: { path: '.' }, action: { kind: 'answer' } }] },
      "/faults/0/action: must have required property 'status'",
    ],
    [
      withAct({ script: '(' }),
      '/virtualMachines/0/guest/acts/0/script: must match format "regex", got "("',
    ],
    [
      withAct({ script: '.', hangs: true, output: ['x'] }),
      '/virtualMachines/0/guest/acts/0/hangs: a command that never ends neither prints nor fails',
    ],
    [
      withAct({ script: '.', effects: [{ do: 'serial' }] }),
      '/virtualMachines/0/guest/acts/0/effects/0/text: is there for serial, and for nothing else',
    ],
    [
      withAct({ script: '.', effects: [{ do: 'powerOff', text: 'x' }] }),
      '/virtualMachines/0/guest/acts/0/effects/0/text: is there for serial, and for nothing else',
    ],
    [
      { storageAccounts: [{ ...account, containers: [{ name: 'vhds', blobs: [pageBlob(100)] }] }] },
      '/storageAccounts/0/containers/0/blobs/0/sizeBytes: must be a multiple of 512',
    ],
  ])('with %j is refused', (change, problem) => {
    expect(problemsOf({ ...smallScenario, ...change })).toContain(
      `The scenario has a problem: ${problem}`,
    );
  });

  test('is refused with all of its problems at once', () => {
    const text = problemsOf({ resourceGroups: 'none', cloud: 'Moon' });
    expect(text.split('\n')).toEqual([
      'The scenario has 4 problems:',
      "  /: must have required property 'tenantId'",
      "  /: must have required property 'subscriptions'",
      '  /cloud: must be one of AzureCloud, AzureUSGovernment, AzureChinaCloud, got "Moon"',
      '  /resourceGroups: must be array',
    ]);
  });
});

function withAct(act: object): object {
  return { virtualMachines: [{ ...vm, guest: { acts: [act] } }] };
}

function free(content: object): object {
  return { resourceGroup: 'images', name: 'free', sizeGiB: 1, content };
}

function disk(lun: number, name: string): object {
  return { lun, name, sizeGiB: 1 };
}

function pageBlob(sizeBytes: number): object {
  return { name: 'a.vhd', type: 'PageBlob', sizeBytes };
}
