import type { NodeId } from './schedule.ts';

/** What a source is to those that read from it. */
export type SourceKind = 'export' | 'complete' | 'unfinished';

/** Different edges that must be refused, before any has worked, until a kind of source is given up. */
const REFUSALS = 3;

interface Trust {
  refused: number;
  hasWorked: boolean;
}

/**
 * Which edges work: those that were refused, and whether replicas can be read at all. What was refused while its source
 * was unfinished is tried once more when that is complete.
 */
export class Sharing {
  /** By destination, then by source: what the source was when it was refused. */
  readonly #off = new Map<NodeId, Map<NodeId, SourceKind>>();
  readonly #trust: Readonly<Record<SourceKind, Trust>> = {
    export: { refused: 0, hasWorked: false },
    complete: { refused: 0, hasWorked: false },
    unfinished: { refused: 0, hasWorked: false },
  };

  /** False when sources of this kind are given up; exports never are. */
  allows(kind: SourceKind): boolean {
    const trust = this.#trust[kind];
    return kind === 'export' || trust.hasWorked || trust.refused < REFUSALS;
  }

  isOff(from: NodeId, to: NodeId, kind: SourceKind): boolean {
    const off = this.#off.get(to)?.get(from);
    return off !== undefined && (off !== 'unfinished' || kind === 'unfinished');
  }

  isOffForGood(from: NodeId, to: NodeId): boolean {
    return this.isOff(from, to, 'complete');
  }

  worked(kind: SourceKind): void {
    this.#trust[kind].hasWorked = true;
  }

  /** Turns an edge off. */
  refused(kind: SourceKind, from: NodeId, to: NodeId): void {
    if (this.isOff(from, to, kind)) return;
    const off = this.#off.get(to) ?? new Map<NodeId, SourceKind>();
    this.#off.set(to, off.set(from, kind));
    this.#trust[kind].refused += 1;
  }
}
