import { describe, expect, test } from '@jest/globals';
import type { Inputs } from '../../src/inputs.ts';
import { chooseDataDisks, countReplicas, diskLabel, planPower } from '../../src/plan.ts';
import { GIBIBYTE } from '../../src/units.ts';
import {
  accountOf,
  blobOf,
  diskOf,
  group,
  inputsOf,
  layoutOf,
  planOf,
  replicasOf,
  runOf,
  vmOf,
  worldOf,
} from '../support/facts.ts';

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

describe('the power plan', () => {
  const off = {
    ...{ removeExtensions: false, deprovision: false },
    ...{ powerOff: false, deallocate: false, generalize: false, restart: false },
  };
  const specialized = { generalize: 'none' } as const;
  test.each([
    ['running', {}, { ...off, powerOff: true, deallocate: true, generalize: true }],
    ['unknown', {}, { ...off, powerOff: true, deallocate: true, generalize: true }],
    ['stopped', {}, { ...off, deallocate: true, generalize: true }],
    ['deallocated', {}, { ...off, generalize: true }],
    ['stopped', specialized, { ...off, deallocate: true }],
    ['deallocated', specialized, off],
    ['running', { ...specialized, sourcePower: 'keep' }, off],
    [
      'running',
      { ...specialized, sourcePower: 'restart' },
      { ...off, powerOff: true, restart: true },
    ],
    ['stopped', { ...specialized, sourcePower: 'restart' }, off],
    ['deallocated', { ...specialized, sourcePower: 'restart' }, off],
  ] as const)('of a VM that is %s, with %j', (powerState, inputs, expected) => {
    expect(planPower(inputsOf(inputs), vmOf({ powerState }))).toEqual(expected);
  });

  test('deprovisions the guest before it is stopped, and removes the extensions that are there', () => {
    const inputs = inputsOf({ generalize: 'deprovision', removeExtensions: true });
    const all = { ...off, deprovision: true, powerOff: true, deallocate: true, generalize: true };
    expect(planPower(inputs, vmOf())).toEqual(all);
    expect(planPower(inputs, vmOf({ extensions: ['A'] }))).toEqual({
      ...all,
      removeExtensions: true,
    });
  });

  test('leaves a generalized VM alone', () => {
    expect(planPower(inputsOf(), vmOf({ isGeneralized: true, powerState: 'stopped' }))).toEqual(
      off,
    );
  });
});

describe('the plan', () => {
  test('tags everything with the run, over the tags of the user', () => {
    expect(planOf(worldOf({ inputs: inputsOf({ tags: { team: 'a' } }) })).tags).toEqual({
      team: 'a',
      'vm-to-vhd-owner': 'octo-org/images',
      'vm-to-vhd-run': '1234',
      'vm-to-vhd-attempt': '1',
      'vm-to-vhd-key': '0123456789ab',
      'vm-to-vhd-expires': '2026-03-02T10:00:00.000Z',
    });
  });

  test('expects all bytes of all replicas, the time of the largest at the target of a page blob, and every change', () => {
    // Stop, deallocate and generalize; for each of four snapshots its making, grant, revocation and deletion.
    expect(planOf(worldOf()).expected).toEqual({
      bytes: (3 * 8 + 4) * GIBIBYTE,
      seconds: Math.ceil((8 * 1024) / 60),
      changes: 3 + (3 + 1) * 4,
      copies: 3 + 1,
      exports: 3 + 1,
      transactions: 3 * (2 * 1024 + 10) + (1024 + 10),
    });
  });

  test.each([
    ['a day at least', 1, 86_400],
    ['longer for what copies slowly', 100, Math.ceil(((100 * 8 + 4) * GIBIBYTE) / 7_000_000)],
    ['never longer than Azure allows', 1000 * 1000, 5_184_000],
  ])('lets the SAS live %s', (_name, count, expected) => {
    const inputs = inputsOf({ copies: { kind: 'replicas', count: Math.min(count, 1000) } });
    const disks = worldOf().disks;
    const huge = new Map([['os' as const, diskOf('builder-os', { sizeBytes: 8192 * GIBIBYTE })]]);
    const world = worldOf({ inputs, disks: count > 1000 ? huge : disks });
    expect(planOf(world).sasDurationInSeconds).toBe(expected);
  });

  test('lets the SAS live as long as the inputs say', () => {
    const inputs = inputsOf({ sasDurationInSeconds: 600 });
    expect(planOf(worldOf({ inputs })).sasDurationInSeconds).toBe(600);
  });

  test('copies beside a blob that it overwrites, under a name of the run', () => {
    const [url = ''] = replicasOf(planOf(worldOf())).map((replica) => replica.url);
    const existing = new Map([[url, blobOf(url, { etag: '"0x9"' })]]);
    const [first, second] = replicasOf(
      planOf(worldOf({ existing, inputs: inputsOf({ ifExists: 'overwrite' }) })),
    );
    expect(first?.overwrite).toEqual({
      etag: '"0x9"',
      draftUrl: url.replace('.vhd', '.draft-0123456789ab.vhd'),
    });
    expect(second?.overwrite).toBeUndefined();
  });

  test('is done when every blob is there and skip takes them', () => {
    const urls = replicasOf(planOf(worldOf())).map(({ url }) => url);
    const existing = new Map(urls.map((url) => [url, blobOf(url)]));
    const skip = inputsOf({ ifExists: 'skip' });
    expect(planOf(worldOf({ inputs: skip, existing })).isDone).toBe(true);
    expect(planOf(worldOf({ existing })).isDone).toBe(false);
    existing.delete(urls[0] ?? '');
    expect(planOf(worldOf({ inputs: skip, existing })).isDone).toBe(false);
  });

  test('keeps the facts of the run and the generation of the OS disk', () => {
    const run = runOf({ key: 'ffffffffffff' });
    const plan = planOf(worldOf({ run, accounts: [accountOf('a')] }));
    expect(plan).toMatchObject({ run, osDiskGeneration: 'V2', snapshotSku: 'Standard_LRS' });
  });
});
