import { Schedule, type NodeId, type Transfer } from '../../src/copy/schedule/schedule.ts';
import { Window } from '../../src/copy/window.ts';

const { imul, max } = Math;

/** An export or a replica of a simulated copy. Times are in copies: 1 is what one blob needs to write all pieces. */
export interface SimulatedNode {
  readonly kind: 'export' | 'replica';
  readonly region?: string;
  /** Copies per unit of time; 1 unless told. */
  readonly rate?: number;
  readonly landed?: Iterable<number>;
  /** When it is added, 0 unless told. */
  readonly joinsAt?: number;
  /** When it is removed, if ever; what is in flight to it or from it then fails. */
  readonly leavesAt?: number;
}

export interface SimulationOptions {
  readonly nodes: readonly SimulatedNode[];
  readonly pieces: number;
  /** Whether reads and writes of a blob share one budget, or have one each. */
  readonly budgets: 'shared' | 'split';
  /** Requests in flight per node and direction; `adaptive` by the windows that the engine uses. */
  readonly windows: WindowSizes | 'adaptive';
  /** What a piece takes besides its service at both ends, in pieces' times. */
  readonly latency?: number;
  /** Requests in flight in all. */
  readonly limit?: number;
  readonly pinned?: number;
  /** Whether the service refuses an edge, by the indices of its nodes and whether the source is complete. */
  readonly refuses?: (from: number, to: number, isComplete: boolean) => boolean;
  /** Whether a transfer fails in passing, by its place in the order of decisions. */
  readonly fails?: (count: number) => boolean;
  readonly seed?: number;
  /** True where memory matters: the transfers that landed are not kept. */
  readonly forgets?: boolean;
}

export interface WindowSizes {
  readonly export: number;
  readonly read: number;
  readonly write: number;
}

export interface SimulationResult {
  /** Copies' times until the last replica was complete. */
  readonly time: number;
  /** When each node was complete, by its index; undefined for one that never was. */
  readonly completedAt: readonly (number | undefined)[];
  /** Transfers that landed, with the indices of their nodes. */
  readonly landed: readonly Transfer[];
  readonly refusals: number;
  readonly starved: readonly number[];
  /** Calls of next(), and the words of bit sets that they looked at: in all and by the dearest call. */
  readonly decisions: number;
  readonly words: number;
  readonly dearest: number;
  readonly mostInFlight: number;
}

/** Seeded numbers from 0 up to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Exports and replicas in one region. */
export function plainNodes(replicas: number, exports: number): readonly SimulatedNode[] {
  return [
    ...Array.from({ length: exports }, () => ({ kind: 'export' }) as const),
    ...Array.from({ length: replicas }, () => ({ kind: 'replica' }) as const),
  ];
}

/** Runs the copy of all pieces to all replicas through the scheduler, event by event, without a clock or a network. */
export function simulateCopy(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}

interface Party {
  readonly index: number;
  readonly node: SimulatedNode;
  id: NodeId | undefined;
  isGone: boolean;
  completedAt: number | undefined;
  /** When the server of each direction is free again; the same one when the budget is shared. */
  readonly servers: { readonly read: Server; readonly write: Server };
  readonly windows: { readonly read: Window; readonly write: Window };
}

interface Server {
  freeAt: number;
}

type Happening =
  | { readonly kind: 'join'; readonly party: Party }
  | { readonly kind: 'leave'; readonly party: Party }
  | {
      readonly kind: 'end';
      readonly transfer: Transfer;
      readonly startedAt: number;
      readonly outcome: 'landed' | 'failed' | 'refused';
    };

/** Milliseconds of a piece's service, for the adaptive windows: 4 MiB at 60 MiB/s. */
const PIECE_MS = 4000 / 60;
const PIECE_BYTES = 4 * 1024 * 1024;

