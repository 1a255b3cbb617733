import { AZURE_PIECES_PER_SECOND } from './scenario.ts';

/** The sum of all modelled rates is at most this share of what the local Azure carries itself. */
const MOST_SHARE = 1 / 4;

/** How a benchmark is scaled. */
export interface Pace {
  /** Of each blob and export. */
  readonly piecesPerSecond: number;
  /** Of all of them together: a piece is read once and written once. */
  readonly sum: number;
  /** What the local Azure was measured to carry, in pieces per second. */
  readonly carried: number;
}

/** The fastest pace, Azure's own at most, at which so many blobs and exports stay within the share of what is carried. */
export function choosePace(nodes: number, carried: number): Pace {
  const atMost = (carried * MOST_SHARE * 2) / nodes;
  const piecesPerSecond = Math.min(AZURE_PIECES_PER_SECOND, Math.floor(atMost * 10) / 10);
  return { piecesPerSecond, sum: (piecesPerSecond * nodes) / 2, carried };
}
