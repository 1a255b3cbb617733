import { Board } from './board.ts';
import type { ReplicaNode } from './copy-node.ts';
import { Offers } from './offers.ts';
import type { Region } from './region.ts';

// Bound once: in the loops below a look-up of the global each time is slow in sandboxes, as tests run in.
const { max, min } = Math;

/** A source or a destination. */
export type NodeId = number;

/** One request: a piece from a source to a replica. */
export interface Transfer {
  readonly piece: number;
  readonly from: NodeId;
  readonly to: NodeId;
}

export interface ScheduleOptions {
  readonly pieces: number;
  /** A piece that only the first export and replicas that have it give (the VHD footer: exports may differ in it). */
  readonly pinned?: number;
  /** From 0 up to 1, as Math.random. */
  readonly random: () => number;
}

/** Of so many destinations in turn those with the least in flight are tried, and so many of them. */
const ROW = 4;
const BEST = 2;
/** Destinations that are looked at in one decision, at least and (when little is in flight) at most. */
const TRIES = { least: 2, most: 64, inAll: 256 };

/**
 * Decides which piece goes next from which source to which replica, so that no blob is idle: every piece that
 * has landed makes its replica a source. Knows neither time nor rates, only the windows of its nodes.
 */
export class Schedule {
  readonly #board: Board;
  readonly #offers: Offers;
  /** The few replicas that are brought to their end first, once unfinished ones cannot be read. */
  #front: readonly ReplicaNode[] = [];
  #limit = Infinity;
  #turn = 0;
  #events = 0;

  constructor({ pieces, pinned, random }: ScheduleOptions) {
    this.#board = new Board(pieces, pinned);
    this.#offers = new Offers(this.#board, random);
  }

  /** Requests in flight, those of removed nodes too. */
  get inFlight(): number {
    return this.#board.inFlight;
  }

  /** Words of its bit sets that decisions have looked at: what they cost, without a clock. */
  get steps(): number {
    return this.#offers.steps.taken;
  }

  /** Words of 32 bits that its bit sets take: two bits for a piece and a replica, and one for a piece and a region. */
  get words(): number {
    return this.#board.words;
  }

  addExport(node: { readonly region: string; readonly window: number }): NodeId {
    // With one more source, one more replica can be brought to its end.
    this.#front = [];
    return this.#board.addExport(node.region, node.window);
  }

  addReplica(node: {
    readonly region: string;
    readonly readWindow: number;
    readonly writeWindow: number;
    readonly landed?: Iterable<number>;
  }): NodeId {
    const windows = [node.readWindow, node.writeWindow] as const;
    return this.#board.addReplica(node.region, windows, node.landed ?? []).id;
  }

  /** Requests in flight at most; 0 pauses. */
  setWindow(id: NodeId, direction: 'read' | 'write', size: number): void {
    const node = this.#board.node(id);
    if (direction === 'read') node.reads.size = size;
    else if (node.kind === 'replica') node.writes.size = size;
    this.#board.refresh(node);
  }

  /** Requests in flight in all, at most. */
  setLimit(total: number): void {
    this.#limit = total;
  }

