import { beforeAll, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { FaultAction, FaultMatch, FaultRule } from '../../local-azure/scenario.ts';
import type { DiskImage } from '../../local-azure/world.ts';
import {
  expectNoSecrets,
  expectNothingLeft,
  runAction,
  scaledClock,
  type ActionRun,
} from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario } from '../support/scenario.ts';
import {
  expectSameVhd,
  imageOf,
  vhdClient,
  type ExtentDisk,
  type KnownDisk,
} from '../support/vhd-check.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Each extent is a piece of its own. */
const usualDisk = {
  name: 'builder-os',
  sizeGiB: 1,
  content: { seed: 21, extents: { count: 24, bytes: 64 * KIB, everyBytes: 40 * MIB } },
} satisfies ExtentDisk;
const usualImage = imageOf(usualDisk);

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
  useLocalAzure(azure);
});

/** Captures a disk, by default the usual one into four VHDs in two accounts, under faults. */
async function capture(
  faults: readonly FaultRule[],
  disk: ExtentDisk | KnownDisk = usualDisk,
  { inputs = {}, environment = {} }: Partial<Record<'inputs' | 'environment', Strings>> = {},
): Promise<ActionRun> {
  await azure.reset(buildScenario({ vm: { osDisk: disk } }));
  await azure.setFaults(faults);
  const run = await runAction(
    azure,
    { 'data-disks': 'none', replicas: '4', ...inputs },
    { environment },
  );
  expect(run.post.exitCode).toBe(0);
  await expectNothingLeft(azure);
  expectNoSecrets(run);
  return run;
}

type Strings = Readonly<Record<string, string>>;

/** The finished VHDs by their numbers, each compared with its disk. */
async function finished(run: ActionRun, image: DiskImage = usualImage): Promise<readonly string[]> {
  const urls = (run.manifest?.disks ?? []).flatMap(({ replicas }) =>
    replicas.map(({ url }) => url),
  );
  for (const url of urls) await expectSameVhd(url, image);
  return urls.map((url) => url.slice(-8, -4));
}

async function expectAll(run: ActionRun, image = usualImage, count = 4): Promise<void> {
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  const numbers = Array.from({ length: count }, (_, index) => `os-${index + 1}`);
  expect(await finished(run, image)).toEqual(numbers);
}

/** How often the faults have struck. */
async function struck(): Promise<number> {
  return (await azure.calls()).filter(({ fault }) => fault !== undefined).length;
}

const piece = (match: FaultMatch = {}): FaultMatch => ({
  method: 'PUT',
  host: 'blob\\.core',
  path: 'comp=page$',
  ...match,
});
const pieceOf = (blob: string): FaultMatch => piece({ path: `${blob}\\.vhd\\?comp=page$` });
const fromExport = piece({ headers: { 'x-ms-copy-source': '^https://md-' } });
const answer = (status: number, code: string, headers?: Strings): FaultAction => ({
  kind: 'answer',
  status,
  code,
  message: 'Not now.',
  ...(headers !== undefined && { headers }),
});
const busy = answer(503, 'ServerBusy');
const storm = { rate: 0.3, seed: 5 };

