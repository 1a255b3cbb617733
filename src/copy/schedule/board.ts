import { type CopyNode, ExportNode, ReplicaNode } from './copy-node.ts';
import { NodeList } from './node-list.ts';
import { Pace, type PaceStart } from './pace.ts';
import { Region } from './region.ts';
import type { NodeId, Transfer } from './schedule.ts';
import { Sharing, type SourceKind } from './sharing.ts';

interface Running {
  /** What its source was when it was decided. */
  readonly kind: SourceKind;
  readonly start: PaceStart;
}

/** Who has what, what is in flight, and who can give or take: the state that decisions are made on. */
export class Board {
  readonly pieces: number;
  readonly sharing = new Sharing();
  /** Exports of all regions with a read to spare. */
  readonly openExports = new NodeList<ExportNode>();
  /** Replicas of all regions with something to give and a read to spare. */
  readonly openReplicas = new NodeList<ReplicaNode>();
  /** Replicas that lack pieces and have a write to spare. */
  readonly needy = new NodeList<ReplicaNode>();
  readonly #pinned: number | undefined;
  readonly #nodes: CopyNode[] = [];
  readonly #regions = new Map<string, Region>();
  readonly #running = new Map<number, Running>();
  readonly #pace = new Pace();
  #giver: ExportNode | undefined;

  constructor(pieces: number, pinned: number | undefined) {
    this.pieces = pieces;
    this.#pinned = pinned;
  }

  get words(): number {
    let words = 0;
    for (const { untouched, replicas } of this.#regions.values()) {
      words += untouched.words;
      for (const { held, wanted } of replicas) words += held.words + wanted.words;
    }
    return words;
  }

  get regions(): Iterable<Region> {
    return this.#regions.values();
  }

