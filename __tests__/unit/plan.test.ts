import { describe, expect, test } from '@jest/globals';
import { planPower } from '../../src/plan.ts';
import { GIBIBYTE } from '../../src/units.ts';
import {
  accountOf,
  blobOf,
  diskOf,
  inputsOf,
  planOf,
  replicasOf,
  runOf,
  vmOf,
  worldOf,
} from '../support/facts.ts';

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
      changes: 3 + (3 + 1) * 4 + 2,
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
