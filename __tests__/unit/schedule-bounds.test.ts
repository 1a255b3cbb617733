import { describe, expect, test } from '@jest/globals';
import { Schedule } from '../../src/copy/schedule/schedule.ts';
import {
  plainNodes,
  seeded,
  simulateCopy,
  type SimulatedNode,
  type SimulationOptions,
  type SimulationResult,
} from '../support/copy-simulation.ts';

/** Requests in flight where windows are fixed. An export has only reads, so that it may have more of them. */
const FIXED = { export: 16, read: 6, write: 6 };
const PIECES = 400;
/** What a piece takes besides its service, in pieces' times. */
const LATENCY = 1;
/** What windows that adapt may lose in finding their size, in copies. */
const ADAPTING = 0.03;
const BUDGETS = ['shared', 'split'] as const;

type World = Omit<SimulationOptions, 'pieces' | 'windows' | 'budgets' | 'latency'> &
  Partial<Pick<SimulationOptions, 'pieces' | 'windows'>>;

function simulate(budgets: 'shared' | 'split', world: World): SimulationResult {
  return simulateCopy({ pieces: PIECES, windows: FIXED, budgets, latency: LATENCY, ...world });
}

/** The least time, in copies, that N replicas need from M exports of one region. */
function plainBound(budgets: 'shared' | 'split', replicas: number, exports: number): number {
  return Math.max(1, ((budgets === 'shared' ? 2 : 1) * replicas) / (replicas + exports));
}

/** The pipeline's fill: a piece's service and latency for each doubling until all N have it, in copies. */
function fill(replicas: number, pieces = PIECES): number {
  return (Math.ceil(Math.log2(replicas + 1)) * (1 + LATENCY)) / pieces;
}

/** Every piece once in every replica, and once across every border. */
function expectWhole(nodes: readonly SimulatedNode[], result: SimulationResult, pieces = PIECES) {
  const replicas = nodes.flatMap((node, index) =>
    node.kind === 'replica' && node.leavesAt === undefined ? [index] : [],
  );
  expect(result.completedAt.length).toBe(nodes.length);
  expect(replicas.filter((index) => result.completedAt[index] === undefined)).toEqual([]);
  const landings = new Set(result.landed.map(({ piece, to }) => to * pieces + piece));
  expect(landings.size).toBe(result.landed.length);
  expect(result.starved).toEqual([]);
}

