import type { Steps } from './steps.ts';

// Bound once: in the loops below a look-up of the global each time is slow in sandboxes, as tests run in.
const { ceil, clz32, floor } = Math;

const WORD_BITS = 32;

/**
 * A set of whole numbers below `capacity`, one bit each. Every word of a level has one bit in the level above
 * that says whether it is empty, so that members are found in few steps however sparse the set is.
 */
export class BitSet {
  readonly capacity: number;
  readonly #levels: readonly Int32Array[];
  #size = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#levels = levelsFor(capacity);
  }

  /** The set of all numbers below `capacity`. */
  static full(capacity: number): BitSet {
    const set = new BitSet(capacity);
    let bits = capacity;
    for (const words of set.#levels) {
      words.fill(-1, 0, floor(bits / WORD_BITS));
      const rest = bits % WORD_BITS;
      if (rest > 0) words[words.length - 1] = (1 << rest) - 1;
      bits = words.length;
    }
    set.#size = capacity;
    return set;
  }

  get size(): number {
    return this.#size;
  }

  /** Words of 32 bits that it holds in memory. */
  get words(): number {
    return this.#levels.reduce((total, words) => total + words.length, 0);
  }

  has(member: number): boolean {
    return ((this.#word(0, member >>> 5) >>> (member & 31)) & 1) === 1;
  }

  add(member: number): void {
    if (this.has(member)) return;
    this.#size += 1;
    let index = member;
    for (const words of this.#levels) {
      const word = words[index >>> 5] ?? 0;
      words[index >>> 5] = word | (1 << (index & 31));
      if (word !== 0) return;
      index >>>= 5;
    }
  }

  delete(member: number): void {
    if (!this.has(member)) return;
    this.#size -= 1;
    let index = member;
    for (const words of this.#levels) {
      const word = (words[index >>> 5] ?? 0) & ~(1 << (index & 31));
      words[index >>> 5] = word;
      if (word !== 0) return;
      index >>>= 5;
    }
  }

  /** The first member from `from` on that is in `other` too, or undefined when `steps` are used up before. */
  meet(other: BitSet, from: number, steps: Steps): number | undefined {
    let level = 0;
    let index = from;
    while (index < (level === 0 ? this.capacity : this.#length(level - 1))) {
      if (!steps.take()) return undefined;
      const at = index >>> 5;
      const common = this.#word(level, at) & other.#word(level, at) & (-1 << (index & 31));
      if (common === 0) {
        level += 1;
        index = at + 1;
        continue;
      }
      index = at * WORD_BITS + lowestBit(common);
      if (level === 0) return index;
      level -= 1;
      index *= WORD_BITS;
    }
    return undefined;
  }

  #word(level: number, at: number): number {
    return this.#levels[level]?.[at] ?? 0;
  }

  #length(level: number): number {
    return this.#levels[level]?.length ?? 0;
  }
}

function levelsFor(capacity: number): readonly Int32Array[] {
  const levels = [];
  let bits = capacity;
  do {
    bits = ceil(bits / WORD_BITS);
    levels.push(new Int32Array(bits));
  } while (bits > 1);
  return levels;
}

function lowestBit(word: number): number {
  return 31 - clz32(word & -word);
}
