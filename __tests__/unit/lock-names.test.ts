import { describe, expect, test } from '@jest/globals';
import { planLocks, type PlannedLock } from '../../src/lock-names.ts';
import {
  accountOf,
  inputsOf,
  layoutOf,
  runOf,
  vmOf,
  worldOf,
  type World,
} from '../support/facts.ts';

function locksOf(overrides: Partial<World> = {}): readonly PlannedLock[] {
  const world = worldOf(overrides);
  return planLocks(world.inputs, world.vm, layoutOf(world), world.run);
}

/** The addresses that both have. */
function shared(left: readonly PlannedLock[], right: readonly PlannedLock[]): readonly string[] {
  const urls = right.map(({ url }) => url);
  return left.map(({ url }) => url).filter((url) => urls.includes(url));
}

const named = inputsOf({ blobName: 'base-{disk}-{replica}.vhd' });
const otherVm = vmOf({ id: `${vmOf().id}-2`, name: 'builder-2' });

describe('the locks', () => {
  test('are two in each container, in the order of their addresses, beside the VHDs', () => {
    const locks = locksOf();
    const urls = locks.map(({ url }) => url);
    expect(urls).toEqual([...urls].sort());
    expect(urls.map((url) => url.replace(/[0-9a-f]{16}/, '#'))).toEqual([
      'https://imageswe1.blob.core.windows.net/vhds/.vm-to-vhd/set-#.lock',
      'https://imageswe1.blob.core.windows.net/vhds/.vm-to-vhd/vm-#.lock',
      'https://imageswe2.blob.core.windows.net/vhds/.vm-to-vhd/set-#.lock',
      'https://imageswe2.blob.core.windows.net/vhds/.vm-to-vhd/vm-#.lock',
    ]);
    expect(locks.map(({ what }) => what).slice(0, 2)).toEqual([
      'The set "builder-1234-{disk}-{replica}.vhd" in container "vhds" of storage account "imageswe1"',
      'VM "builder"',
    ]);
  });

  test('are none for a VM that is only copied', () => {
    const kinds = (deleteSource: 'none' | 'vm'): readonly boolean[] =>
      locksOf({ inputs: inputsOf({ source: 'copy', deleteSource }) }).map(({ isOfVm }) => isOfVm);
    expect(kinds('none')).toEqual([false, false]);
    expect(kinds('vm')).toEqual([false, true, false, true]);
  });

  test.each<readonly [string, Partial<World>, Partial<World>, RegExp, number]>([
    ['other runs on the same VM share its locks', {}, { run: runOf({ runId: '99' }) }, /\/vm-/, 2],
    [
      'also with another first account',
      {},
      { run: runOf({ runId: '99' }), accounts: [accountOf('imageswe2'), accountOf('imageswe3')] },
      /imageswe2.*\/vm-/,
      1,
    ],
    [
      'however its ID is written',
      {},
      { run: runOf({ runId: '99' }), vm: vmOf({ id: vmOf().id.toUpperCase() }) },
      /\/vm-/,
      2,
    ],
    [
      'runs on other VMs share those of the same names',
      { inputs: named },
      { inputs: { ...named, copies: { kind: 'replicas', count: 9 } }, vm: otherVm },
      /\/set-/,
      2,
    ],
    ['other VMs under other names share none', {}, { vm: otherVm }, /./, 0],
  ])('of %s', (_name, left, right, pattern, count) => {
    const urls = shared(locksOf(left), locksOf(right));
    expect(urls).toHaveLength(count);
    for (const url of urls) expect(url).toMatch(pattern);
  });
});