describe('passes and every VHD is the disk', () => {
  const cases: readonly {
    readonly name: string;
    readonly faults: readonly FaultRule[];
    readonly environment?: Strings;
  }[] = [
    {
      name: 'a storm of 503 at the destinations',
      faults: [{ match: piece(), ...storm, action: busy }],
    },
    {
      name: 'a storm of 503 at the sources',
      faults: [
        { match: fromExport, ...storm, action: { kind: 'source-answer', status: 503 } },
        {
          match: piece({ headers: { 'x-ms-copy-source': '^https://images' } }),
          ...storm,
          action: { kind: 'source-answer', status: 503 },
        },
      ],
    },
    {
      name: '429 with a long Retry-After',
      faults: [
        {
          match: pieceOf('os-2'),
          nth: 3,
          times: 4,
          action: answer(429, 'TooManyRequests', { 'retry-after': '600' }),
        },
      ],
      environment: { SCALED_LIMITS: 'yes' },
    },
    {
      name: 'connections that drop before a piece is written',
      faults: [{ match: piece(), rate: 0.2, seed: 3, action: { kind: 'drop' } }],
    },
    {
      name: 'connections that drop after a piece is written',
      faults: [{ match: piece(), rate: 0.2, seed: 4, action: { kind: 'drop', afterBytes: 0 } }],
    },
    {
      name: 'pieces that are never answered',
      faults: [{ match: piece(), nth: 5, times: 3, action: { kind: 'hang' } }],
      environment: { SCALED_LIMITS: 'yes' },
    },
    {
      name: 'internal errors of the service',
      faults: [{ match: piece(), ...storm, action: answer(500, 'InternalError') }],
    },
  ];

  test.each(cases)('$name', async ({ faults, environment = {} }) => {
    await expectAllUnder(faults, environment);
  });

  async function expectAllUnder(faults: readonly FaultRule[], environment: Strings): Promise<void> {
    await expectAll(await capture(faults, usualDisk, { environment }));
    expect(await struck()).toBeGreaterThan(0);
  }

  test('a SAS that ends twice is renewed, and no piece is lost', async () => {
    const ends = [20, 90].map((nth) => ({
      match: piece(),
      nth,
      action: { kind: 'end-sas' } as const,
    }));
    const run = await capture(ends, usualDisk, { inputs: { 'max-exports': '2' } });
    await expectAll(run);
    const renewals = run.main.log.match(/Read access to snapshot ".*" is renewed for /g) ?? [];
    expect(renewals.length).toBeGreaterThanOrEqual(2);
    expect(renewals.length).toBeLessThanOrEqual(4);
  });

  test('one export whose SAS ends again and again while the other serves', async () => {
    const ends: FaultRule = {
      match: fromExport,
      times: 0,
      action: { kind: 'end-sas', resource: '/snapshots/builder-os-2-' },
    };
    const run = await capture([ends], usualDisk, { inputs: { 'max-exports': '2' } });
    await expectAll(run);
    expect(run.main.log).toMatch(/Read access to snapshot "builder-os-2-.*" is renewed for /);
    expect(run.main.log).not.toMatch(
      /Read access to snapshot "builder-os-[0-9a-f]{12}" is renewed/,
    );
  });

  test('a list of pages that times out is asked for in smaller windows', async () => {
    const disk = { ...usualDisk, sizeGiB: 100 };
    const run = await capture(
      [
        {
          match: { host: '^md-', path: 'comp=pagelist', longerThan: 8 * GIB },
          times: 0,
          action: answer(500, 'OperationTimedOut'),
        },
      ],
      disk,
      { inputs: { replicas: '1' } },
    );
    await expectAll(run, imageOf(disk), 1);
    const lists = (await azure.calls()).filter(
      ({ host, url, status }) =>
        host.startsWith('md-') && url.includes('comp=pagelist') && status === 200,
    );
    // 100 GiB in windows of 8 GiB at most; they begin small, and grow again only by and by.
    expect(lists.length).toBeGreaterThanOrEqual(13);
    expect(lists.length).toBeLessThanOrEqual(40);
  });
});

