import { describe, expect, test } from '@jest/globals';
import { Window, type WindowOptions } from '../../src/copy/window.ts';
import { MEBIBYTE } from '../../src/units.ts';
import { seeded } from '../support/copy-simulation.ts';

/** A service that gives so many MiB a second at a time in seconds. */
interface Service {
  /** `queues` lets requests wait; `refuses` answers 503 once a second's budget is used up. */
  readonly kind: 'queues' | 'refuses';
  readonly latencyMs: number;
  readonly rate: (seconds: number) => number;
}

interface Request {
  readonly startedAt: number;
  readonly endsAt: number;
  readonly isRefused: boolean;
}

interface Outcome {
  /** MiB a second, in each whole second. */
  readonly rates: readonly number[];
  readonly sizes: readonly number[];
  readonly refusedShare: number;
}

const PIECE_BYTES = 4 * MEBIBYTE;

/** Keeps a service as busy as the window allows, for so many seconds of its own time. */
function drive(service: Service, seconds: number, options: WindowOptions = {}): Outcome {
  const window = new Window(options);
  const answer = answers(service);
  const rates = Array.from({ length: seconds }, () => 0);
  const sizes: number[] = [];
  let inFlight: Request[] = [];
  let refused = 0;
  let landed = 0;
  for (let now = 0; now < seconds * 1000;) {
    while (inFlight.length < window.size && now >= window.pausedUntil) inFlight.push(answer(now));
    const first = inFlight.reduce<Request | undefined>(
      (earliest, each) =>
        earliest !== undefined && earliest.endsAt <= each.endsAt ? earliest : each,
      undefined,
    );
    const mayStart = inFlight.length < window.size ? window.pausedUntil : Infinity;
    now = Math.min(first?.endsAt ?? Infinity, Math.max(mayStart, now));
    if (first === undefined || first.endsAt > now) continue;
    inFlight = inFlight.filter((each) => each !== first);
    if (first.isRefused) {
      refused += 1;
      window.throttled(now);
    } else {
      landed += 1;
      window.landed(PIECE_BYTES, now - first.startedAt, now);
      const second = Math.floor(now / 1000);
      rates[second] = (rates[second] ?? 0) + PIECE_BYTES / MEBIBYTE;
    }
    sizes.push(window.size);
  }
  return { rates: rates.slice(0, seconds), sizes, refusedShare: refused / (refused + landed) };
}