  get nodes(): readonly CopyNode[] {
    return this.#nodes;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** The node of an id. Throws when there is none. */
  node(id: NodeId): CopyNode {
    const node = this.#nodes[id];
    if (node === undefined) throw new Error(`Node ${id} was never added to the schedule.`);
    return node;
  }

  addExport(region: string, window: number): NodeId {
    const node = new ExportNode(this.#nodes.length, this.#region(region), window);
    this.#nodes.push(node);
    node.region.exports.add(node);
    this.refresh(node);
    return node.id;
  }

  addReplica(
    region: string,
    windows: readonly [number, number],
    landed: Iterable<number>,
  ): ReplicaNode {
    const node = new ReplicaNode(this.#nodes.length, this.#region(region), this.pieces, windows);
    this.#nodes.push(node);
    node.region.replicas.add(node);
    for (const piece of landed) {
      if (node.held.has(piece)) continue;
      node.held.add(piece);
      node.region.landed += 1;
      node.wanted.delete(piece);
      node.region.gain(piece);
    }
    this.refresh(node);
    return node;
  }

  /** A node that is gone neither gives nor takes; what is in flight to it or from it still ends. */
  remove(node: CopyNode): void {
    if (!node.isAlive) return;
    node.isAlive = false;
    if (node.kind === 'export') {
      node.region.exports.delete(node);
    } else {
      node.region.replicas.delete(node);
      node.region.landed -= node.held.size;
      for (let piece = 0; piece < this.pieces; piece += 1) {
        if (!node.wanted.has(piece)) node.region.lose(piece);
      }
    }
    for (const other of node.region.replicas) {
      if (this.sharing.isOffForGood(node.id, other.id)) count(node, other, -1);
    }
    this.refresh(node);
  }

  start(from: CopyNode, to: ReplicaNode, piece: number): Transfer {
    const kind = from.sourceKind;
    this.#running.set(this.#key(to, piece), { kind, start: this.#pace.start(from.used) });
    from.reads.used += 1;
    to.writes.used += 1;
    to.wanted.delete(piece);
    to.region.gain(piece);
    to.region.inFlight += 1;
    this.refresh(from);
    this.refresh(to);
    return { piece, from: from.id, to: to.id };
  }

  landed(transfer: Transfer): void {
    const { from, to, kind, start } = this.#end(transfer);
    this.#pace.landed(start, from.reads, to.writes);
    this.#learn(() => {
      this.sharing.worked(kind);
    });
    if (to.isAlive) {
      to.held.add(transfer.piece);
      to.region.landed += 1;
    }
    this.refresh(from);
    this.refresh(to);
  }

  failed(transfer: Transfer): void {
    const { from, to } = this.#end(transfer);
    if (to.isAlive) {
      to.wanted.add(transfer.piece);
      to.region.lose(transfer.piece);
    }
    this.refresh(from);
    this.refresh(to);
  }

  refused(transfer: Transfer): void {
    const from = this.node(transfer.from);
    const to = this.#replica(transfer.to);
    const kind = this.#running.get(this.#key(to, transfer.piece))?.kind ?? from.sourceKind;
    this.failed(transfer);
    const wasOff = this.sharing.isOffForGood(from.id, to.id);
    this.#learn(() => {
      this.sharing.refused(kind, from.id, to.id);
    });
    const isOff = this.sharing.isOffForGood(from.id, to.id);
    if (isOff && !wasOff && from.isAlive && from.region === to.region) count(from, to, 1);
  }

  /** Whether a source may give a piece that it has: the pinned one comes from one export only. */
  mayGive(source: CopyNode, piece: number): boolean {
    return piece !== this.#pinned || source.kind === 'replica' || source === this.#pinnedGiver();
  }

  /** Whether reading of unfinished replicas is given up. */
  get isConcentrated(): boolean {
    return !this.sharing.allows('unfinished');
  }

  /** Whether nobody in its own region can ever give to a replica. */
  isExiled({ region, exportsOff, replicasOff }: ReplicaNode): boolean {
    if (region.exports.size > exportsOff) return false;
    const canShare = this.sharing.allows('complete') || this.sharing.allows('unfinished');
    return !canShare || region.replicas.size - 1 <= replicasOff;
  }

  /** Puts a node on the lists where it belongs after any change to it. */
  refresh(node: CopyNode): void {
    const canGive = node.isAlive && node.reads.isOpen;
    if (node.kind === 'export') {
      node.region.openExports.set(node, canGive);
      this.openExports.set(node, canGive);
      return;
    }
    const isSource = canGive && node.held.size > 0 && this.sharing.allows(node.sourceKind);
    node.region.openReplicas.set(node, isSource);
    this.openReplicas.set(node, isSource);
    const isNeedy = node.isAlive && node.writes.isOpen && node.wanted.size > 0;
    node.region.needy.set(node, isNeedy);
    this.needy.set(node, isNeedy);
  }

  #end(transfer: Transfer): Running & { readonly from: CopyNode; readonly to: ReplicaNode } {
    const from = this.node(transfer.from);
    const to = this.#replica(transfer.to);
    const key = this.#key(to, transfer.piece);
    const running = this.#running.get(key);
    if (running === undefined) {
      throw new Error(`Piece ${transfer.piece} is not in flight to node ${transfer.to}.`);
    }
    this.#running.delete(key);
    from.reads.used -= 1;
    to.writes.used -= 1;
    to.region.inFlight -= 1;
    return { ...running, from, to };
  }

  /** Takes in what was seen of an edge; when that changes who is a source, all lists are made anew. */
  #learn(see: () => void): void {
    const before = this.#sources();
    see();
    if (this.#sources() === before) return;
    for (const node of this.#nodes) this.refresh(node);
  }

  #sources(): number {
    return (this.sharing.allows('complete') ? 1 : 0) + (this.sharing.allows('unfinished') ? 2 : 0);
  }

  /** The export that gives the pinned piece: another one only as long as no replica has it. */
  #pinnedGiver(): ExportNode | undefined {
    if (this.#giver?.isAlive === true || this.#pinned === undefined) return this.#giver;
    for (const region of this.#regions.values()) {
      if (!region.untouched.has(this.#pinned)) return undefined;
    }
    this.#giver = this.#nodes.find((node) => node.kind === 'export' && node.isAlive) as
      ExportNode | undefined;
    return this.#giver;
  }

  #replica(id: NodeId): ReplicaNode {
    const node = this.node(id);
    if (node.kind === 'export') throw new Error(`Node ${id} is an export: nothing goes to it.`);
    return node;
  }

  #region(name: string): Region {
    const region = this.#regions.get(name) ?? new Region(this.pieces);
    this.#regions.set(name, region);
    return region;
  }

  #key(to: ReplicaNode, piece: number): number {
    return to.id * this.pieces + piece;
  }
}

function count(from: CopyNode, to: ReplicaNode, change: 1 | -1): void {
  if (from.kind === 'export') to.exportsOff += change;
  else to.replicasOff += change;
}
