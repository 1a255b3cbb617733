import { BitSet } from './bit-set.ts';
import { NodeList } from './node-list.ts';
import type { ExportNode, ReplicaNode } from './copy-node.ts';

/** What the nodes of one region have in common: what they hold, and who of them can give or take. */
export class Region {
  /** Pieces that no replica here has or is getting: only these may come from another region. */
  readonly untouched: BitSet;
  /** Exports with a read to spare. */
  readonly openExports = new NodeList<ExportNode>();
  /** Replicas with something to give and a read to spare. */
  readonly openReplicas = new NodeList<ReplicaNode>();
  /** Replicas that lack pieces and have a write to spare. */
  readonly needy = new NodeList<ReplicaNode>();
  readonly exports = new Set<ExportNode>();
  readonly replicas = new Set<ReplicaNode>();
  /** Transfers on their way to replicas here. */
  inFlight = 0;
  /** Pieces that its replicas have, in all. */
  landed = 0;
  /** A replica here once had nobody left in the region to give it a piece. */
  isTorn = false;
  /** The event before which a search of the whole region is not worth while again. */
  searchAgainAt = 0;
  readonly #copies: Uint16Array;

  constructor(pieces: number) {
    this.untouched = BitSet.full(pieces);
    this.#copies = new Uint16Array(pieces);
  }

  /** Replicas here that have a piece or are getting it. */
  copies(piece: number): number {
    return this.#copies[piece] ?? 0;
  }

  gain(piece: number): void {
    this.#copies[piece] = this.copies(piece) + 1;
    this.untouched.delete(piece);
  }

  lose(piece: number): void {
    this.#copies[piece] = this.copies(piece) - 1;
    if (this.copies(piece) === 0) this.untouched.add(piece);
  }
}
