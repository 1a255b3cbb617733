import { describe, expect, test } from '@jest/globals';
import type { Inputs } from '../../src/inputs.ts';
import { chooseDataDisks, countReplicas, diskLabel } from '../../src/layout.ts';
import { GIBIBYTE } from '../../src/units.ts';
import { diskOf, group, inputsOf, layoutOf, vmOf, worldOf } from '../support/facts.ts';

const [dataDisk] = vmOf().dataDisks;
const manyDisks = vmOf({
  dataDisks: dataDisk === undefined ? [] : [7, 0, 2].map((lun) => ({ ...dataDisk, lun })),
});

describe('the number of OS VHDs', () => {
  test.each([
    [{ kind: 'replicas', count: 3 }, 'Linux', 3],
    [{ kind: 'pool-nodes', nodes: 200 }, 'Linux', 5],
    [{ kind: 'pool-nodes', nodes: 200 }, 'Windows', 10],
    [{ kind: 'pool-nodes', nodes: 41 }, 'Linux', 2],
    [{ kind: 'pool-nodes', nodes: 1 }, 'Windows', 1],
  ] as const)('for %j of %s is %d', (copies, osType, expected) => {
    expect(countReplicas(copies, osType)).toBe(expected);
  });
});

describe('the data disks', () => {
  test.each<readonly [Inputs['dataDisks'], object]>([
    ['all', { luns: [0, 2, 7], missing: [] }],
    ['none', { luns: [], missing: [] }],
    [[7, 0], { luns: [7, 0], missing: [] }],
    [[2, 3], { luns: [2], missing: [3] }],
  ])('of %j are chosen', (choice, expected) => {
    expect(chooseDataDisks(choice, manyDisks)).toEqual(expected);
  });

  test('are named by their LUNs', () => {
    expect([diskLabel('os'), diskLabel(0), diskLabel(63)]).toEqual(['os', 'lun0', 'lun63']);
  });
});

describe('the layout', () => {
  test('spreads the OS VHDs over the accounts in turn, and data disks go to the first', () => {
    const replicas = layoutOf(worldOf()).disks.flatMap((disk) => disk.replicas);
    expect(replicas.map(({ url }) => url)).toEqual([
      'https://imageswe1.blob.core.windows.net/vhds/builder-1234-os-1.vhd',
      'https://imageswe2.blob.core.windows.net/vhds/builder-1234-os-2.vhd',
      'https://imageswe1.blob.core.windows.net/vhds/builder-1234-os-3.vhd',
      'https://imageswe1.blob.core.windows.net/vhds/builder-1234-lun2-1.vhd',
    ]);
    expect(replicas.map(({ disk, number }) => [disk, number])).toEqual([
      ['os', 1],
      ['os', 2],
      ['os', 3],
      [2, 1],
    ]);
  });

  test('tells what a disk is and where its snapshot goes', () => {
    const [os, data] = layoutOf(worldOf()).disks;
    expect(os).toMatchObject({
      key: 'os',
      label: 'os',
      diskName: 'builder-os',
      sizeBytes: 8 * GIBIBYTE,
      caching: 'ReadWrite',
      hyperVGeneration: 'V2',
      snapshotId: `${group}/providers/Microsoft.Compute/snapshots/builder-os-0123456789ab`,
    });
    expect(data).toMatchObject({ key: 2, label: 'lun2', caching: 'ReadOnly' });
  });

  test('takes the group for the snapshots that the inputs name', () => {
    const inputs = inputsOf({ snapshotResourceGroup: 'temp' });
    const [os] = layoutOf(worldOf({ inputs })).disks;
    expect(os?.snapshotId).toContain('/resourceGroups/temp/providers/Microsoft.Compute/snapshots/');
  });

  test('keeps snapshot names within 80 allowed characters, and their keys whole', () => {
    const vm = vmOf({ name: `a.${'b'.repeat(70)}` });
    const [os] = layoutOf(worldOf({ vm })).disks;
    const name = os?.snapshotId.split('/').at(-1) ?? '';
    expect(name).toHaveLength(80);
    expect(name).toMatch(/^a-b+-os-0123456789ab$/);
  });

  test('encodes blob names in URLs', () => {
    const inputs = inputsOf({ blobName: '{vm} ü+&{replica}.vhd', dataDisks: 'none' });
    const [os] = layoutOf(worldOf({ inputs })).disks;
    const [first] = os?.replicas ?? [];
    expect(new URL(first?.url ?? '').pathname).toBe('/vhds/builder%20%C3%BC%2B%261.vhd');
  });

  test('leaves out disks that were not found, and has no replicas without accounts', () => {
    const disks = new Map([['os' as const, diskOf('builder-os')]]);
    const layout = layoutOf(worldOf({ disks, accounts: [] }));
    expect(layout.disks.map(({ label, replicas }) => [label, replicas])).toEqual([['os', []]]);
  });

  test('takes no caching for a disk of which the VM does not tell', () => {
    const disks = new Map([['os' as const, diskOf('builder-os')]]);
    const vm = vmOf({ osDisk: { ...vmOf().osDisk, caching: 'None' } });
    expect(layoutOf(worldOf({ vm, disks })).disks[0]?.caching).toBe('None');
  });
});
