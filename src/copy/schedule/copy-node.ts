import { BitSet } from './bit-set.ts';
import type { Region } from './region.ts';
import type { NodeId } from './schedule.ts';
import type { SourceKind } from './sharing.ts';

// Bound once: in the loops below a look-up of the global each time is slow in sandboxes, as tests run in.
const { max, min } = Math;

/**
 * What a write in flight counts against a read. Somewhat less than 1: where reads and writes have a budget each, a
 * replica could be read more, and where they share one, exports that are busy must not be waited for.
 */
const WRITE_WEIGHT = 0.9;
/** With so many exports for a replica they can feed all alone: the budgets of replicas are saved for their writes. */
const EXPORTS_SUFFICE = 0.85;
/** From here on a node is slow, not only unlucky. */
const SLOW = 4;
/** Requests that a replica counts for which lags behind by all pieces, and at most. */
const LAG_WEIGHT = 10;
const MOST_LAG = 8;

/** Requests in flight in one direction, and how many there may be. */
export class Slots {
  size: number;
  used = 0;
  /** How long its transfers take, against those of all nodes; 1 is usual. */
  slowness = 1;

  constructor(size: number) {
    this.size = size;
  }

  get isOpen(): boolean {
    return this.used < this.size;
  }

  /** What a queue here is worth of requests elsewhere. */
  weigh(queue: number): number {
    return this.slowness < SLOW ? queue : (queue + 1) * this.slowness;
  }
}

/** An export of the disk: it has every piece, and is only read. */
export class ExportNode {
  readonly kind = 'export';
  readonly id: NodeId;
  readonly region: Region;
  readonly reads: Slots;
  readonly sourceKind: SourceKind = 'export';
  isAlive = true;

  constructor(id: NodeId, region: Region, window: number) {
    this.id = id;
    this.region = region;
    this.reads = new Slots(window);
  }

  get used(): number {
    return this.reads.used;
  }

  /** Requests that a further read would wait for. */
  get queue(): number {
    return this.reads.weigh(this.reads.used);
  }
}

/** A destination page blob, which is read too as soon as something has landed in it. */
export class ReplicaNode {
  readonly kind = 'replica';
  readonly id: NodeId;
  readonly region: Region;
  readonly reads: Slots;
  readonly writes: Slots;
  /** What has landed. */
  readonly held: BitSet;
  /** What has neither landed nor is on its way. */
  readonly wanted: BitSet;
  isAlive = true;
  /** Exports and replicas of its own region whose edge to it is off. */
  exportsOff = 0;
  replicasOff = 0;

  constructor(id: NodeId, region: Region, pieces: number, windows: readonly [number, number]) {
    this.id = id;
    this.region = region;
    this.held = new BitSet(pieces);
    this.wanted = BitSet.full(pieces);
    this.reads = new Slots(windows[0]);
    this.writes = new Slots(windows[1]);
  }

  get isComplete(): boolean {
    return this.held.size === this.held.capacity;
  }

  get sourceKind(): SourceKind {
    return this.isComplete ? 'complete' : 'unfinished';
  }

  /** Requests in flight in both directions. */
  get used(): number {
    return this.reads.used + this.writes.used;
  }

  /**
   * Requests that a further read would wait for. Its own writes count, since reads and writes may share a budget; and
   * who lags behind its region is left alone, so that all are done at the same time.
   */
  get queue(): number {
    const { landed, replicas, exports } = this.region;
    const canExportsDo = exports.size >= EXPORTS_SUFFICE * replicas.size;
    const lag = (landed / replicas.size - this.held.size) / this.held.capacity;
    return this.reads.weigh(
      this.reads.used +
        this.writes.used * (canExportsDo ? 1 : WRITE_WEIGHT) +
        max(0, min(MOST_LAG, lag * LAG_WEIGHT)),
    );
  }
}

export type CopyNode = ExportNode | ReplicaNode;
