import { formatBytes, formatCount, formatRate, formatSeconds } from '../units.ts';
import type { Traffic } from './outcome.ts';

/** How far all copies are. */
export interface ProgressSummary {
  /** 100 only when nothing is left to move. */
  readonly percent: number;
  readonly movedBytes: number;
  readonly totalBytes: number;
  readonly elapsedSeconds: number;
  /** Over the last half minute, so that a stall shows; over the whole time when all have ended. */
  readonly bytesPerSecond: number;
  /** At that rate; undefined when nothing moves, or nothing is left to move. */
  readonly secondsLeft: number | undefined;
  /** Every replica is done or has failed. */
  readonly isOver: boolean;
  readonly done: number;
  readonly failed: number;
  readonly copies: number;
  readonly piecesInFlight: number;
}

interface Replica {
  movedBytes: number;
  totalBytes: number;
  state: 'open' | 'done' | 'failed';
  /** When it was last heard of, in milliseconds since 1970. */
  heardAt: number;
}

/**
 * Keeps how far every replica is, how fast the bytes move, and how fast they did. Knows no clock: every `now` is in
 * milliseconds since 1970. A call costs the same with one replica and with thousands.
 */
export class ProgressBook {
  readonly #replicas = new Map<string, Replica>();
  readonly #window: RateWindow;
  readonly #history: History;
  readonly #startedAt: number;
  #movedBytes = 0;
  #totalBytes = 0;
  #done = 0;
  #failed = 0;
  #piecesInFlight = 0;

  constructor(now: number) {
    this.#window = new RateWindow(now);
    this.#history = new History(now);
    this.#startedAt = now;
  }

  /** A replica, known by its URL, begins: so many bytes are to be moved. One that is known already begins anew. */
  expect(url: string, bytes: number, now: number): void {
    const known = this.#replicas.get(url);
    if (known !== undefined) this.#count(known, -1);
    const replica: Replica = { movedBytes: 0, totalBytes: bytes, state: 'open', heardAt: now };
    this.#replicas.set(url, replica);
    this.#count(replica, 1);
  }

  /** A piece has landed. What lands twice, or after the end of its replica, only counts for the rate. */
  moved(url: string, bytes: number, now: number): void {
    this.#advance(url, bytes, now, now);
  }

  /** A Copy Blob says how far it is, in bytes of the blob: the replica is as far in the bytes expected of it. */
  reached(url: string, copiedBytes: number, ofBytes: number, now: number): void {
    const replica = this.#replicas.get(url);
    if (replica?.state !== 'open' || ofBytes <= 0) return;
    const reached = Math.floor((replica.totalBytes * Math.min(copiedBytes, ofBytes)) / ofBytes);
    const bytes = reached - replica.movedBytes;
    if (bytes > 0) this.#advance(url, bytes, replica.heardAt, now);
    replica.heardAt = now;
  }

  /** A replica is whole. */
  done(url: string): void {
    this.#end(url, 'done');
  }

  /** A replica has failed: what it lacks is not waited for. */
  failed(url: string): void {
    this.#end(url, 'failed');
  }

  /** How many pieces are under way now. */
  inFlight(pieces: number): void {
    this.#piecesInFlight = pieces;
  }

  summary(now: number): ProgressSummary {
    const copies = this.#replicas.size;
    const isOver = copies > 0 && this.#done + this.#failed === copies;
    const bytesPerSecond = isOver ? this.#window.mean(now) : this.#window.rate(now);
    const left = this.#totalBytes - this.#movedBytes;
    const percent = Math.floor((100 * this.#movedBytes) / Math.max(1, this.#totalBytes));
    return {
      percent: left > 0 ? Math.min(99, percent) : isOver || percent > 0 ? 100 : 0,
      movedBytes: this.#movedBytes,
      totalBytes: this.#totalBytes,
      elapsedSeconds: Math.max(0, now - this.#startedAt) / 1000,
      bytesPerSecond,
      secondsLeft: bytesPerSecond > 0 && left > 0 ? left / bytesPerSecond : undefined,
      isOver,
      done: this.#done,
      failed: this.#failed,
      copies,
      piecesInFlight: this.#piecesInFlight,
    };
  }

  /** Bytes a second from the start until now, for `Traffic`. */
  samples(now: number): Traffic['samples'] {
    return this.#history.samples(now);
  }

  #advance(url: string, bytes: number, from: number, now: number): void {
    this.#window.add(bytes, now);
    this.#history.add(bytes, from, now);
    const replica = this.#replicas.get(url);
    if (replica?.state !== 'open') return;
    const step = Math.min(bytes, replica.totalBytes - replica.movedBytes);
    replica.movedBytes += step;
    replica.heardAt = now;
    this.#movedBytes += step;
  }

  #end(url: string, state: 'done' | 'failed'): void {
    const replica = this.#replicas.get(url);
    if (replica?.state !== 'open') return;
    this.#count(replica, -1);
    replica.state = state;
    if (state === 'done') replica.movedBytes = replica.totalBytes;
    else replica.totalBytes = replica.movedBytes;
    this.#count(replica, 1);
  }

  /** Adds a replica to the sums, or takes it out. */
  #count(replica: Replica, sign: 1 | -1): void {
    this.#movedBytes += sign * replica.movedBytes;
    this.#totalBytes += sign * replica.totalBytes;
    if (replica.state === 'done') this.#done += sign;
    if (replica.state === 'failed') this.#failed += sign;
  }
}

