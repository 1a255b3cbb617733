import { describe, expect, test } from '@jest/globals';
import type { PutPage } from '../../src/azure/pages.ts';
import { Broadcast, PageCopyRefused } from '../../src/copy/broadcast.ts';
import type { Tally } from '../../src/copy/broadcast-node.ts';
import { crc64, formatCrc64, type Crc64 } from '../../src/copy/crc64.ts';
import { DiskExport } from '../../src/copy/disk-export.ts';
import { Gate } from '../../src/copy/gate.ts';
import { cutPieces } from '../../src/copy/pieces.ts';
import { ActionError } from '../../src/errors.ts';
import type { ByteRange } from '../../src/facts.ts';
import { Leases } from '../../src/lease.ts';
import { group } from '../support/facts.ts';
import {
  literalClock,
  literalJournal,
  literalLog,
  type LiteralLog,
} from '../support/literal-ports.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const PIECES = 12;
/** Eleven pieces of data at distances of 1 MiB, and the footer. */
const pieces = cutPieces(
  Array.from({ length: PIECES - 1 }, (_, index) => ({ offset: index * MIB, length: 4 * KIB })),
  16 * MIB + 512,
);
const BYTES = 11 * 4 * KIB + 512;
const region = 'westeurope';

/** The bytes of the disk. */
function diskBytes({ offset, length }: ByteRange): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (offset / 512 + index * 7) % 251);
}

function headerOf(crc: Crc64): Uint8Array {
  const header = new Uint8Array(8);
  new DataView(header.buffer).setBigUint64(0, crc, true);
  return header;
}

function httpError(status: number, headers: Readonly<Record<string, string>> = {}): Error {
  const response = { headers: { get: (name: string) => headers[name] } };
  return Object.assign(new Error('No.'), { statusCode: status, response });
}

const relayed = (status: number): Error =>
  httpError(status, { 'x-ms-copy-source-status-code': String(status) });

/** A Put Page From URL as the tests see it. */
interface Put extends PutPage {
  /** From 1, over all. */
  readonly number: number;
  readonly isFromExport: boolean;
}

/** What becomes of a request: it fails, or other bytes are written; undefined for what is right, now or later. */
type Luck = (put: Put) => Error | Uint8Array | undefined | Promise<undefined>;

interface Scene {
  readonly broadcast: Broadcast;
  readonly puts: readonly Put[];
  readonly log: LiteralLog;
  readonly stop: AbortController;
  readonly clock: ReturnType<typeof literalClock>;
  /** How often access was granted, by the names of the snapshots. */
  readonly grants: Readonly<Record<string, number>>;
  /** Overwrites what a blob holds. */
  spoil(url: string): void;
  open(name: string): Promise<DiskExport>;
  copy(name: string, landed?: ReadonlyMap<number, Crc64>): Promise<Tally>;
  has(name: string): boolean;
}

const urlOf = (name: string): string => `https://${name}.blob.core.windows.net/vhds/x.vhd`;

/** A broadcast over an Azure of maps, whose grants last an hour. */
function sceneOf(luck: Luck = () => undefined, renewal?: Error): Scene {
  const clock = literalClock(1_000_000);
  const log = literalLog();
  const stop = new AbortController();
  const puts: Put[] = [];
  const grants: Record<string, number> = {};
  const blobs = new Map<string, Map<number, Uint8Array>>();
  const held = (url: string): Map<number, Uint8Array> => {
    const blob = blobs.get(url) ?? new Map<number, Uint8Array>();
    blobs.set(url, blob);
    return blob;
  };
  const read = (url: string, span: ByteRange): Uint8Array =>
    url.includes('?')
      ? diskBytes(span)
      : (held(url).get(span.offset) ?? new Uint8Array(span.length));
  const pages = {
    put: async (page: PutPage): Promise<Uint8Array> => {
      await Promise.resolve();
      stop.signal.throwIfAborted();
      const put = { ...page, number: puts.length + 1, isFromExport: page.source.includes('?') };
      puts.push(put);
      const lot = await luck(put);
      if (lot instanceof Error) throw lot;
      const bytes = lot ?? read(page.source, page.span);
      held(page.destination).set(page.span.offset, bytes);
      return headerOf(crc64(bytes));
    },
    read: (url: string, span: ByteRange): Promise<Uint8Array> => Promise.resolve(read(url, span)),
  };
  const compute = {
    grantRead: (id: string): Promise<string> => {
      const name = id.split('/').at(-1) ?? '';
      grants[name] = (grants[name] ?? 0) + 1;
      if (renewal !== undefined && grants[name] > 1) return Promise.reject(renewal);
      return Promise.resolve(`https://md-${name}.blob.storage.azure.net/x?sig=${grants[name]}`);
    },
    revokeAccess: (): Promise<void> => Promise.resolve(),
    tagSnapshot: (id: string) => Promise.resolve({ id, uniqueId: 'u', tags: {} }),
  };
  const leases = new Leases(literalJournal([]), () => Promise.resolve(), log);
  const { signal } = stop;
  const rig = { pages, clock, log, signal, gate: new Gate(), random: () => 0.5 };
  const broadcast = new Broadcast(pieces, rig);
  const grantRig = { compute, leases, log, clock, signal, runKey: 'k', tags: {} };
  return {
    broadcast,
    puts,
    log,
    stop,
    clock,
    grants,
    spoil: (url) => {
      for (const [offset, bytes] of held(url))
        held(url).set(
          offset,
          bytes.map((byte) => byte ^ 1),
        );
    },
    open: (name) =>
      DiskExport.open(`${group}/providers/Microsoft.Compute/snapshots/${name}`, {
        ...grantRig,
        sasDurationInSeconds: 3600,
      }),
    copy: (name, landed = new Map()) =>
      broadcast.copy({ url: urlOf(name), region, landed, onLanded: () => undefined }),
    has: (name) =>
      Array.from({ length: pieces.count }, (_, piece) => piece).every((piece) => {
        const span = { offset: pieces.offset(piece), length: pieces.length(piece) };
        return Buffer.from(read(urlOf(name), span)).equals(diskBytes(span));
      }),
  };
}

