import { describe, expect, test } from '@jest/globals';
import { BitSet } from '../../src/copy/schedule/bit-set.ts';
import { Steps } from '../../src/copy/schedule/steps.ts';
import { seeded } from '../support/copy-simulation.ts';

function steps(words = Infinity): Steps {
  const allowed = new Steps();
  allowed.allow(words);
  return allowed;
}

describe.each([1, 31, 32, 33, 1024, 1025, 40_000])('a set below %i', (capacity) => {
  test('holds what was added and not deleted, and finds what two have in common', () => {
    const random = seeded(capacity);
    const pick = () => Math.floor(random() * capacity);
    const [left, right] = [new BitSet(capacity), BitSet.full(capacity)];
    const [plainLeft, plainRight] = [
      new Set<number>(),
      new Set(Array.from({ length: capacity }, (_, place) => place)),
    ];
    for (let count = 0; count < 300; count += 1) {
      const [added, deleted, from] = [pick(), pick(), pick()];
      left.add(added);
      plainLeft.add(added);
      right.delete(deleted);
      plainRight.delete(deleted);
      if (count % 3 === 0) {
        left.delete(deleted);
        plainLeft.delete(deleted);
      }
      const common = [...plainLeft].filter((member) => member >= from && plainRight.has(member));
      const first = common.length === 0 ? undefined : Math.min(...common);
      expect(left.meet(right, from, steps())).toBe(first);
      expect(left.has(added)).toBe(plainLeft.has(added));
    }
    expect([left.size, right.size]).toEqual([plainLeft.size, plainRight.size]);
  });

  test('is full to its last member and no further', () => {
    const full = BitSet.full(capacity);
    expect(full.has(capacity - 1)).toBe(true);
    expect(full.has(capacity)).toBe(false);
    expect(full.meet(full, capacity - 1, steps())).toBe(capacity - 1);
    expect(full.meet(full, capacity, steps())).toBeUndefined();
  });
});

test('a lonely member among two million is found in a few words', () => {
  const set = new BitSet(2_000_000);
  set.add(1_999_999);
  const taken = steps();
  expect(set.meet(set, 0, taken)).toBe(1_999_999);
  expect(taken.taken).toBeLessThan(10);
});

test('a search ends when its steps are used up', () => {
  const [even, odd] = [new BitSet(10_000), new BitSet(10_000)];
  for (let member = 0; member < 10_000; member += 1) (member % 2 === 0 ? even : odd).add(member);
  const taken = steps(50);
  expect(even.meet(odd, 0, taken)).toBeUndefined();
  expect(taken.taken).toBe(50);
});