/**
 * `43 % (3.4 GiB of 8.0 GiB), 60 MiB/s, 1 min 20 s left, 2 of 5 VHDs done, 24 pieces in flight`, and at the end
 * `100 % (8.0 GiB of 8.0 GiB) in 2 min 16 s, 60 MiB/s, 5 of 5 VHDs done`.
 */
export function renderProgress(progress: ProgressSummary): string {
  const { secondsLeft, isOver, done, failed, copies, piecesInFlight } = progress;
  const took = isOver ? ` in ${formatSeconds(progress.elapsedSeconds)}` : '';
  return [
    `${progress.percent} % (${formatBytes(progress.movedBytes)} of ${formatBytes(progress.totalBytes)})${took}`,
    formatRate(progress.bytesPerSecond),
    ...(secondsLeft === undefined ? [] : [`${formatSeconds(secondsLeft)} left`]),
    `${done} of ${copies} VHDs done`,
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(isOver ? [] : [`${formatCount(piecesInFlight, 'piece')} in flight`]),
  ].join(', ');
}

const WINDOW_MS = 30_000;
const MARK_MS = 1_000;

/** The bytes of the last half minute: a mark a second says how many had moved by then. */
class RateWindow {
  readonly #startedAt: number;
  /** The first is the last one before the window, or the start. */
  readonly #marks: { readonly openedAt: number; at: number; bytes: number }[];
  #bytes = 0;

  constructor(now: number) {
    this.#startedAt = now;
    this.#marks = [{ openedAt: -Infinity, at: now, bytes: 0 }];
  }

  add(bytes: number, now: number): void {
    this.#bytes += bytes;
    const last = this.#marks.at(-1);
    if (last !== undefined && now - last.openedAt < MARK_MS) {
      last.at = now;
      last.bytes = this.#bytes;
    } else {
      this.#marks.push({ openedAt: now, at: now, bytes: this.#bytes });
    }
    while ((this.#marks[1]?.at ?? Infinity) <= now - WINDOW_MS) this.#marks.shift();
  }

  rate(now: number): number {
    const from = Math.max(this.#startedAt, now - WINDOW_MS);
    const before = this.#marks.findLast(({ at }) => at <= from)?.bytes ?? 0;
    return now > from ? ((this.#bytes - before) * 1000) / (now - from) : 0;
  }

  mean(now: number): number {
    return now > this.#startedAt ? (this.#bytes * 1000) / (now - this.#startedAt) : 0;
  }
}

const MAX_SLOTS = 60;

/** Bytes by time, in at most 60 equal slots: when they do not last, every two neighbours become one. */
class History {
  readonly #startedAt: number;
  #slots: number[] = [];
  #slotMs = 1_000;

  constructor(now: number) {
    this.#startedAt = now;
  }

  /** Counts bytes that moved evenly in this time. */
  add(bytes: number, from: number, to: number): void {
    const end = Math.max(0, to - this.#startedAt);
    const begin = Math.min(Math.max(0, from - this.#startedAt), end);
    const last = this.#slotOf(end);
    if (begin === end) {
      this.#slots[last] = (this.#slots[last] ?? 0) + bytes;
      return;
    }
    for (let slot = Math.floor(begin / this.#slotMs); slot <= last; slot += 1) {
      const inside =
        Math.min(end, (slot + 1) * this.#slotMs) - Math.max(begin, slot * this.#slotMs);
      this.#slots[slot] = (this.#slots[slot] ?? 0) + (bytes * inside) / (end - begin);
    }
  }

  samples(now: number): Traffic['samples'] {
    const elapsed = Math.max(0, now - this.#startedAt);
    const last = this.#slotOf(elapsed);
    const ends = Array.from({ length: last + 1 }, (_, slot) =>
      Math.min(elapsed, (slot + 1) * this.#slotMs),
    );
    // A short rest of a slot says too little of a rate: it goes with its neighbour.
    if (last > 0 && elapsed - last * this.#slotMs < this.#slotMs / 2) ends.splice(last - 1, 1);
    return ends.flatMap((end, index) => {
      const begin = ends[index - 1] ?? 0;
      if (end === begin) return [];
      const slots = this.#slots.slice(begin / this.#slotMs, Math.ceil(end / this.#slotMs));
      const bytes = slots.reduce((sum, inSlot) => sum + inSlot, 0);
      return [{ seconds: end / 1000, bytesPerSecond: Math.round((bytes * 1000) / (end - begin)) }];
    });
  }

  /** The slot that ends at this time or has it inside; makes the slots wide enough to have one. */
  #slotOf(elapsed: number): number {
    while (elapsed > MAX_SLOTS * this.#slotMs) {
      this.#slots = Array.from(
        { length: Math.ceil(this.#slots.length / 2) },
        (_, slot) => (this.#slots[2 * slot] ?? 0) + (this.#slots[2 * slot + 1] ?? 0),
      );
      this.#slotMs *= 2;
    }
    const slot = Math.max(0, Math.ceil(elapsed / this.#slotMs) - 1);
    for (let missing = this.#slots.length; missing <= slot; missing += 1) this.#slots.push(0);
    return slot;
  }
}