/** The CRC-64 of the whole file, over all its bytes. */
function fileCrc(): Crc64 {
  const file = new Uint8Array(pieces.lengthBytes);
  for (let piece = 0; piece < pieces.count; piece += 1) {
    const span = { offset: pieces.offset(piece), length: pieces.length(piece) };
    file.set(diskBytes(span), span.offset);
  }
  return crc64(file);
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => {
    setImmediate(resolve, undefined);
  });
}

async function failureOf(copying: Promise<unknown>): Promise<unknown> {
  return copying.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('replicas', () => {
  test.each([
    { exports: 1, replicas: 1 },
    { exports: 1, replicas: 5 },
    { exports: 3, replicas: 3 },
    { exports: 2, replicas: 9 },
  ])('$replicas of them from $exports exports get every piece once', async (layout) => {
    const scene = sceneOf();
    for (let number = 1; number <= layout.exports; number += 1) {
      scene.broadcast.addExport(await scene.open(`s${number}`), region);
    }
    const names = Array.from({ length: layout.replicas }, (_, index) => `r${index + 1}`);
    const tallies = await Promise.all(names.map((name) => scene.copy(name)));
    expect(names.map((name) => scene.has(name))).toEqual(names.map(() => true));
    expect(scene.puts).toHaveLength(layout.replicas * PIECES);
    for (const { movedBytes, fromExports, fromReplicas, retries } of tallies) {
      expect([movedBytes, fromExports + fromReplicas, retries]).toEqual([BYTES, BYTES, 0]);
    }
    expect(formatCrc64(scene.broadcast.checksum())).toBe(formatCrc64(fileCrc()));
    const footers = scene.puts.filter(
      ({ span }) => span.offset === 16 * MIB && span.length === 512,
    );
    const sources = new Set(
      footers.filter(({ isFromExport }) => isFromExport).map(({ source }) => source),
    );
    expect([...sources]).toEqual(['https://md-s1.blob.storage.azure.net/x?sig=1']);
  });

  test('that hold something already get only the rest', async () => {
    const scene = sceneOf();
    scene.broadcast.addExport(await scene.open('s'), region);
    const span = (piece: number): ByteRange => ({
      offset: pieces.offset(piece),
      length: pieces.length(piece),
    });
    const landed = new Map([0, 3, 5].map((piece) => [piece, crc64(diskBytes(span(piece)))]));
    const tally = await scene.copy('r', landed);
    expect(scene.puts.map(({ span: { offset } }) => offset / MIB).sort((a, b) => a - b)).toEqual([
      1, 2, 4, 6, 7, 8, 9, 10, 16,
    ]);
    expect([tally.resumedBytes, tally.movedBytes]).toEqual([12 * KIB, BYTES - 12 * KIB]);
  });

  test('that hold all are done at once', async () => {
    const scene = sceneOf();
    const landed = new Map(Array.from({ length: PIECES }, (_, piece) => [piece, 1n]));
    expect(await scene.copy('r', landed)).toMatchObject({ movedBytes: 0, resumedBytes: BYTES });
  });

  test('that come later read from those that are done', async () => {
    const scene = sceneOf(({ isFromExport, number }) =>
      isFromExport && number > PIECES ? relayed(503) : undefined,
    );
    scene.broadcast.addExport(await scene.open('s'), region);
    await scene.copy('r1');
    expect(await scene.copy('r2')).toMatchObject({ fromReplicas: BYTES, fromExports: 0 });
  });

  test('are given up when the run is cancelled', async () => {
    const scene = sceneOf();
    scene.broadcast.addExport(await scene.open('s'), region);
    const copying = scene.copy('r');
    scene.stop.abort(new Error('stopped'));
    await expect(copying).rejects.toThrow('stopped');
    await expect(scene.copy('r2')).rejects.toThrow('stopped');
  });
});

describe('a piece that fails', () => {
  interface Case {
    readonly name: string;
    readonly error: Error;
    /** From 1; the requests that fail. */
    readonly strikes: (put: Put) => boolean;
  }
  const cases: readonly Case[] = [
    { name: 'with 503', error: httpError(503), strikes: ({ number }) => number % 3 === 1 },
    { name: 'without an answer', error: new Error('reset'), strikes: ({ number }) => number < 5 },
    {
      name: 'with a busy source',
      error: relayed(503),
      strikes: ({ number }) => number % 4 === 2,
    },
    {
      name: 'from a replica that cannot be read',
      error: relayed(412),
      strikes: ({ isFromExport }) => !isFromExport,
    },
    {
      name: 'from a replica, whoever is to blame',
      error: httpError(409),
      strikes: ({ isFromExport }) => !isFromExport,
    },
  ];

  test.each(cases)('$name is copied again', async ({ error, strikes }) => {
    const struck: Put[] = [];
    const scene = sceneOf((put) => {
      if (!strikes(put)) return undefined;
      struck.push(put);
      return error;
    });
    scene.broadcast.addExport(await scene.open('s'), region);
    const tallies = await Promise.all(['r1', 'r2', 'r3'].map((name) => scene.copy(name)));
    expect(['r1', 'r2', 'r3'].map((name) => scene.has(name))).toEqual([true, true, true]);
    expect(struck.length).toBeGreaterThan(0);
    expect(tallies.reduce((sum, { retries }) => sum + retries, 0)).toBe(struck.length);
    expect(scene.puts).toHaveLength(3 * PIECES + struck.length);
  });

  test('waits as long as Azure asks', async () => {
    const scene = sceneOf(({ number }) =>
      number === 1 ? httpError(429, { 'retry-after': '90' }) : undefined,
    );
    scene.broadcast.addExport(await scene.open('s'), region);
    await scene.copy('r');
    expect(scene.clock.pauses).toEqual([90_000]);
  });

  test.each([
    { name: 'refused for good', error: httpError(403), kind: ActionError, says: '(403)' },
    { name: 'not supported', error: httpError(400), kind: PageCopyRefused, says: '(400)' },
    {
      name: 'without a checksum',
      error: new ActionError('verify', 'Azure gave no checksum.'),
      kind: ActionError,
      says: 'Azure gave no checksum.',
    },
    { name: 'throttled for ever', error: httpError(503), kind: ActionError, says: '(503)' },
  ])('and is $name fails its replica only', async ({ error, kind, says }) => {
    const scene = sceneOf(({ destination }) => (destination === urlOf('bad') ? error : undefined));
    scene.broadcast.addExport(await scene.open('s'), region);
    const bad = failureOf(scene.copy('bad'));
    await Promise.all([scene.copy('r1'), scene.copy('r2')]);
    const failure = await bad;
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toContain(says);
    expect([scene.has('r1'), scene.has('r2')]).toEqual([true, true]);
  });

  test('is told only when nothing is in flight to the replica any more', async () => {
    let inFlight = 0;
    const scene = sceneOf(({ number }) => (number === 1 ? httpError(403) : undefined));
    scene.broadcast.addExport(await scene.open('s'), region);
    const bad = failureOf(scene.copy('bad')).then(() => {
      inFlight = scene.puts.length;
    });
    await bad;
    await nextTurn();
    expect(scene.puts).toHaveLength(inFlight);
  });
});

describe('an export', () => {
  const isStale = ({ source }: Put): boolean => /sig=[12]$/.test(source);

  test('whose SAS has ended twice is granted anew, once for all that met it', async () => {
    const scene = sceneOf((put) => (put.isFromExport && isStale(put) ? relayed(403) : undefined));
    scene.broadcast.addExport(await scene.open('s'), region);
    await Promise.all([scene.copy('r1'), scene.copy('r2')]);
    expect(scene.grants).toEqual({ s: 3 });
    expect([scene.has('r1'), scene.has('r2')]).toEqual([true, true]);
  });

  test('that ends soon is renewed before a piece fails', async () => {
    const scene = sceneOf();
    const source = await scene.open('s');
    await scene.clock.sleep(3500_000, scene.stop.signal);
    scene.broadcast.addExport(source, region);
    expect(await scene.copy('r')).toMatchObject({ retries: 0 });
    expect(scene.grants).toEqual({ s: 2 });
    expect(scene.puts.filter(({ source: url }) => url.endsWith('sig=1'))).toEqual([]);
  });

  test.each([
    { name: 'that gives nothing after three renewals', renewal: undefined, grants: 4 },
    { name: 'that is not granted again', renewal: httpError(404), grants: 2 },
  ])('$name is left out, and the others serve', async ({ renewal, grants }) => {
    // The good one is slow, so that the bad one is tried until it is given up.
    const scene = sceneOf(
      ({ source }) => (source.includes('md-bad') ? relayed(403) : nextTurn()),
      renewal,
    );
    scene.broadcast.addExport(await scene.open('good'), region);
    scene.broadcast.addExport(await scene.open('bad'), region);
    await Promise.all([scene.copy('r1'), scene.copy('r2')]);
    expect(scene.grants).toEqual({ good: 1, bad: grants });
    expect([scene.has('r1'), scene.has('r2')]).toEqual([true, true]);
    const warnings = scene.log.lines.filter((line) => line.startsWith('warn'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/snapshot "bad"/);
  });

  test('that was the last one fails those that still need it, with its reason', async () => {
    const scene = sceneOf(({ isFromExport, number }) =>
      isFromExport && number > 4 ? relayed(403) : undefined,
    );
    scene.broadcast.addExport(await scene.open('s'), region);
    const failures = await Promise.all(['r1', 'r2'].map((name) => failureOf(scene.copy(name))));
    for (const failure of failures) {
      expect(String(failure)).toMatch(
        /Could not copy blob ".*": Could not read the export of snapshot "s": .*\(403\)/,
      );
    }
  });

  test('that comes while the copies run serves too, and one that comes too late does no harm', async () => {
    const scene = sceneOf();
    scene.broadcast.addExport(await scene.open('s1'), region);
    const second = await scene.open('s2');
    const copying = scene.copy('r');
    scene.broadcast.addExport(second, region);
    await copying;
    expect(scene.puts.some(({ source }) => source.includes('md-s2'))).toBe(true);
    const before = scene.puts.length;
    scene.broadcast.addExport(await scene.open('s3'), region);
    expect(scene.puts).toHaveLength(before);
  });
});

describe('replicas that differ', () => {
  const wrong = new Uint8Array(4 * KIB).fill(9);

  test('what was written wrong is named, and the others stand', async () => {
    let hasStruck = false;
    const scene = sceneOf(({ destination, span }) => {
      if (destination !== urlOf('bad') || span.offset !== 3 * MIB) return undefined;
      hasStruck = true;
      return wrong;
    });
    scene.broadcast.addExport(await scene.open('s'), region);
    await scene.copy('good');
    const failure = await failureOf(scene.copy('bad'));
    expect(hasStruck).toBe(true);
    expect(String(failure)).toContain(
      `Blob "${urlOf('bad')}" differs from the snapshot in bytes ${3 * MIB} to ${3 * MIB + 4095}`,
    );
    expect(scene.broadcast.disputes.map(({ url }) => url)).toEqual([urlOf('bad')]);
    await scene.copy('later');
    expect(scene.has('later')).toBe(true);
    expect(scene.broadcast.checksum()).toBe(fileCrc());
  });

  test('one that was wrong from the start is found by the next one', async () => {
    const scene = sceneOf(({ destination, span, isFromExport }) => {
      if (!isFromExport) return relayed(412);
      return destination === urlOf('bad') && span.offset === 3 * MIB ? wrong : undefined;
    });
    scene.broadcast.addExport(await scene.open('s'), region);
    await scene.copy('bad');
    await scene.copy('good');
    expect(scene.broadcast.disputes.map(({ url }) => url)).toEqual([urlOf('bad')]);
    expect(scene.has('good')).toBe(true);
    expect(scene.broadcast.checksum()).toBe(fileCrc());
  });

  test('one that was changed after it was done is named in the place of who read from it', async () => {
    const scene = sceneOf(({ isFromExport, destination }) =>
      isFromExport && destination === urlOf('next') ? relayed(503) : undefined,
    );
    scene.broadcast.addExport(await scene.open('s'), region);
    await scene.copy('first');
    scene.spoil(urlOf('first'));
    const failure = await failureOf(scene.copy('next'));
    expect(scene.broadcast.disputes.map(({ url }) => url)).toEqual([urlOf('first')]);
    expect(String(failure)).not.toContain('differs');
  });

  test('what an earlier run recorded otherwise is named', async () => {
    const scene = sceneOf();
    scene.broadcast.addExport(await scene.open('s'), region);
    await scene.copy('good');
    const failure = await failureOf(scene.copy('resumed', new Map([[0, 1n]])));
    expect(String(failure)).toContain(`Blob "${urlOf('resumed')}" differs from the snapshot`);
  });
});
