import { describe, expect, test } from '@jest/globals';
import { copyByMembers } from '../../src/copy/members.ts';
import type { PlannedReplica } from '../../src/plan.ts';
import { inputsOf, planOf, worldOf } from '../support/facts.ts';
import { literalClock } from '../support/literal-ports.ts';

const COUNT = 60;
/** In the two accounts of the world in turn. */
const disk = planOf(
  worldOf({ inputs: inputsOf({ copies: { kind: 'replicas', count: COUNT } }) }),
).disks.find(({ key }) => key === 'os');
const replicas = disk?.replicas ?? [];

/** Copies whose end the test decides: those that were begun, in their order. */
function copyOf() {
  const pieces = new Map<PlannedReplica, PromiseWithResolvers<string | undefined>>();
  const whole: PlannedReplica[] = [];
  let [isOver, isFinished] = [false, false];
  return {
    pieces,
    whole,
    isFinished: () => isFinished,
    byPieces: (replica: PlannedReplica) => {
      const ended = Promise.withResolvers<string | undefined>();
      pieces.set(replica, ended);
      if (isOver) ended.resolve(replica.url);
      return ended.promise;
    },
    /** From now on every copy ends. */
    end: () => {
      isOver = true;
      for (const [{ url }, ended] of pieces) ended.resolve(url);
    },
    byCopyBlob: (replica: PlannedReplica) => {
      whole.push(replica);
      return Promise.resolve(replica.url);
    },
    finish: () => {
      isFinished = true;
      return Promise.resolve();
    },
  };
}

/** Starts to copy on a runner that is busy for so many milliseconds of each second per replica. */
function start(busyPerReplica: number, copyMethod = 'auto', signal = new AbortController().signal) {
  const copy = copyOf();
  const clock = literalClock();
  let busy = 0;
  const ticking = {
    now: () => clock.now(),
    sleep: async (milliseconds: number, until: AbortSignal) => {
      busy += Math.min(milliseconds, (milliseconds / 1000) * busyPerReplica * copy.pieces.size);
      await clock.sleep(milliseconds, until);
      await new Promise(setImmediate);
    },
  };
  const rig = { clock: ticking, signal, copyMethod, busyMs: () => busy };
  return { copy, copying: copyByMembers(copy, { replicas }, rig) };
}

/** Lets everything happen that does not wait for the end of a copy. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
}

describe('replicas are copied piece by piece', () => {
  test('all of them where the runner can drive them', async () => {
    const { copy, copying } = start(5);
    await settled();
    expect(copy.pieces.size).toBe(COUNT);
    copy.end();
    await copying;
    expect(copy.whole).toEqual([]);
    expect(copy.isFinished()).toBe(true);
  });

  test('so many that the runner is not full, and the others inside their accounts', async () => {
    const { copy, copying } = start(25);
    await settled();
    expect(copy.pieces.size).toBe(32);
    copy.end();
    await copying;
    expect(copy.whole.length).toBeGreaterThan(0);
    expect(copy.pieces.size + copy.whole.length).toBe(COUNT);
    expect(new Set([...copy.pieces.keys(), ...copy.whole])).toEqual(new Set(replicas));
  });

  test('sixteen where the runner has enough to do with them', async () => {
    const { copy, copying } = start(60);
    await settled();
    expect(copy.pieces.size).toBe(16);
    copy.end();
    await copying;
    expect(new Set([...copy.pieces.keys(), ...copy.whole])).toEqual(new Set(replicas));
  });

  test('a run that is cancelled takes in no more', async () => {
    const cancelled = new AbortController();
    const { copy, copying } = start(60, 'page-ranges', cancelled.signal);
    await settled();
    cancelled.abort();
    for (const [, ended] of copy.pieces) ended.resolve(undefined);
    await copying;
    expect(copy.pieces.size).toBe(16);
  });
});