/** How often a piece came into a region from another one: the most often, and in all. */
function crossings(nodes: readonly SimulatedNode[], { landed }: SimulationResult) {
  const times = new Map<string, number>();
  for (const { piece, from, to } of landed) {
    const region = nodes[to]?.region;
    if (nodes[from]?.region === region) continue;
    const key = `${region ?? ''}/${piece}`;
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  return { most: Math.max(0, ...times.values()), pieces: times.size };
}

/** 1, 2 and N exports, and parts of N. */
const layouts = [1, 2, 10, 100].flatMap((replicas) => {
  const parts = [0.1, 0.3, 0.5, 0.75, 0.9, 1].map((part) => Math.ceil(part * replicas));
  return [...new Set([1, 2, ...parts])]
    .filter((exports) => exports <= replicas)
    .map((exports) => ({ replicas, exports }));
});

const large = [
  { replicas: 1000, exports: 1, pieces: 400 },
  { replicas: 1000, exports: 2, pieces: 200 },
  { replicas: 1000, exports: 100, pieces: 200 },
  { replicas: 1000, exports: 500, pieces: 200 },
  { replicas: 1000, exports: 1000, pieces: 200 },
];

describe.each(BUDGETS)('%s budgets: within 10 %% of the bound, and the fill', (budgets) => {
  const all = layouts.map((layout) => ({ ...layout, pieces: PIECES }));
  test.each([...all, ...large])(
    '$replicas replicas from $exports exports',
    ({ replicas, exports, pieces }) => {
      const nodes = plainNodes(replicas, exports);
      const result = simulate(budgets, { nodes, pieces });
      expectWhole(nodes, result, pieces);
      expect(result.landed.length).toBe(replicas * pieces);
      const bound = plainBound(budgets, replicas, exports);
      expect(result.time).toBeGreaterThanOrEqual(bound);
      expect(result.time).toBeLessThanOrEqual(1.1 * bound + fill(replicas, pieces));
    },
  );

  test.each(all)('$replicas from $exports, with windows that adapt', ({ replicas, exports }) => {
    const nodes = plainNodes(replicas, exports);
    const result = simulate(budgets, { nodes, windows: 'adaptive' });
    expectWhole(nodes, result);
    const bound = plainBound(budgets, replicas, exports);
    expect(result.time).toBeLessThanOrEqual(1.1 * bound + fill(replicas) + ADAPTING);
  });
});

/** Exports and replicas by region. */
function regions(
  layout: Readonly<Record<string, readonly [exports: number, replicas: number]>>,
): readonly SimulatedNode[] {
  return Object.entries(layout).flatMap(([region, [exports, replicas]]) =>
    plainNodes(replicas, exports).map((node) => ({ ...node, region })),
  );
}

/** Of all regions together, and of one without exports: each of its pieces comes in once, the rest is read inside. */
function regionBound(budgets: 'shared' | 'split', nodes: readonly SimulatedNode[]): number {
  const count = (kind: SimulatedNode['kind'], region?: string) =>
    nodes.filter((node) => node.kind === kind && (region ?? node.region) === node.region).length;
  const foreign = [...new Set(nodes.map(({ region }) => region))]
    .filter((region) => count('export', region) === 0)
    .map((region) => (2 * count('replica', region) - 1) / count('replica', region));
  const all = plainBound(budgets, count('replica'), count('export'));
  return budgets === 'shared' ? Math.max(all, ...foreign) : all;
}

describe.each(BUDGETS)('%s budgets: a piece crosses a border once', (budgets) => {
  test.each([
    { name: 'two regions, one export', layout: { a: [1, 5], b: [0, 5] } },
    { name: 'one replica abroad', layout: { a: [2, 10], b: [0, 1] } },
    { name: 'three regions', layout: { a: [5, 10], b: [0, 20], c: [0, 1] } },
    { name: 'many exports', layout: { a: [10, 10], b: [0, 10] } },
    { name: 'all replicas abroad', layout: { a: [2, 0], b: [0, 10] } },
    { name: 'exports in both', layout: { a: [2, 10], b: [2, 10] } },
  ] as const)('$name', ({ layout }) => {
    const nodes = regions(layout);
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    const withoutExports = Object.values(layout).filter(([exports]) => exports === 0).length;
    expect(crossings(nodes, result)).toEqual({
      most: withoutExports === 0 ? 0 : 1,
      pieces: withoutExports * PIECES,
    });
    const replicas = nodes.filter(({ kind }) => kind === 'replica').length;
    const most = 1.1 * regionBound(budgets, nodes) + 2 * fill(replicas);
    expect(result.time).toBeLessThanOrEqual(most);
  });
});

/** The time of the nodes that are not left out. */
function timeOf({ completedAt }: SimulationResult, without: number): number {
  return Math.max(...completedAt.filter((_, index) => index !== without).map((time) => time ?? 0));
}

describe.each(BUDGETS)('%s budgets: nobody waits for somebody else', (budgets) => {
  const most = (replicas: number, exports: number) =>
    1.1 * plainBound(budgets, replicas, exports) + fill(replicas);

  test.each([1, 5])('a slow replica holds up only itself, with %i exports', (exports) => {
    const nodes = [...plainNodes(9, exports), { kind: 'replica', rate: 0.1 } as const];
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    expect(timeOf(result, nodes.length - 1)).toBeLessThanOrEqual(most(10, exports));
    expect(result.time).toBeLessThanOrEqual(10 * 1.1);
  });

  test.each([2, 10])('the last pieces of %i replicas do not wait for a slow export', (replicas) => {
    const nodes = [...plainNodes(replicas, 1), { kind: 'export', rate: 0.1 } as const];
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    expect(result.time).toBeLessThanOrEqual(most(replicas, 1));
  });

  test('a replica that fails in the middle holds up nobody', () => {
    const nodes = [...plainNodes(9, 1), { kind: 'replica', leavesAt: 0.7 } as const];
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    expect(result.time).toBeLessThanOrEqual(most(10, 1));
  });

  test('an export that is gone in the middle is done without', () => {
    const nodes = [...plainNodes(9, 1), { kind: 'export', leavesAt: 0.5 } as const];
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    expect(result.time).toBeLessThanOrEqual(most(9, 1));
  });

  test('a replica that joins late needs hardly more than a copy from then on', () => {
    const nodes = [...plainNodes(9, 1), { kind: 'replica', joinsAt: 1.2 } as const];
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    expect(timeOf(result, nodes.length - 1)).toBeLessThanOrEqual(most(10, 1));
    expect(result.time).toBeLessThanOrEqual(1.2 + 1.1 + (budgets === 'shared' ? 0.7 : 0.1));
  });

  test('halves that are there already are sources at once, and are not moved again', () => {
    const half = Array.from({ length: PIECES / 2 }, (_, place) => place * 2);
    const resumed = Array.from({ length: 5 }, () => ({ kind: 'replica', landed: half }) as const);
    const nodes = [...plainNodes(5, 1), ...resumed];
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    expect(result.landed.length).toBe(5 * PIECES + (5 * PIECES) / 2);
    const bound = budgets === 'shared' ? (2 * 7.5) / 11 : 1;
    expect(result.time).toBeLessThanOrEqual(1.1 * bound + fill(10));
  });

  test('every twentieth transfer fails in passing', () => {
    const nodes = plainNodes(10, 2);
    const result = simulate(budgets, { nodes, fails: (count) => count % 20 === 0 });
    expectWhole(nodes, result);
    expect(result.time).toBeLessThanOrEqual(1.1 * most(10, 2));
  });

  test('an export of twice the rate', () => {
    const nodes = [{ kind: 'export', rate: 2 } as const, ...plainNodes(10, 0)];
    const result = simulate(budgets, { nodes });
    expectWhole(nodes, result);
    const bound = budgets === 'shared' ? 20 / 12 : 1;
    expect(result.time).toBeLessThanOrEqual(1.1 * bound + fill(10));
  });
});

describe('edges that are refused', () => {
  test.each([
    { replicas: 10, exports: 1 },
    { replicas: 10, exports: 3 },
    { replicas: 100, exports: 1 },
    { replicas: 100, exports: 10 },
  ])(
    'unfinished replicas cannot be read: $replicas from $exports double instead',
    ({ replicas, exports }) => {
      const nodes = plainNodes(replicas, exports);
      const refuses = (from: number, _to: number, isComplete: boolean) =>
        from >= exports && !isComplete;
      const result = simulate('shared', { nodes, refuses });
      expectWhole(nodes, result);
      const doublings = Math.log2(1 + replicas / exports);
      expect(result.time).toBeLessThanOrEqual(doublings + 1.5);
      expect(result.refusals).toBeLessThanOrEqual(3 + 16 * exports);
    },
  );

  test('unfinished replicas cannot be read: exports that join a little later serve as well', () => {
    const late = Array.from({ length: 9 }, () => ({ kind: 'export', joinsAt: 0.05 }) as const);
    const nodes = [...plainNodes(0, 1), ...late, ...plainNodes(10, 0)];
    const refuses = (from: number, _to: number, isComplete: boolean) => from > 9 && !isComplete;
    const result = simulate('shared', { nodes, refuses });
    expectWhole(nodes, result);
    expect(result.time).toBeLessThanOrEqual(1.1 + 0.05 + fill(10));
  });

  test('no replica can be read: the exports do it, and few are asked in vain', () => {
    const nodes = plainNodes(10, 2);
    const result = simulate('shared', { nodes, refuses: (from) => from > 1 });
    expectWhole(nodes, result);
    expect(result.time).toBeLessThanOrEqual(5 * 1.1 + 0.2);
    expect(result.refusals).toBeLessThanOrEqual(60);
  });

  test('a tenth of all edges: hardly any time is lost', () => {
    const nodes = plainNodes(20, 2);
    const refuses = (from: number, to: number) => from > 1 && (from * 7 + to * 13) % 10 === 0;
    for (const budgets of BUDGETS) {
      const result = simulate(budgets, { nodes, refuses });
      expectWhole(nodes, result);
      expect(result.time).toBeLessThanOrEqual(1.1 * plainBound(budgets, 20, 2) + fill(20));
    }
  });

  test.each([
    {
      name: 'unfinished ones',
      refuses: (from: number, _to: number, whole: boolean) => from > 1 && !whole,
    },
    { name: 'all replicas', refuses: (from: number) => from > 1 },
    {
      name: 'every other edge abroad',
      refuses: (from: number, to: number) => from > 5 && to > 5 && (from + to) % 2 === 1,
    },
  ])('regions starve nobody: $name', ({ refuses }) => {
    const nodes = regions({ a: [2, 4], b: [0, 6] });
    for (const budgets of BUDGETS) {
      const result = simulate(budgets, { nodes, refuses });
      expectWhole(nodes, result);
    }
  });
});

describe('what a decision costs', () => {
  const cost = (replicas: number, pieces: number) => {
    const nodes = plainNodes(replicas, Math.ceil(replicas / 10));
    const { words, decisions, dearest } = simulate('shared', { nodes, pieces });
    return { mean: words / decisions, dearest };
  };

  test('is flat from 10 to 1000 replicas', () => {
    for (const { mean, dearest } of [cost(10, 200), cost(1000, 200)]) {
      expect(mean).toBeLessThan(10);
      expect(dearest).toBeLessThan(500);
    }
  });

  test('is flat from 200 to 25 600 pieces', () => {
    const { mean, dearest } = cost(10, 25_600);
    expect(mean).toBeLessThan(10);
    expect(dearest).toBeLessThan(2000);
  });

  test('is bounded where most tries are in vain: one export, split budgets', () => {
    for (const [replicas, pieces] of [
      [10, 200],
      [10, 6400],
      [300, 200],
    ] as const) {
      const nodes = plainNodes(replicas, 1);
      const { words, decisions } = simulate('split', { nodes, pieces });
      expect(words / decisions).toBeLessThan(120);
    }
  });
});

describe('memory', () => {
  test.each([
    { pieces: 2_000_000, replicas: 3 },
    { pieces: 2000, replicas: 1000 },
    { pieces: 25_600, replicas: 200 },
  ])('two bits a piece and replica: $pieces x $replicas', ({ pieces, replicas }) => {
    const schedule = new Schedule({ pieces, random: seeded(1) });
    schedule.addExport({ region: 'a', window: 8 });
    for (let count = 0; count < replicas; count += 1) {
      schedule.addReplica({ region: 'a', readWindow: 8, writeWindow: 8 });
    }
    const bits = pieces * (2 * replicas + 1);
    expect(schedule.words * 32).toBeLessThanOrEqual(1.07 * bits);
    expect(schedule.next()).toEqual(expect.objectContaining({ piece: 0, from: 0 }));
  });
});