describe('fails what cannot be helped, in one line, and finishes the rest', () => {
  interface Case {
    readonly name: string;
    readonly faults: readonly FaultRule[];
    readonly finished: readonly string[];
    /** Of every VHD that failed. */
    readonly reason: RegExp;
  }
  const cases: readonly Case[] = [
    {
      name: 'a VHD whose writes are answered with 503 for ever',
      faults: [{ match: pieceOf('os-2'), times: 0, action: busy }],
      finished: ['os-1', 'os-3', 'os-4'],
      reason: /Could not write blob ".*os-2\.vhd": ServerBusy \(503\): not now\./,
    },
    {
      name: 'a VHD that vanishes',
      faults: [{ match: pieceOf('os-3'), nth: 6, action: { kind: 'vanish', what: 'blob' } }],
      finished: ['os-1', 'os-2', 'os-4'],
      reason: /Could not write blob ".*os-3\.vhd": BlobNotFound \(404\)/,
    },
    {
      name: 'a container that vanishes',
      faults: [
        {
          match: piece({ host: '^imageswe2' }),
          nth: 6,
          action: { kind: 'vanish', what: 'container' },
        },
      ],
      finished: ['os-1', 'os-3'],
      reason: /Could not write blob ".*os-[24]\.vhd": (Container|Blob)NotFound \(404\)/,
    },
    {
      name: 'an account that refuses from the middle on',
      faults: [
        {
          match: piece({ host: '^imageswe2' }),
          nth: 15,
          times: 0,
          action: answer(403, 'AuthorizationFailure'),
        },
      ],
      finished: ['os-1', 'os-3'],
      reason:
        /Could not write blob ".*os-[24]\.vhd": AuthorizationFailure \(403\): not now\. Let the runner through the firewall/,
    },
  ];

  test.each(cases)('$name', async ({ faults, finished: expected, reason }) => {
    const run = await capture(faults);
    expect(run.main.exitCode).toBe(1);
    expect(await finished(run)).toEqual(expected);
    const failed = run.manifest?.failedReplicas ?? [];
    expect(failed).toHaveLength(4 - expected.length);
    for (const replica of failed) expect(replica.reason).toMatch(reason);
    const errors = run.main.log.split('\n').filter((line) => line.startsWith('##[error]'));
    expect(errors).toHaveLength(1);
    expect((await azure.state()).blobs).toHaveLength(expected.length);
  });

  test('a snapshot that cannot be read any more fails all that still need it', async () => {
    const run = await capture(
      [
        {
          match: fromExport,
          nth: 10,
          times: 0,
          action: { kind: 'source-answer', status: 403, code: 'AuthenticationFailed' },
        },
      ],
      usualDisk,
      { inputs: { 'max-exports': '2' } },
    );
    expect(run.main.exitCode).toBe(1);
    expect(await finished(run)).toEqual([]);
    expect(run.main.log).toMatch(/##\[error\].*Could not read the export of snapshot "builder-os-/);
  });

  test('an export that is throttled for ever is given up', async () => {
    const run = await capture(
      [{ match: fromExport, times: 0, action: { kind: 'source-answer', status: 503 } }],
      usualDisk,
      { inputs: { 'max-exports': '1', replicas: '2' } },
    );
    expect(run.main.exitCode).toBe(1);
    expect(await finished(run)).toEqual([]);
    expect(run.main.log).toMatch(
      /##\[error\].*Could not read the export of snapshot "builder-os-.*": .*503/,
    );
  });
});

describe('a disk of every kind', () => {
  const disk = (sizeGiB: number, dataMiB: number): KnownDisk => ({
    name: 'builder-os',
    sizeGiB,
    content: { seed: 31, dataMiB },
  });

  test.each([
    { name: 'an empty one', known: disk(1, 0) },
    { name: 'one of 8191 GiB with little data', known: disk(8191, 8) },
  ])('$name', async ({ known }) => {
    const run = await capture([], known, { inputs: { replicas: '2' } });
    await expectAll(run, imageOf(known), 2);
  });

  // Larger ones are among the tests of `npm run test:faults`.
  test('one with a hundred thousand tiny ranges, in little memory', async () => {
    const known = {
      name: 'builder-os',
      sizeGiB: 1,
      content: { seed: 41, extents: { count: 100_000, bytes: 512, everyBytes: KIB } },
    } satisfies ExtentDisk;
    const run = await capture([], known, {
      inputs: { replicas: '1' },
      environment: { NODE_OPTIONS: `--import=${scaledClock} --max-old-space-size=256` },
    });
    expect(run.main.log).not.toContain('##[error]');
    expect(run.main.exitCode).toBe(0);
    const image = imageOf(known);
    const [vhd] = (await azure.state()).blobs;
    const bytes = await vhdClient(vhd?.url ?? '').downloadToBuffer(40 * MIB, 4 * MIB);
    expect(bytes.equals(await image.read(40 * MIB, 44 * MIB))).toBe(true);
  });
});