function answers({ kind, latencyMs, rate }: Service): (now: number) => Request {
  const random = seeded(7);
  let freeAt = 0;
  let budget = rate(0) * MEBIBYTE;
  let filledAt = 0;
  return (now) => {
    const perMs = (rate(now / 1000) * MEBIBYTE) / 1000;
    const latency = latencyMs * (1 + 0.3 * random() * (random() < 0.05 ? 5 : 1));
    if (kind === 'queues') {
      freeAt = Math.max(freeAt, now) + PIECE_BYTES / perMs;
      return { startedAt: now, endsAt: freeAt + latency, isRefused: false };
    }
    budget = Math.min(perMs * 1000, budget + (now - filledAt) * perMs);
    filledAt = now;
    const isRefused = budget < PIECE_BYTES;
    if (!isRefused) budget -= PIECE_BYTES;
    return { startedAt: now, endsAt: now + (isRefused ? 30 : latency), isRefused };
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

describe('a window settles where the service is busy', () => {
  const steady: readonly (Service & {
    readonly name: string;
    readonly of: number;
    readonly settled: number;
    readonly options?: WindowOptions;
  })[] = [
    { name: 'queue, near', kind: 'queues', latencyMs: 80, rate: () => 60, of: 60, settled: 5 },
    { name: 'queue, far', kind: 'queues', latencyMs: 400, rate: () => 60, of: 60, settled: 10 },
    {
      name: 'queue, very far',
      kind: 'queues',
      latencyMs: 1500,
      rate: () => 60,
      of: 60,
      settled: 15,
    },
    { name: 'queue, fast', kind: 'queues', latencyMs: 80, rate: () => 300, of: 300, settled: 5 },
    { name: '503, far', kind: 'refuses', latencyMs: 400, rate: () => 60, of: 60, settled: 10 },
    {
      name: '503, very far',
      kind: 'refuses',
      latencyMs: 1000,
      rate: () => 60,
      of: 60,
      settled: 30,
    },
    { name: '503, fast', kind: 'refuses', latencyMs: 150, rate: () => 200, of: 200, settled: 10 },
    {
      name: 'a whole run',
      kind: 'queues',
      latencyMs: 300,
      rate: () => 2500,
      of: 2500,
      settled: 10,
      options: { start: 32, min: 8, max: 256, patience: Infinity },
    },
  ];
  test.each(steady)('$name: at least 90 %, less than 2 % refused', (service) => {
    const { rates, refusedShare } = drive(service, 120, service.options);
    expect(mean(rates.slice(service.settled)) / service.of).toBeGreaterThanOrEqual(0.9);
    expect(refusedShare).toBeLessThan(0.02);
  });

  test('a budget that falls and rises is followed, in a queue and by 503', () => {
    const rate = (seconds: number) => (seconds < 60 ? 60 : seconds < 120 ? 30 : 90);
    for (const kind of ['queues', 'refuses'] as const) {
      const { rates, refusedShare } = drive({ kind, latencyMs: 500, rate }, 240);
      expect(mean(rates.slice(20, 60)) / 60).toBeGreaterThanOrEqual(0.9);
      expect(mean(rates.slice(80, 120)) / 30).toBeGreaterThanOrEqual(0.8);
      expect(mean(rates.slice(200, 240)) / 90).toBeGreaterThanOrEqual(0.9);
      expect(refusedShare).toBeLessThan(0.02);
    }
  });

  test('more in flight than a queue needs is not asked for', () => {
    const { sizes } = drive({ kind: 'queues', latencyMs: 10, rate: () => 60 }, 120);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(9);
  });
});

describe('pushed back', () => {
  test('shrinks once for all that were in flight together', () => {
    const window = new Window({ start: 20 });
    for (let count = 0; count < 20; count += 1) window.throttled(1000 + count);
    expect(window.size).toBe(13);
    window.throttled(10_000);
    expect(window.size).toBe(8);
  });

  test('never shrinks below its least', () => {
    const window = new Window({ min: 2 });
    for (let count = 0; count < 20; count += 1) window.throttled(count * 1_000_000);
    expect(window.size).toBe(2);
  });

  test.each([
    { name: 'half a second where nothing is said', retryAfterMs: undefined, pause: 500 },
    { name: 'as long as it says', retryAfterMs: 7000, pause: 7000 },
    { name: 'two minutes at most', retryAfterMs: 3_600_000, pause: 120_000 },
    { name: 'not at all for less than nothing', retryAfterMs: -5, pause: 0 },
  ])('pauses $name', ({ retryAfterMs, pause }) => {
    const window = new Window();
    window.throttled(1000, retryAfterMs);
    expect(window.pausedUntil).toBe(1000 + pause);
  });

  test('a shorter pause does not end a longer one', () => {
    const window = new Window();
    window.throttled(0, 60_000);
    window.throttled(1000, 100);
    expect(window.pausedUntil).toBe(60_000);
  });
});

test('a window that is not in use does not grow', () => {
  const window = new Window({ start: 4 });
  for (let count = 0; count < 1000; count += 1) window.landed(PIECE_BYTES, 100, count * 100);
  expect(window.size).toBe(4);
});

test('never grows above its most', () => {
  const { sizes } = drive({ kind: 'queues', latencyMs: 5000, rate: () => 1000 }, 120, { max: 12 });
  expect(Math.max(...sizes)).toBe(12);
});