class Simulation {
  readonly #options: SimulationOptions;
  readonly #schedule: Schedule;
  readonly #parties: readonly Party[];
  readonly #byId = new Map<NodeId, Party>();
  readonly #queue = new EventQueue<Happening>();
  readonly #landed: Transfer[] = [];
  #now = 0;
  #decisions = 0;
  #dearest = 0;
  #refusals = 0;
  #mostInFlight = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const random = seeded(options.seed ?? 1);
    const pinned = options.pinned === undefined ? {} : { pinned: options.pinned };
    this.#schedule = new Schedule({ pieces: options.pieces, random, ...pinned });
    if (options.limit !== undefined) this.#schedule.setLimit(options.limit);
    this.#parties = options.nodes.map((node, index) => partyOf(node, index, options.budgets));
  }

  run(): SimulationResult {
    for (const party of this.#parties) {
      const { joinsAt = 0, leavesAt } = party.node;
      if (joinsAt === 0) this.#join(party);
      else this.#queue.push(joinsAt, { kind: 'join', party });
      if (leavesAt !== undefined) this.#queue.push(leavesAt, { kind: 'leave', party });
    }
    this.#decide();
    for (let event = this.#queue.pop(); event !== undefined; event = this.#queue.pop()) {
      this.#now = event.time;
      this.#happen(event.value);
      this.#decide();
    }
    return this.#result();
  }

  #happen(happening: Happening): void {
    switch (happening.kind) {
      case 'join':
        this.#join(happening.party);
        break;
      case 'leave':
        happening.party.isGone = true;
        this.#schedule.remove(idOf(happening.party));
        break;
      case 'end':
        this.#end(happening);
        break;
    }
  }

  #join(party: Party): void {
    const { region = 'here', kind, landed = [] } = party.node;
    const { export: window, read, write } = this.#sizes(party);
    party.id =
      kind === 'export'
        ? this.#schedule.addExport({ region, window })
        : this.#schedule.addReplica({ region, readWindow: read, writeWindow: write, landed });
    this.#byId.set(party.id, party);
    this.#note(party);
  }

  #sizes({ windows }: Party): WindowSizes {
    if (this.#options.windows !== 'adaptive') return this.#options.windows;
    return { export: windows.read.size, read: windows.read.size, write: windows.write.size };
  }

  #decide(): void {
    for (;;) {
      const before = this.#schedule.steps;
      const transfer = this.#schedule.next();
      this.#decisions += 1;
      this.#dearest = max(this.#dearest, this.#schedule.steps - before);
      if (transfer === undefined) break;
      this.#send(transfer);
    }
    this.#mostInFlight = max(this.#mostInFlight, this.#schedule.inFlight);
  }

  #send(transfer: Transfer): void {
    const { refuses, fails, latency = 1, pieces } = this.#options;
    const from = this.#party(transfer.from);
    const to = this.#party(transfer.to);
    const startedAt = this.#now;
    const isComplete = this.#schedule.isComplete(transfer.from);
    if (refuses?.(from.index, to.index, isComplete) === true) {
      const end = { kind: 'end', transfer, startedAt, outcome: 'refused' } as const;
      this.#queue.push(startedAt + latency / pieces, end);
      return;
    }
    const readAt = serve(from.servers.read, startedAt, this.#service(from));
    const writtenAt = serve(to.servers.write, startedAt, this.#service(to));
    const outcome = fails?.(this.#decisions) === true ? 'failed' : 'landed';
    this.#queue.push(max(readAt, writtenAt) + latency / pieces, {
      kind: 'end',
      transfer,
      startedAt,
      outcome,
    });
  }

  #service({ node }: Party): number {
    return 1 / (this.#options.pieces * (node.rate ?? 1));
  }

  #end({ transfer, startedAt, outcome }: Extract<Happening, { kind: 'end' }>): void {
    const from = this.#party(transfer.from);
    const to = this.#party(transfer.to);
    const isGone = from.isGone || to.isGone;
    if (outcome === 'landed' && !isGone) {
      this.#schedule.landed(transfer);
      if (this.#options.forgets !== true)
        this.#landed.push({ piece: transfer.piece, from: from.index, to: to.index });
      this.#adapt(from, 'read', startedAt);
      this.#adapt(to, 'write', startedAt);
      this.#note(to);
    } else if (outcome === 'refused') {
      this.#refusals += 1;
      this.#schedule.refused(transfer);
    } else {
      this.#schedule.failed(transfer);
    }
  }

  #adapt(party: Party, direction: 'read' | 'write', startedAt: number): void {
    if (this.#options.windows !== 'adaptive') return;
    const window = party.windows[direction];
    const before = window.size;
    const milliseconds = (time: number) => time * this.#options.pieces * PIECE_MS;
    window.landed(PIECE_BYTES, milliseconds(this.#now - startedAt), milliseconds(this.#now));
    if (window.size !== before) this.#schedule.setWindow(idOf(party), direction, window.size);
  }

  #note(party: Party): void {
    if (party.node.kind !== 'replica' || party.completedAt !== undefined) return;
    if (this.#schedule.isComplete(idOf(party))) party.completedAt = this.#now;
  }

  #party(id: NodeId): Party {
    const party = this.#byId.get(id);
    if (party === undefined) throw new Error(`Node ${id} is not in the simulation.`);
    return party;
  }

  #result(): SimulationResult {
    const completedAt = this.#parties.map((party) => party.completedAt);
    return {
      time: max(0, ...completedAt.filter((time) => time !== undefined)),
      completedAt,
      landed: this.#landed,
      refusals: this.#refusals,
      starved: this.#schedule.starved().map((id) => this.#party(id).index),
      decisions: this.#decisions,
      words: this.#schedule.steps,
      dearest: this.#dearest,
      mostInFlight: this.#mostInFlight,
    };
  }
}

function partyOf(node: SimulatedNode, index: number, budgets: 'shared' | 'split'): Party {
  const read = { freeAt: 0 };
  const write = budgets === 'shared' ? read : { freeAt: 0 };
  const start = node.kind === 'export' ? { start: 16, max: 64 } : {};
  const windows = { read: new Window(start), write: new Window() };
  return {
    index,
    node,
    id: undefined,
    isGone: false,
    completedAt: undefined,
    servers: { read, write },
    windows,
  };
}

function idOf(party: Party): NodeId {
  if (party.id === undefined) throw new Error(`Node ${party.index} has not joined yet.`);
  return party.id;
}

/** Serves one request after those before it; returns when it is done. */
function serve(server: Server, at: number, service: number): number {
  server.freeAt = max(server.freeAt, at) + service;
  return server.freeAt;
}

/** What happens later, earliest first; at the same time in the order in which it was added. */
class EventQueue<T> {
  readonly #heap: { readonly time: number; readonly order: number; readonly value: T }[] = [];
  #order = 0;

  push(time: number, value: T): void {
    const item = { time, order: this.#order, value };
    this.#order += 1;
    let place = this.#heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || isBefore(above, item)) break;
      this.#heap[place] = above;
      place = parent;
    }
    this.#heap[place] = item;
  }

  pop(): { readonly time: number; readonly value: T } | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const isRight = right !== undefined && left !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || isBefore(last, child)) break;
      this.#heap[place] = child;
      place = 2 * place + (isRight ? 2 : 1);
    }
    this.#heap[place] = last;
    return first;
  }
}

interface Ordered {
  readonly time: number;
  readonly order: number;
}

function isBefore(left: Ordered, right: Ordered): boolean {
  return left.time < right.time || (left.time === right.time && left.order < right.order);
}
