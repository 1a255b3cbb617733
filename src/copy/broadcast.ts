import type { Pages } from '../azure/pages.ts';
import { ActionError, azureFailure, explain, reasonOf } from '../errors.ts';
import type { ByteRange } from '../facts.ts';
import type { Clock, Log } from '../ports.ts';
import {
  settle,
  type ExportNode,
  type Node,
  type ReplicaNode,
  type Tally,
  type Target,
} from './broadcast-node.ts';
import { crc64, crc64FromBytes, wholeCrc64, type Crc64 } from './crc64.ts';
import type { DiskExport } from './disk-export.ts';
import type { Gate } from './gate.ts';
import { Lane } from './lane.ts';
import { PieceChecksums } from './piece-checksums.ts';
import { judgePiece } from './piece-failure.ts';
import type { Pieces } from './pieces.ts';
import { Schedule, type NodeId, type Transfer } from './schedule/schedule.ts';

/** What copying the pieces of one disk needs. */
export interface BroadcastRig {
  readonly pages: Pick<Pages, 'put' | 'read'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly gate: Gate;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Put Page From URL is not taken for a replica: another method may be. */
export class PageCopyRefused extends ActionError {}

/** A replica that differs from the others although it was copied from the same snapshot. */
export interface Dispute {
  readonly url: string;
  readonly error: ActionError;
}

/** An export waits for busy destinations, so that more of its requests are under way. */
const EXPORT_WINDOW = { start: 16, max: 64 };
/** An export that was granted anew so often without giving anything is given up. */
const MAX_RENEWALS = 3;

/**
 * Copies the pieces of one disk into any number of page blobs, from any number of exports and from each other. The
 * schedule decides, the windows measure; here the requests are sent and their failures are understood.
 */
export class Broadcast implements Disposable {
  readonly pieces: Pieces;
  readonly #rig: BroadcastRig;
  readonly #schedule: Schedule;
  readonly #checksums: PieceChecksums;
  readonly #nodes = new Map<NodeId, Node>();
  readonly #disputes: Dispute[] = [];
  readonly #leaveGate: () => void;
  #lastSourceError: ActionError | undefined;

