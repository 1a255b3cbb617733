import type { BitSet } from './bit-set.ts';
import type { Board } from './board.ts';
import type { CopyNode, ExportNode, ReplicaNode } from './copy-node.ts';
import type { NodeList } from './node-list.ts';
import type { Region } from './region.ts';
import { Steps } from './steps.ts';

// Bound once: in the loops below a look-up of the global each time is slow in sandboxes, as tests run in.
const { floor, min } = Math;

/** A piece that a source may give. */
export interface Offer {
  readonly from: CopyNode;
  readonly piece: number;
}

/** Sources that are looked at together; the least loaded of them comes first. */
const SAMPLE = 4;
/** An export with so many reads in flight has enough to do. */
const BUSY = 4;
/** Candidates of which the rarest piece is taken. */
const CANDIDATES = 4;
/** Words that may be looked at for one source. */
const WORDS = 64;

/** Finds out who can give what to a replica, by a few tries however many nodes and pieces there are. */
export class Offers {
  readonly steps = new Steps();
  readonly #board: Board;
  readonly #random: () => number;
  readonly #leads = new Map<Region, ReplicaNode>();

  constructor(board: Board, random: () => number) {
    this.#board = board;
    this.#random = random;
  }

  /** An offer to a replica from a few sources picked at random, the least busy first. */
  sampled(to: ReplicaNode): Offer | undefined {
    const { openExports, openReplicas, exports } = to.region;
    if (exports.size <= to.exportsOff) {
      return this.#across(to) ?? this.#leastBusy(to, this.#pick(openReplicas));
    }
    const sources = [...this.#pick(openExports), ...this.#pick(openReplicas)];
    return (
      this.#leastBusy(to, sources) ??
      this.#leastBusy(to, this.#pick(openReplicas)) ??
      this.#across(to)
    );
  }

  /** An offer to a replica from any source, looked for until one is found. */
  searched(to: ReplicaNode): Offer | undefined {
    for (const from of this.#board.nodes) {
      const offer = from.reads.isOpen ? this.#offer(from, to, Infinity) : undefined;
      if (offer !== undefined) return offer;
    }
    const torn = this.#torn(to, (from) => from.reads.isOpen);
    if (torn !== undefined) to.region.isTorn = true;
    return torn;
  }

  /** Whether any source could ever give something to a replica, now that nothing is in flight. */
  hasSource(to: ReplicaNode): boolean {
    return (
      this.#board.nodes.some((from) => this.#offer(from, to, Infinity) !== undefined) ||
      this.#torn(to, () => true) !== undefined
    );
  }

  /** Offers from other regions. */
  #across(to: ReplicaNode): Offer | undefined {
    const { openExports, openReplicas } = this.#board;
    if (to.region.isTorn) {
      const offer = this.#tornSample(to);
      if (offer !== undefined) return offer;
    }
    if (this.#crossing(to) === undefined) return undefined;
    const exports = this.#pick(openExports).filter((source) => !isNeededAtHome(source));
    return (
      this.#leastBusy(to, [...exports, ...this.#pick(openReplicas)]) ??
      this.#leastBusy(to, this.#pick(openReplicas))
    );
  }

  /** What may come to a replica from other regions, or undefined when nothing may. */
  #crossing(to: ReplicaNode): BitSet | undefined {
    const { region } = to;
    if (this.#board.isExiled(to)) return to.wanted;
    if (region.exports.size > 0) return undefined;
    if (this.#board.isConcentrated) {
      return this.leadOf(region) === to ? to.wanted : undefined;
    }
    return region.untouched.size > 0 ? region.untouched : undefined;
  }

  /** The one replica that pieces come to from other regions, while unfinished ones cannot be read. */
  leadOf(region: Region): ReplicaNode | undefined {
    const known = this.#leads.get(region);
    if (known?.isAlive === true && !known.isComplete) return known;
    this.#leads.delete(region);
    let lead: ReplicaNode | undefined;
    for (const replica of region.replicas) {
      if (replica.isComplete) return undefined;
      if (lead === undefined || replica.held.size > lead.held.size) lead = replica;
    }
    if (lead !== undefined) this.#leads.set(region, lead);
    return lead;
  }

  /** A few neighbours from a random place on. */
  #pick<T extends CopyNode>(list: NodeList<T>): T[] {
    const start = floor(this.#random() * list.length);
    const picked: T[] = [];
    for (let count = 0; count < min(SAMPLE, list.length); count += 1) {
      const node = list.at(start + count);
      if (node !== undefined) picked.push(node);
    }
    return picked;
  }

  #leastBusy(to: ReplicaNode, sources: CopyNode[]): Offer | undefined {
    sources.sort((left, right) => left.queue - right.queue);
    for (const from of sources) {
      const offer = this.#offer(from, to, WORDS);
      if (offer !== undefined) return offer;
    }
    return undefined;
  }

