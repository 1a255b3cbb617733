import { describe, expect, test } from '@jest/globals';
import { leastTime } from '../../bench/bounds.ts';
import { findCopyPhase } from '../../bench/copy-phase.ts';
import { renderPage } from '../../bench/page.ts';
import { renderPlot } from '../../bench/plot.ts';
import type { Replicas } from '../../bench/replicas.ts';
import { choosePace } from '../../bench/scale.ts';
import { buildModel, buildScenario } from '../../bench/scenario.ts';
import type { Call } from '../../local-azure/edge/calls.ts';
import { checkScenario } from '../../local-azure/load-scenario.ts';

describe('the bound', () => {
  test.each([
    { layout: { replicas: 1, exports: 1 }, time: 1 },
    { layout: { replicas: 10, exports: 1 }, time: 20 / 11 },
    { layout: { replicas: 10, exports: 10 }, time: 1 },
    { layout: { replicas: 10, exports: 1, exportRate: 2 }, time: 20 / 12 },
    { layout: { replicas: 1000, exports: 1, budgets: 'split' as const }, time: 1 },
    { layout: { replicas: 10, exports: 10, onlyComplete: true }, time: 1 },
    { layout: { replicas: 10, exports: 1, onlyComplete: true }, time: 3.375 },
  ])('of $layout is $time', ({ layout, time }) => {
    expect(leastTime(layout)).toBeCloseTo(time);
  });
});

describe('the pace', () => {
  test('is that of Azure where the local Azure carries four times as much', () => {
    expect(choosePace(2, 120)).toBe(15);
  });

  test('is lowered until the sum of all rates is a quarter of what is carried', () => {
    const piecesPerSecond = choosePace(60, 400);
    expect(piecesPerSecond).toBeCloseTo(1.6);
    expect(60 * piecesPerSecond).toBeLessThanOrEqual(100);
  });
});

test('a scenario is sound, and its blobs carry so many pieces a second', () => {
  const scenario = buildScenario({ pieces: 768, accounts: 10, model: buildModel(15, {}, 2) });
  expect(checkScenario(scenario)).toEqual(scenario);
  const { perBlob, perExport } = scenario.model?.blobs ?? {};
  expect(((perBlob?.mibPerSecond ?? 0) * 1024) / 64).toBe(15);
  expect(((perExport?.mibPerSecond ?? 0) * 1024) / 64).toBe(30);
});

describe('the copy phase', () => {
  const call = (second: number, change: Partial<Call>): Call => ({
    number: 1,
    startedAt: new Date(second * 1000).toISOString(),
    durationMs: 500,
    method: 'PUT',
    host: 'a.blob.core.windows.net',
    url: 'https://a.blob.core.windows.net/vhds/a.vhd?comp=page',
    status: 201,
    bytesIn: 0,
    bytesOut: 0,
    ...change,
  });
  const url = 'https://management.azure.com/snapshots/s/beginGetAccess?api-version=1';
  const blob = 'https://a.blob.core.windows.net/vhds/b.vhd';
  const calls = [
    call(1, { method: 'POST', host: 'management.azure.com', url, status: 202 }),
    call(5, { method: 'HEAD', host: 'md-1.z1.blob.storage.azure.net', url: 'https://md-1/' }),
    call(6, {}),
    call(7, {}),
    call(8, { status: 503 }),
    call(9, { url: `${blob}?comp=metadata`, status: 200 }),
  ];

  test('begins with the first look at an export and ends with the last page', () => {
    expect(findCopyPhase(calls)).toEqual({ seconds: 2.5, pieces: 2, refused: 1, exports: 1 });
  });

  test('with a copy inside an account ends when the last VHD is marked complete', () => {
    const copied = [
      ...calls,
      call(10, { url: blob, status: 202 }),
      call(40, { url: `${blob}?comp=metadata`, status: 200 }),
    ];
    expect(findCopyPhase(copied)).toEqual({ seconds: 35.5, pieces: 2, refused: 1, exports: 1 });
  });
});

const replicas: Replicas = {
  peerPieces: 200,
  runs: [1, 10].map((count) => ({
    model: 'shared',
    pieces: 600,
    replicas: count,
    accounts: count,
    exports: count,
    piecesPerSecond: 12,
    seconds: 30,
    copySeconds: 22,
    copies: count === 1 ? 1.02 : 1.07,
    bound: 1,
    refusedShare: 0.001,
  })),
  variants: [],
  peers: [{ name: 'AzCopy', replicas: 5, accounts: 5, piecesPerSecond: 15, copies: 5.1 }],
  simulated: [{ model: 'shared', replicas: 1000, exports: 1, copies: 2.1, bound: 2 }],
};

describe('the page', () => {
  const measured = {
    at: '2026-01-02T03:04:05Z',
    machine: { processor: 'one', cores: 2, memoryGiB: 8, node: '24.0.0' },
    carried: { fromExports: 500, fromBlobs: 450, mixed: 480 },
  };

  test('says which aims are met, with what was measured where', () => {
    const page = renderPage({ replicas: { ...measured, result: replicas } });
    expect(page).toContain('| Ten replicas: against one | at most 1.2 | 1.05 | met |');
    expect(page).toContain(
      '| 10 | 10 | 10 | 600 | 12 | 22.0 | 1.07 | 1.00 | 1.07 | 0.1 % | 30.0 |',
    );
    expect(page).toContain('Measured on 2026-01-02, one, 2 cores, 8 GiB, Node 24.0.0');
  });

  test('says so where an aim is missed', () => {
    const control = { seconds: 50, limitSeconds: 42, phases: [] };
    const page = renderPage({ 'control-plane': { ...measured, result: control } });
    expect(page).toMatch(/to its critical path \| at most 1\.1 \| 1\.19 \| missed \|/);
  });

  test('says how long a cancelled run takes to send its releases', () => {
    const run = { replicas: 10, accounts: 1, releases: 22, endSeconds: 4, limitSeconds: 7.5 };
    const cancel = [{ ...run, sentSeconds: 3, left: 0 }];
    const page = renderPage({ cancel: { ...measured, result: cancel } });
    expect(page).toContain('| 10 | 1 | 22 | 3.0 | 0.40 | 4.0 | 0 |');
    expect(page).toMatch(/Cancel: the last release sent, .* \| at most 1 \| 0\.40 \| met \|/);
  });

  test('leaves out what was not measured', () => {
    const page = renderPage({});
    expect(page).not.toContain('## One disk');
    expect(page).not.toContain('undefined');
  });
});

test('the plot has a point for each run and a line for each series', () => {
  const plot = renderPlot(replicas);
  expect(plot.match(/<circle /g)).toHaveLength(2);
  expect(plot).toContain('AzCopy (measured)');
  expect(plot).not.toMatch(/NaN|undefined/);
});