  /** Decides one transfer and counts it as in flight; undefined when there is none before the next event. */
  next(): Transfer | undefined {
    const { inFlight, needy, openExports, openReplicas } = this.#board;
    if (inFlight >= this.#limit || needy.length === 0) return undefined;
    if (openExports.length + openReplicas.length === 0) return undefined;
    return (this.#board.isConcentrated ? this.#toFront() : this.#toAny()) ?? this.#searched();
  }

  landed(transfer: Transfer): void {
    this.#events += 1;
    this.#board.landed(transfer);
  }

  /** The piece is tried again, from anywhere. */
  failed(transfer: Transfer): void {
    this.#events += 1;
    this.#board.failed(transfer);
  }

  /** The edge is turned off for good (both nodes stay), and the piece is tried again from elsewhere. */
  refused(transfer: Transfer): void {
    this.#events += 1;
    this.#board.refused(transfer);
  }

  /** Leaves a node out from now on. Its transfers in flight are still to be ended. */
  remove(id: NodeId): void {
    this.#events += 1;
    this.#board.remove(this.#board.node(id));
  }

  isComplete(id: NodeId): boolean {
    return this.landedCount(id) === this.#board.pieces;
  }

  /** Pieces that a node has. */
  landedCount(id: NodeId): number {
    const node = this.#board.node(id);
    return node.kind === 'export' ? this.#board.pieces : node.held.size;
  }

  /** Whether a piece has landed in a replica; an export has all. */
  has(id: NodeId, piece: number): boolean {
    const node = this.#board.node(id);
    return node.kind === 'export' || node.held.has(piece);
  }

  /**
   * Replicas that lack pieces for which no source is left. Empty as long as anything is in flight or any replica
   * still has a source, even one that is paused: what lands there may help the others.
   */
  starved(): readonly NodeId[] {
    if (this.inFlight > 0) return [];
    const lacking = this.#board.nodes
      .filter((node) => node.kind === 'replica')
      .filter((node) => node.isAlive && !node.isComplete);
    if (lacking.some((node) => this.#offers.hasSource(node))) return [];
    return lacking.map((node) => node.id);
  }

  /** To whoever has a write to spare, in turn; of neighbours the one with the least in flight first. */
  #toAny(): Transfer | undefined {
    const { needy, inFlight } = this.#board;
    const tries = max(TRIES.least, min(TRIES.most, TRIES.inAll / (inFlight + 1)));
    for (let count = 0; count < min(tries, needy.length); count += BEST) {
      for (const to of this.#row(min(ROW, needy.length - count)).slice(0, BEST)) {
        const transfer = this.#sampled(to);
        if (transfer !== undefined) return transfer;
      }
    }
    return undefined;
  }

  #row(length: number): readonly ReplicaNode[] {
    const row: ReplicaNode[] = [];
    for (let place = 0; place < length; place += 1) {
      this.#turn += 1;
      const to = this.#board.needy.at(this.#turn);
      if (to !== undefined) row.push(to);
    }
    return row.sort(
      (left, right) => left.writes.used - right.writes.used || left.held.size - right.held.size,
    );
  }

  /** To the most advanced replicas, one more than there are sources, so that they soon are sources too. */
  #toFront(): Transfer | undefined {
    if (this.#front.length === 0) this.#gatherFront();
    for (let count = min(TRIES.most, this.#front.length + 1); count > 0; count -= 1) {
      this.#turn += 1;
      const to = this.#front[this.#turn % this.#front.length];
      if (to === undefined || !to.isAlive || to.isComplete) {
        this.#gatherFront();
        continue;
      }
      const transfer = to.writes.isOpen ? this.#sampled(to) : undefined;
      if (transfer !== undefined) return transfer;
    }
    return undefined;
  }

  #gatherFront(): void {
    this.#front = [...this.#board.regions].flatMap((region) => this.#frontOf(region));
  }

  #frontOf(region: Region): readonly ReplicaNode[] {
    const replicas = [...region.replicas];
    const complete = replicas.filter((node) => node.isComplete);
    const canShare = this.#board.sharing.allows('complete');
    const sources = region.exports.size + (canShare ? complete.length : 0);
    const lead = sources === 0 ? this.#offers.leadOf(region) : undefined;
    if (lead !== undefined) return [lead];
    return replicas
      .filter((node) => !node.isComplete)
      .sort((left, right) => right.held.size - left.held.size)
      .slice(0, sources + 1);
  }

  #sampled(to: ReplicaNode): Transfer | undefined {
    const offer = this.#offers.sampled(to);
    return offer === undefined ? undefined : this.#board.start(offer.from, to, offer.piece);
  }

  /** Looks everywhere, in regions that nothing is on its way to, and not often while others are busy. */
  #searched(): Transfer | undefined {
    for (const region of this.#board.regions) {
      if (region.inFlight > 0) continue;
      if (this.inFlight > 0 && this.#events < region.searchAgainAt) continue;
      region.searchAgainAt = this.#events + this.#board.nodes.length * region.replicas.size;
      for (const to of region.replicas) {
        if (!this.#board.needy.has(to)) continue;
        const offer = this.#offers.searched(to);
        if (offer !== undefined) return this.#board.start(offer.from, to, offer.piece);
      }
    }
    return undefined;
  }
}