  /** What a source may give to a replica. */
  #offer(from: CopyNode, to: ReplicaNode, words: number): Offer | undefined {
    const { sharing } = this.#board;
    if (!from.isAlive || from === to || !sharing.allows(from.sourceKind)) return undefined;
    if (sharing.isOff(from.id, to.id, from.sourceKind)) return undefined;
    this.steps.allow(words);
    const piece = from.region === to.region ? this.#inside(from, to) : this.#outside(from, to);
    return piece === undefined ? undefined : { from, piece };
  }

  #inside(from: CopyNode, to: ReplicaNode): number | undefined {
    if (from.kind === 'replica') return this.#rarest(from, from.held, to);
    return this.#first(from, to.region.untouched, to.wanted) ?? this.#rarest(from, to.wanted, to);
  }

  #outside(from: CopyNode, to: ReplicaNode): number | undefined {
    const crossing = this.#crossing(to);
    if (crossing === undefined) return undefined;
    const held = from.kind === 'replica' ? from.held : crossing;
    if (crossing === to.wanted) return this.#rarest(from, held, to);
    return this.#first(from, crossing, held);
  }

  /** The first piece of two sets that a source may give. */
  #first(from: CopyNode, left: BitSet, right: BitSet): number | undefined {
    let piece = left.meet(right, 0, this.steps);
    while (piece !== undefined && !this.#board.mayGive(from, piece)) {
      piece = left.meet(right, piece + 1, this.steps);
    }
    return piece;
  }

  /** The rarest of a few pieces, from a random place on, that a source has and a replica wants. */
  #rarest(from: CopyNode, held: BitSet, to: ReplicaNode): number | undefined {
    let rarest: number | undefined;
    let place = floor(this.#random() * this.#board.pieces);
    let isRound = place === 0;
    for (let candidates = 0; candidates < CANDIDATES;) {
      const piece = held.meet(to.wanted, place, this.steps);
      if (piece === undefined && (isRound || rarest !== undefined)) return rarest;
      if (piece === undefined) {
        isRound = true;
        place = 0;
        continue;
      }
      place = piece + 1;
      if (!this.#board.mayGive(from, piece)) continue;
      candidates += 1;
      if (rarest === undefined || to.region.copies(piece) < to.region.copies(rarest)) {
        rarest = piece;
      }
    }
    return rarest;
  }

  /** A few wanted pieces that nobody in a torn region can give. */
  #tornSample(to: ReplicaNode): Offer | undefined {
    this.steps.allow(WORDS);
    const piece = to.wanted.meet(to.wanted, floor(this.#random() * this.#board.pieces), this.steps);
    if (piece === undefined) return undefined;
    return this.#tornPiece(to, piece, (from) => from.reads.isOpen);
  }

  #torn(to: ReplicaNode, isOpen: (from: CopyNode) => boolean): Offer | undefined {
    this.steps.allow(Infinity);
    let piece = to.wanted.meet(to.wanted, 0, this.steps);
    while (piece !== undefined) {
      const offer = this.#tornPiece(to, piece, isOpen);
      if (offer !== undefined) return offer;
      piece = to.wanted.meet(to.wanted, piece + 1, this.steps);
    }
    return undefined;
  }

  /** A piece from another region, when nobody in the replica's own has it and may give it to the replica. */
  #tornPiece(
    to: ReplicaNode,
    piece: number,
    isOpen: (from: CopyNode) => boolean,
  ): Offer | undefined {
    const lead = this.#board.isConcentrated ? this.leadOf(to.region) : undefined;
    if (lead !== undefined && lead !== to) return undefined;
    if (this.#canComeFromInside(to, piece)) return undefined;
    const from = this.#board.nodes.find(
      (node) => node.region !== to.region && isOpen(node) && this.#mightGive(node, to, piece),
    );
    return from === undefined ? undefined : { from, piece };
  }

  #canComeFromInside(to: ReplicaNode, piece: number): boolean {
    for (const node of to.region.exports) {
      if (this.#mightGive(node, to, piece)) return true;
    }
    for (const node of to.region.replicas) {
      if (node !== to && !node.wanted.has(piece) && this.#isEdge(node, to)) return true;
    }
    return false;
  }

  #mightGive(from: CopyNode, to: ReplicaNode, piece: number): boolean {
    const has = from.kind === 'export' || from.held.has(piece);
    return has && this.#isEdge(from, to) && this.#board.mayGive(from, piece);
  }

  #isEdge(from: CopyNode, to: ReplicaNode): boolean {
    const { sharing } = this.#board;
    return (
      from.isAlive &&
      from !== to &&
      sharing.allows(from.sourceKind) &&
      !sharing.isOff(from.id, to.id, from.sourceKind)
    );
  }
}

/** Whether an export still has pieces that nobody in its own region has: other regions take them from replicas then. */
function isNeededAtHome({ region, reads }: ExportNode): boolean {
  return region.untouched.size > 0 && (region.needy.length > 0 || reads.used >= BUSY);
}
