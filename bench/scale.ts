import { AZURE_PIECES_PER_SECOND } from './scenario.ts';

/** The sum of all modelled rates is at most this share of what the local Azure carries itself. */
const MOST_SHARE = 1 / 4;

/**
 * Pieces per second of each blob and export: Azure's own at most, and as many as keep the sum of so many of them
 * within the share of what is carried.
 */
export function choosePace(nodes: number, carried: number): number {
  const atMost = (carried * MOST_SHARE) / nodes;
  return Math.min(AZURE_PIECES_PER_SECOND, Math.floor(atMost * 10) / 10);
}
