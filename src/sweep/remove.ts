import type { Azure } from '../azure/session.ts';
import { inClosingOrder } from '../clone/closing-order.ts';
import { each } from '../concurrency.ts';
import { closeLease, type Leak, type Release } from '../lease.ts';
import type { Log } from '../ports.ts';
import type { Leftover } from './decide.ts';

/** What became of something that was to be removed. */
export interface Removal {
  readonly leftover: Leftover;
  /** False also for a blob that its run has finished meanwhile. */
  readonly isGone: boolean;
  readonly leaks: readonly Leak[];
}

/** What removing needs. */
export interface RemovalRig {
  readonly blobs: Pick<Azure['blobs'], 'blobState'>;
  readonly release: Release;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Removes what is swept: blobs before the snapshots that they are copied from, a grant before its snapshot, a VM before
 * its parts. What comes
 * of each is put into `removals` at once. Rejects only when the sweep is cancelled.
 */
export async function removeLeftovers(
  swept: readonly Leftover[],
  rig: RemovalRig,
  removals: Removal[],
): Promise<void> {
  const ofKind = (kind: Leftover['kind']): readonly Leftover[] =>
    swept.filter((leftover) => leftover.kind === kind);
  const resources = inClosingOrder(ofKind('resource'));
  const stages = [ofKind('blob'), ...resources, ofKind('snapshot'), ofKind('lock')];
  for (const stage of stages) {
    await each(stage, rig.signal, async (leftover, signal) => {
      removals.push(await removeOne(leftover, { ...rig, signal }));
    });
  }
}

async function removeOne(
  leftover: Leftover,
  { blobs, release, log, signal }: RemovalRig,
): Promise<Removal> {
  const leaks: Leak[] = [];
  for (const lease of leftover.leases) {
    const leak = await closeLease(lease, release, { log, signal });
    if (leak !== undefined) leaks.push(leak);
  }
  const isClosed = leaks.length === 0;
  const isGone = isClosed && (isResource(leftover) || (await isMissing(leftover.id)));
  return { leftover, isGone, leaks };

  /** A release leaves alone what is no longer as it was; a look that fails claims nothing. */
  async function isMissing(url: string): Promise<boolean> {
    try {
      return (await blobs.blobState(url, signal)) === undefined;
    } catch {
      return false;
    }
  }
}

/** A resource that is closed is gone; a blob may have been finished meanwhile. */
function isResource({ kind }: Leftover): boolean {
  return kind === 'snapshot' || kind === 'resource';
}
