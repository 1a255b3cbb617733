import { describe, expect, test } from '@jest/globals';
import { Followers, paysOff } from '../../src/copy/followers.ts';
import type { PlannedReplica } from '../../src/plan.ts';
import type { Clock } from '../../src/ports.ts';
import { inputsOf, planOf, worldOf } from '../support/facts.ts';
import { literalClock } from '../support/literal-ports.ts';

describe('copying one more piece by piece', () => {
  test.each([
    { waiting: 8, nearDone: 4, nearSeconds: 40, broadcastSeconds: 79, pays: true },
    { waiting: 8, nearDone: 4, nearSeconds: 40, broadcastSeconds: 80, pays: false },
    { waiting: 1, nearDone: 0, nearSeconds: 10, broadcastSeconds: 30, pays: false },
    { waiting: 1, nearDone: 0, nearSeconds: 31, broadcastSeconds: 30, pays: true },
    { waiting: 5, nearDone: 0, nearSeconds: 100, broadcastSeconds: Infinity, pays: false },
    { waiting: 0, nearDone: 0, nearSeconds: 100, broadcastSeconds: 1, pays: false },
  ])('with $waiting waiting, $nearDone done in $nearSeconds s: $pays', ({ pays, ...measured }) => {
    expect(paysOff(measured)).toBe(pays);
  });
});

const stopped = new AbortController();
stopped.abort();
const { signal } = new AbortController();

/** Six replicas: 1, 3 and 5 in the first account, 2, 4 and 6 in the second. */
const replicas = planOf(worldOf({ inputs: inputsOf({ copies: { kind: 'replicas', count: 6 } }) }))
  .disks.filter(({ key }) => key === 'os')
  .flatMap((disk) => disk.replicas);
const [one, two, three, four, five, six] = replicas as [
  PlannedReplica,
  PlannedReplica,
  PlannedReplica,
  PlannedReplica,
  PlannedReplica,
  PlannedReplica,
];
const first = one.account.id.toLowerCase();
const second = two.account.id.toLowerCase();

function followersOf(
  rig: { readonly clock?: Clock; readonly signal?: AbortSignal; readonly usesNear?: boolean } = {},
): Followers {
  const whole = { clock: literalClock(), signal, usesNear: true, ...rig };
  return new Followers([one, two], [three, four, five, six], whole);
}

describe('followers', () => {
  test('wait for a finished lead of their account, and are copied from it in their order', async () => {
    const followers = followersOf();
    expect(followers.accounts).toEqual([first, second]);
    const waiting = followers.forNear(first);
    followers.ended(two, 'url of 2', 5);
    followers.ended(one, 'url of 1', 5);
    expect(await waiting).toEqual({ replica: three, near: 'url of 1' });
    expect(await followers.forNear(second)).toEqual({ replica: four, near: 'url of 2' });
    expect(await followers.forNear(first)).toEqual({ replica: five, near: 'url of 1' });
    expect(await followers.forNear(first)).toBeUndefined();
  });

  test('of an account whose lead failed are copied piece by piece at once', async () => {
    const followers = followersOf();
    followers.ended(one, undefined, 5);
    followers.ended(two, 'url of 2', 5);
    expect(await followers.forNear(first)).toBeUndefined();
    expect(await followers.forBroadcast()).toBe(three);
    expect(await followers.forBroadcast()).toBe(five);
    expect(await followers.forNear(second)).toEqual({ replica: four, near: 'url of 2' });
  });

  test('an account is given up only when all its leads have failed', async () => {
    const rig = { clock: literalClock(), signal, usesNear: true };
    const followers = new Followers([one, three], [five], rig);
    followers.ended(one, undefined, 5);
    followers.ended(three, 'url of 3', 5);
    expect(await followers.forNear(first)).toEqual({ replica: five, near: 'url of 3' });
  });

  test('are copied piece by piece when copies inside their account take too long', async () => {
    const clock = literalClock();
    const followers = followersOf({ clock });
    followers.ended(one, 'url of 1', 60);
    followers.ended(two, 'url of 2', 60);
    expect(await followers.forBroadcast()).toBe(three);
    // Four wait: 16 s for the first of them are more than 60 s for all.
    expect(clock.now()).toBe(16_000);
  });

  test('stay with quick copies inside their account until none is left', async () => {
    const clock = literalClock();
    const followers = followersOf({
      clock: {
        now: () => clock.now(),
        sleep: async (milliseconds, inner) => {
          await clock.sleep(milliseconds, inner);
          await followers.forNear(first);
          await followers.forNear(second);
          followers.nearEnded();
          followers.nearEnded();
        },
      },
    });
    followers.ended(one, 'url of 1', 60);
    followers.ended(two, 'url of 2', 60);
    expect(await followers.forBroadcast()).toBeUndefined();
    expect(clock.now()).toBe(4000);
  });

  test('are all for the pieces without copies inside accounts, those of the longest queue first', async () => {
    const followers = followersOf({ usesNear: false });
    followers.ended(one, 'url of 1', 5);
    expect(await followers.forNear(first)).toBeUndefined();
    expect(await followers.forBroadcast()).toBe(three);
    expect(await followers.forBroadcast()).toBe(four);
    expect(await followers.forBroadcast()).toBe(five);
    expect(await followers.forBroadcast()).toBe(six);
    expect(await followers.forBroadcast()).toBeUndefined();
  });

  test('are none any more once the run is cancelled', async () => {
    const followers = followersOf({ signal: stopped.signal });
    expect(await followers.forBroadcast()).toBeUndefined();
  });
});