  constructor(pieces: Pieces, rig: BroadcastRig) {
    this.pieces = pieces;
    this.#rig = rig;
    const { random, gate, signal } = rig;
    this.#schedule = new Schedule({ pieces: pieces.count, pinned: pieces.count - 1, random });
    this.#checksums = new PieceChecksums(pieces.count);
    this.#leaveGate = gate.listen(() => {
      this.#pump();
    });
    signal.addEventListener('abort', () => {
      this.#cancel();
    });
  }

  /** Stops listening; nothing is in flight any more. */
  [Symbol.dispose](): void {
    this.#leaveGate();
  }

  /** Replicas that were found to differ, also after they were done. */
  get disputes(): readonly Dispute[] {
    return this.#disputes;
  }

  /** Once a replica is done: the CRC-64 of the whole VHD. */
  checksum(): Crc64 {
    return wholeCrc64(this.pieces, (piece) => this.#checksums.of(piece) ?? 0n);
  }

  /** Another export of the same disk begins to serve. */
  addExport(source: DiskExport, region: string): void {
    const read = new Lane(EXPORT_WINDOW);
    const id = this.#schedule.addExport({ region: normalized(region), window: read.size });
    const state = { inFlight: 0, isRenewing: false, renewals: 0 };
    this.#nodes.set(id, { kind: 'export', id, source, read, ...state });
    this.#pump();
  }

  /** Copies what a page blob lacks. Rejects when it cannot be had: the other replicas go on. */
  async copy(target: Target): Promise<Tally> {
    this.#rig.signal.throwIfAborted();
    const { url, region, landed } = target;
    const [read, write] = [new Lane(), new Lane()];
    const windows = { readWindow: read.size, writeWindow: write.size };
    const place = { region: normalized(region), ...windows };
    const id = this.#schedule.addReplica({ ...place, landed: landed.keys() });
    const resumedBytes = [...landed.keys()].reduce(
      (sum, piece) => sum + this.pieces.length(piece),
      0,
    );
    const node: ReplicaNode = {
      kind: 'replica',
      id,
      target,
      read,
      write,
      tally: { movedBytes: 0, resumedBytes, retries: 0, fromExports: 0, fromReplicas: 0 },
      settled: Promise.withResolvers<Tally>(),
      inFlight: 0,
      failure: undefined,
    };
    this.#nodes.set(id, node);
    for (const [piece, crc] of landed) {
      if (!this.#checksums.agree(piece, crc)) this.#fail(node, this.#differs(url, piece));
    }
    if (this.#schedule.isComplete(id)) node.settled.resolve(node.tally);
    this.#pump();
    return node.settled.promise;
  }

  #pump(): void {
    const { gate, signal } = this.#rig;
    if (signal.aborted) return;
    this.#renewDue();
    while (gate.isOpen) {
      const transfer = this.#schedule.next();
      if (transfer === undefined) break;
      void this.#run(transfer);
    }
    this.#failStarved();
  }

  async #run(transfer: Transfer): Promise<void> {
    const { gate, clock, pages, signal } = this.#rig;
    const from = this.#nodes.get(transfer.from);
    const to = this.#nodes.get(transfer.to);
    if (from === undefined || to?.kind !== 'replica') return;
    const span = this.#spanOf(transfer.piece);
    const source = from.kind === 'export' ? from.source.sas : from.target.url;
    const startedAt = clock.now();
    if (from.kind === 'export') from.inFlight += 1;
    to.inFlight += 1;
    gate.enter();
    let isLanded = false;
    try {
      const page = { source, destination: to.target.url, span };
      const crc = crc64FromBytes(await pages.put(page, signal));
      isLanded = await this.#land(transfer, from, to, crc, startedAt);
    } catch (error) {
      if (!signal.aborted) this.#misfire(transfer, { from, to, source, startedAt, error });
    }
    if (from.kind === 'export') from.inFlight -= 1;
    to.inFlight -= 1;
    settle(to);
    const now = clock.now();
    gate.leave(isLanded ? { bytes: span.length, milliseconds: now - startedAt, now } : undefined);
  }

  /** Takes a piece as landed, once its checksum is right. */
  async #land(
    transfer: Transfer,
    from: Node,
    to: ReplicaNode,
    crc: Crc64,
    startedAt: number,
  ): Promise<boolean> {
    const { piece } = transfer;
    const { length } = this.#spanOf(piece);
    if (!this.#checksums.agree(piece, crc) && !(await this.#arbitrate(from, to, piece, crc))) {
      this.#schedule.failed(transfer);
      return false;
    }
    const now = this.#rig.clock.now();
    from.read.landed(length, now - startedAt, now);
    to.write.landed(length, now - startedAt, now);
    if (from.kind === 'export') from.renewals = 0;
    this.#schedule.landed(transfer);
    this.#resize(from);
    this.#resize(to);
    to.tally.movedBytes += length;
    to.tally[from.kind === 'export' ? 'fromExports' : 'fromReplicas'] += length;
    to.target.onLanded(piece, crc);
    if (to.failure === undefined && this.#schedule.isComplete(to.id)) to.settled.resolve(to.tally);
    return true;
  }

  /**
   * Two replicas differ: what the first export holds is read through the runner, and decides. True when the new
   * checksum is the right one. A replica that gave something wrong is the one that differs; what it gave is copied
   * again from elsewhere.
   */
  async #arbitrate(from: Node, to: ReplicaNode, piece: number, crc: Crc64): Promise<boolean> {
    const truth = await this.#truthOf(piece);
    if (truth === undefined) {
      this.#fail(to, this.#differs(to.target.url, piece));
      return false;
    }
    if (truth !== crc) {
      const isGiven = from.kind === 'replica' && (await this.#held(from, piece)) !== truth;
      const wrong = isGiven ? from : to;
      this.#fail(wrong, this.#differs(wrong.target.url, piece));
    }
    if (truth === this.#checksums.of(piece)) return false;
    this.#checksums.correct(piece, truth);
    for (const node of this.#nodes.values()) {
      const isWrong = node.kind === 'replica' && node !== to && this.#schedule.has(node.id, piece);
      if (isWrong) this.#fail(node, this.#differs(node.target.url, piece));
    }
    return truth === crc;
  }

  /** The checksum of a piece as the first export holds it; undefined when no export is left. */
  async #truthOf(piece: number): Promise<Crc64 | undefined> {
    const node = [...this.#nodes.values()].find(({ kind }) => kind === 'export');
    if (node?.kind !== 'export') return undefined;
    const { pages, signal } = this.#rig;
    const { source } = node;
    const { sas } = source;
    try {
      return crc64(await pages.read(sas, this.#spanOf(piece), signal));
    } catch (error) {
      if (azureFailure(error).status !== 403) throw error;
      await source.renew(sas);
      return crc64(await pages.read(source.sas, this.#spanOf(piece), signal));
    }
  }

  async #held({ target }: ReplicaNode, piece: number): Promise<Crc64> {
    const { pages, signal } = this.#rig;
    return crc64(await pages.read(target.url, this.#spanOf(piece), signal));
  }

  #differs(url: string, piece: number): ActionError {
    const { offset, length } = this.#spanOf(piece);
    return new ActionError(
      'verify',
      `Blob "${url}" differs from the snapshot in bytes ${offset} to ${offset + length - 1}: the checksum of what Azure wrote is another. Run again.`,
    );
  }

  #misfire(
    transfer: Transfer,
    failed: {
      readonly from: Node;
      readonly to: ReplicaNode;
      readonly source: string;
      readonly startedAt: number;
      readonly error: unknown;
    },
  ): void {
    const { from, to, source, startedAt, error } = failed;
    to.tally.retries += 1;
    if (error instanceof ActionError) {
      this.#schedule.failed(transfer);
      this.#fail(to, error);
      return;
    }
    const verdict = judgePiece(azureFailure(error), from.kind);
    this.#rig.log.debug(`A piece of "${to.target.url}" is to be repeated: ${reasonOf(error)}`);
    if (verdict.kind === 'edge') this.#schedule.refused(transfer);
    else this.#schedule.failed(transfer);
    switch (verdict.kind) {
      case 'again':
        this.#slowDown(verdict, { from, to, startedAt, error });
        break;
      case 'renew':
        if (from.kind === 'export') void this.#renew(from, source, error);
        break;
      case 'unsupported':
        this.#fail(to, new PageCopyRefused('copy', this.#couldNotWrite(to, error).message));
        break;
      case 'fatal':
        this.#fail(to, this.#couldNotWrite(to, error));
        break;
      case 'edge':
        break;
    }
  }

  #couldNotWrite(to: ReplicaNode, error: unknown): ActionError {
    return explain(`Could not write blob "${to.target.url}"`, error);
  }

  /** Leaves the blob that is overrun alone for a while; one that never recovers is given up. */
  #slowDown(
    verdict: { overrun: 'source' | 'destination' | undefined; retryAfterMs: number | undefined },
    failed: { from: Node; to: ReplicaNode; startedAt: number; error: unknown },
  ): void {
    const { from, to, startedAt, error } = failed;
    const isSource = verdict.overrun === 'source';
    const blamed = isSource ? from : to;
    const lane = isSource ? from.read : to.write;
    const pauseMs = lane.failed(startedAt, this.#rig.clock.now(), verdict.retryAfterMs);
    if (lane.isHopeless) {
      if (blamed.kind === 'replica') this.#fail(blamed, this.#couldNotWrite(to, error));
      else this.#drop(blamed, error);
    } else if (pauseMs !== undefined) {
      this.#resize(blamed);
      this.#resumeAfter(pauseMs, blamed, lane);
    }
  }

  #resumeAfter(pauseMs: number, node: Node, lane: Lane): void {
    const { clock, signal } = this.#rig;
    clock.sleep(pauseMs, signal).then(
      () => {
        lane.resume();
        this.#resize(node);
        this.#pump();
      },
      () => undefined,
    );
  }

  /** Grants that end soon are renewed when the requests in flight are through, so that none of them fails. */
  #renewDue(): void {
    for (const node of this.#nodes.values()) {
      if (node.kind !== 'export' || node.isRenewing) continue;
      this.#resize(node);
      if (node.source.isDue && node.inFlight === 0)
        void this.#renew(node, node.source.sas, undefined);
    }
  }

  async #renew(node: ExportNode, staleSas: string, reason: unknown): Promise<void> {
    if (node.isRenewing || staleSas !== node.source.sas) return;
    if (reason !== undefined && node.renewals >= MAX_RENEWALS) {
      this.#drop(node, reason);
      return;
    }
    node.isRenewing = true;
    node.renewals += 1;
    this.#resize(node);
    try {
      await node.source.renew(staleSas);
    } catch (error) {
      if (!this.#rig.signal.aborted) this.#drop(node, error);
    }
    node.isRenewing = false;
    this.#resize(node);
    this.#pump();
  }

  /** An export that gives nothing any more is left out; the others go on. */
  #drop(node: ExportNode, error: unknown): void {
    if (!this.#nodes.delete(node.id)) return;
    this.#lastSourceError = explain(
      `Could not read the export of snapshot "${node.source.name}"`,
      error,
    );
    this.#rig.log.warn(this.#lastSourceError.message);
    this.#schedule.remove(node.id);
    this.#pump();
  }

  #fail(node: ReplicaNode, error: ActionError): void {
    if (!this.#nodes.delete(node.id)) return;
    if (error.code === 'verify') this.#disputes.push({ url: node.target.url, error });
    this.#schedule.remove(node.id);
    node.failure = error;
    settle(node);
  }

  #failStarved(): void {
    for (const id of this.#schedule.starved()) {
      const node = this.#nodes.get(id);
      if (node?.kind !== 'replica') continue;
      const reason = this.#lastSourceError?.message ?? 'No source is left. Run again.';
      this.#fail(
        node,
        new ActionError('copy', `Could not copy blob "${node.target.url}": ${reason}`),
      );
    }
  }

  #cancel(): void {
    for (const node of this.#nodes.values()) {
      if (node.kind === 'replica') node.settled.reject(this.#rig.signal.reason);
    }
    this.#nodes.clear();
  }

  /** Tells the schedule what was measured. */
  #resize(node: Node): void {
    if (!this.#nodes.has(node.id)) return;
    const isShut = node.kind === 'export' && (node.isRenewing || node.source.isDue);
    this.#schedule.setWindow(node.id, 'read', isShut ? 0 : node.read.size);
    if (node.kind === 'replica') this.#schedule.setWindow(node.id, 'write', node.write.size);
  }

  #spanOf(piece: number): ByteRange {
    return { offset: this.pieces.offset(piece), length: this.pieces.length(piece) };
  }
}

/** `West Europe` and `westeurope` are one region. */
function normalized(region: string): string {
  return region.replace(/\s/g, '').toLowerCase();
}
