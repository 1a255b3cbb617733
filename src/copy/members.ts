import type { PlannedDisk, PlannedReplica } from '../plan.ts';
import type { Clock } from '../ports.ts';
import type { DiskCopy } from './disk-copy.ts';
import { Followers } from './followers.ts';
import { Headroom } from './headroom.ts';

/** What copying the replicas of a disk needs to choose their way. */
export interface MembersRig {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly copyMethod: string;
  /** Milliseconds that the runner was busy with this run so far. */
  readonly busyMs: () => number;
}

/** Replicas of one disk that are copied piece by piece from the start; more follow as far as the runner can drive them. */
const FIRST_MEMBERS = 16;
/** Copies inside one account that are pending at once. */
export const NEAR_AT_ONCE = 4;
/** How often the runner's load is looked at. */
const LOOK_MS = 1_000;

/**
 * Copies the replicas of a disk: some piece by piece, at least one in each account, and as many as the runner can drive;
 * the others in the way that turns out to be quicker.
 */
export async function copyByMembers(
  copy: Pick<DiskCopy, 'byPieces' | 'byCopyBlob' | 'finish'>,
  { replicas }: Pick<PlannedDisk, 'replicas'>,
  rig: MembersRig,
): Promise<void> {
  const [leads, rest] = chooseLeads(replicas);
  const followers = new Followers(leads, rest, { ...rig, usesNear: rig.copyMethod === 'auto' });
  const drive = async (lead: PlannedReplica): Promise<void> => {
    const startedAt = rig.clock.now();
    const url = await copy.byPieces(lead);
    followers.ended(lead, url, (rig.clock.now() - startedAt) / 1000);
    for (;;) {
      const next = rig.signal.aborted ? undefined : await followers.forBroadcast();
      if (next === undefined) return;
      await copy.byPieces(next);
    }
  };
  const near = followers.accounts.flatMap((account) =>
    Array.from({ length: NEAR_AT_ONCE }, async () => {
      for (;;) {
        const next = await followers.forNear(account);
        if (next === undefined) return;
        await copy.byCopyBlob(next.replica, next.near);
        followers.nearEnded();
      }
    }),
  );
  await Promise.all([...leads.map(drive), ...near, grow(leads.length, followers, drive, rig)]);
  await copy.finish();
}

/** Takes in more of those that wait, as long as the runner has time for them and nothing is there to be copied whole. */
async function grow(
  first: number,
  followers: Followers,
  drive: (replica: PlannedReplica) => Promise<void>,
  { clock, signal, busyMs }: MembersRig,
): Promise<void> {
  const headroom = new Headroom(clock, busyMs);
  const driven: Promise<void>[] = [];
  while (followers.isOpen && (await hasSlept(clock, signal))) {
    const more = followers.join(headroom.room(first + driven.length));
    driven.push(...more.map(drive));
  }
  await Promise.all(driven);
}

/** False in a run that is cancelled. */
function hasSlept(clock: Clock, signal: AbortSignal): Promise<boolean> {
  return clock.sleep(LOOK_MS, signal).then(
    () => true,
    () => false,
  );
}

/** The first of each account come first. */
function chooseLeads(
  replicas: readonly PlannedReplica[],
): readonly [readonly PlannedReplica[], readonly PlannedReplica[]] {
  const groups = Map.groupBy(replicas, ({ account }) => account.id.toLowerCase());
  const firsts = [...groups.values()].flatMap(([first]) => (first === undefined ? [] : [first]));
  const others = replicas.filter((replica) => !firsts.includes(replica));
  const count = Math.max(0, FIRST_MEMBERS - firsts.length);
  return [[...firsts, ...others.slice(0, count)], others.slice(count)];
}
