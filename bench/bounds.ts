/** What the model allows; times are in copies: 1 is what one blob needs to write all of its pieces. */
export interface Layout {
  readonly replicas: number;
  readonly exports: number;
  /** Default: shared. */
  readonly budgets?: 'shared' | 'split';
  /** What an export carries, against what a blob does. Default: 1. */
  readonly exportRate?: number;
  /** Whether a replica serves others only when it is complete. */
  readonly onlyComplete?: boolean;
}

/** The least time in which all replicas can be complete. */
export function leastTime(layout: Layout): number {
  const { replicas, exports, budgets = 'shared', exportRate = 1, onlyComplete = false } = layout;
  if (onlyComplete) return doublingTime(replicas / (exports * exportRate));
  // Every copy is written once and read once; where these share a budget, both count against it.
  const work = budgets === 'shared' ? 2 * replicas : replicas;
  return Math.max(1, work / (replicas + exports * exportRate));
}

/** One copy's time doubles the sources; in the last one only as many copies are made as are needed. */
function doublingTime(copiesPerSource: number): number {
  const doublings = Math.floor(Math.log2(copiesPerSource + 1));
  const made = 2 ** doublings - 1;
  return Math.max(1, doublings + (copiesPerSource - made) / 2 ** doublings);
}
