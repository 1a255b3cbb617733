import { describe, expect, test } from '@jest/globals';
import { Schedule, type ScheduleOptions, type Transfer } from '../../src/copy/schedule/schedule.ts';
import { seeded } from '../support/copy-simulation.ts';

function scheduleOf(pieces: number, options: Partial<ScheduleOptions> = {}): Schedule {
  return new Schedule({ pieces, random: seeded(3), ...options });
}

function addExport(schedule: Schedule, region = 'here', window = 8): number {
  return schedule.addExport({ region, window });
}

function addReplica(
  schedule: Schedule,
  { region = 'here', read = 8, write = 8, landed = [] as Iterable<number> } = {},
): number {
  return schedule.addReplica({ region, readWindow: read, writeWindow: write, landed });
}

/** Everything that can be decided now. */
function decide(schedule: Schedule): readonly Transfer[] {
  const transfers: Transfer[] = [];
  for (let next = schedule.next(); next !== undefined; next = schedule.next()) transfers.push(next);
  return transfers;
}

/** Lands what is decided until nothing is left, in the order of the decisions; returns what landed. */
function finish(
  schedule: Schedule,
  end: (transfer: Transfer) => 'landed' | 'refused' | 'failed' = () => 'landed',
): readonly Transfer[] {
  const landed: Transfer[] = [];
  const inFlight = [...decide(schedule)];
  for (let next = inFlight.shift(); next !== undefined; next = inFlight.shift()) {
    const outcome = end(next);
    schedule[outcome](next);
    if (outcome === 'landed') landed.push(next);
    inFlight.push(...decide(schedule));
  }
  return landed;
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, place) => place);
}

describe('what is decided', () => {
  test('every piece once for every replica', () => {
    const schedule = scheduleOf(50);
    addExport(schedule);
    const replicas = range(4).map(() => addReplica(schedule));
    const landed = finish(schedule);
    expect(new Set(landed.map(({ piece, to }) => `${piece} ${to}`)).size).toBe(200);
    expect(landed.length).toBe(200);
    expect(replicas.map((id) => schedule.isComplete(id))).toEqual([true, true, true, true]);
    expect(schedule.inFlight).toBe(0);
    expect(schedule.next()).toBeUndefined();
  });

  test('only what a replica lacks', () => {
    const schedule = scheduleOf(10);
    addExport(schedule);
    const replica = addReplica(schedule, { landed: [0, 1, 2, 3, 3, 9] });
    expect(schedule.landedCount(replica)).toBe(5);
    expect(schedule.has(replica, 9)).toBe(true);
    expect(schedule.has(replica, 4)).toBe(false);
    const pieces = finish(schedule).map(({ piece }) => piece);
    expect([...pieces].sort()).toEqual([4, 5, 6, 7, 8]);
  });

  test('nothing for a replica that is complete already', () => {
    const schedule = scheduleOf(10);
    addExport(schedule);
    const replica = addReplica(schedule, { landed: range(10) });
    expect(schedule.isComplete(replica)).toBe(true);
    expect(schedule.next()).toBeUndefined();
    expect(schedule.starved()).toEqual([]);
  });

  test('a piece that landed is read from its replica', () => {
    const schedule = scheduleOf(100);
    const source = addExport(schedule, 'here', 2);
    range(3).forEach(() => addReplica(schedule));
    const landed = finish(schedule);
    const fromReplicas = landed.filter(({ from }) => from !== source).length;
    expect(fromReplicas).toBeGreaterThan(landed.length / 2);
  });

  test('a replica is never read by itself, nor for what it lacks', () => {
    const schedule = scheduleOf(60);
    const source = addExport(schedule);
    range(5).forEach(() => addReplica(schedule));
    finish(schedule, ({ piece, from, to }) => {
      expect(from).not.toBe(to);
      expect(from === source || schedule.has(from, piece)).toBe(true);
      return 'landed';
    });
    expect.assertions(2 * 300);
  });

  test('a failed piece is tried again', () => {
    const schedule = scheduleOf(20);
    addExport(schedule);
    const replica = addReplica(schedule);
    let count = 0;
    const landed = finish(schedule, () => {
      count += 1;
      return count % 3 === 0 ? 'failed' : 'landed';
    });
    expect(landed.length).toBe(20);
    expect(schedule.isComplete(replica)).toBe(true);
  });

  test('a replica that joins at the end gets everything', () => {
    const schedule = scheduleOf(30);
    addExport(schedule);
    addReplica(schedule);
    finish(schedule);
    const late = addReplica(schedule);
    finish(schedule);
    expect(schedule.isComplete(late)).toBe(true);
  });

  test('no pieces at all are complete at once', () => {
    const schedule = scheduleOf(0);
    addExport(schedule);
    expect(schedule.isComplete(addReplica(schedule))).toBe(true);
    expect(schedule.next()).toBeUndefined();
  });

  test('a transfer cannot end twice', () => {
    const schedule = scheduleOf(1);
    addExport(schedule);
    addReplica(schedule);
    const [transfer] = decide(schedule);
    if (transfer === undefined) throw new Error('Nothing was decided.');
    schedule.landed(transfer);
    expect(() => {
      schedule.failed(transfer);
    }).toThrow('Piece 0 is not in flight to node 1.');
  });
});

describe('windows', () => {
  test.each([
    { name: 'of the export', windows: { export: 3, write: 8 }, limit: 100, most: 3 },
    { name: 'of the replica', windows: { export: 8, write: 2 }, limit: 100, most: 2 },
    { name: 'in all', windows: { export: 8, write: 8 }, limit: 5, most: 5 },
    { name: 'of 0 pause', windows: { export: 8, write: 0 }, limit: 100, most: 0 },
    { name: 'a limit of 0 pauses', windows: { export: 8, write: 8 }, limit: 0, most: 0 },
  ])('$name are kept', ({ windows, limit, most }) => {
    const schedule = scheduleOf(100);
    schedule.setLimit(limit);
    addExport(schedule, 'here', windows.export);
    addReplica(schedule, { write: windows.write });
    expect(decide(schedule).length).toBe(most);
    expect(schedule.inFlight).toBe(most);
  });

  test('are changed at any time; who is paused is not starved', () => {
    const schedule = scheduleOf(100);
    const source = addExport(schedule, 'here', 0);
    const replica = addReplica(schedule);
    expect(schedule.next()).toBeUndefined();
    expect(schedule.starved()).toEqual([]);
    schedule.setWindow(source, 'read', 5);
    expect(decide(schedule).length).toBe(5);
    schedule.setWindow(source, 'read', 2);
    expect(schedule.next()).toBeUndefined();
    schedule.setWindow(source, 'read', 7);
    schedule.setWindow(replica, 'write', 6);
    expect(decide(schedule).length).toBe(1);
  });

  test('reads of a replica are bounded by its read window', () => {
    const schedule = scheduleOf(100);
    addReplica(schedule, { landed: range(100), read: 3 });
    addReplica(schedule);
    expect(decide(schedule).length).toBe(3);
  });
});

describe('the pinned piece', () => {
  test('comes from the first export and from replicas that have it', () => {
    const schedule = scheduleOf(40, { pinned: 39 });
    const [first] = range(4).map(() => addExport(schedule, 'here', 1));
    range(6).forEach(() => addReplica(schedule));
    const holders = new Set([first]);
    for (const { piece, from, to } of finish(schedule)) {
      if (piece !== 39) continue;
      expect(holders).toContain(from);
      holders.add(to);
    }
    expect(holders.size).toBe(7);
  });

  test('waits for the first export while that is paused', () => {
    const schedule = scheduleOf(4, { pinned: 0 });
    const first = addExport(schedule, 'here', 0);
    addExport(schedule);
    const replica = addReplica(schedule);
    finish(schedule);
    expect(schedule.landedCount(replica)).toBe(3);
    expect(schedule.starved()).toEqual([]);
    schedule.setWindow(first, 'read', 1);
    expect(decide(schedule)).toEqual([{ piece: 0, from: first, to: replica }]);
  });

  test('comes from one other export when the first is gone before anybody has it', () => {
    const schedule = scheduleOf(1, { pinned: 0 });
    const [first = -1, second] = range(3).map(() => addExport(schedule));
    addReplica(schedule);
    addReplica(schedule);
    schedule.remove(first);
    expect(
      new Set(
        finish(schedule)
          .slice(0, 1)
          .map(({ from }) => from),
      ),
    ).toEqual(new Set([second]));
  });

  test('comes from replicas only when the first export is gone after it has landed', () => {
    const schedule = scheduleOf(1, { pinned: 0 });
    const first = addExport(schedule);
    addExport(schedule);
    const holder = addReplica(schedule);
    finish(schedule);
    schedule.remove(first);
    addReplica(schedule);
    expect(finish(schedule).map(({ from }) => from)).toEqual([holder]);
  });
});

describe('refused edges', () => {
  test('are not tried again, and the replica is served by another', () => {
    const schedule = scheduleOf(50);
    addExport(schedule, 'here', 1);
    const replicas = range(4).map(() => addReplica(schedule));
    const [bad] = replicas;
    const refused = new Map<string, number>();
    finish(schedule, ({ from, to }) => {
      if (from !== bad || to % 2 === 1) return 'landed';
      refused.set(`${from} ${to}`, (refused.get(`${from} ${to}`) ?? 0) + 1);
      return 'refused';
    });
    expect(replicas.every((id) => schedule.isComplete(id))).toBe(true);
    expect(Math.max(...refused.values())).toBeLessThanOrEqual(8);
  });

  test('after three of unfinished replicas only complete ones are read', () => {
    const schedule = scheduleOf(100);
    const source = addExport(schedule);
    const replicas = range(6).map(() => addReplica(schedule));
    const edges = new Set<string>();
    let stillInFlight = Infinity;
    const outcomes = finish(schedule, ({ from, to }) => {
      stillInFlight -= 1;
      if (from === source || schedule.isComplete(from)) return 'landed';
      expect(stillInFlight).toBeGreaterThanOrEqual(0);
      edges.add(`${from} ${to}`);
      if (edges.size === 3 && stillInFlight === Infinity) stillInFlight = schedule.inFlight;
      return 'refused';
    });
    expect(edges.size).toBeGreaterThanOrEqual(3);
    expect(replicas.every((id) => schedule.isComplete(id))).toBe(true);
    expect(outcomes.some(({ from }) => from !== source)).toBe(true);
  });

  test('of which one works do not end the sharing', () => {
    const schedule = scheduleOf(200);
    const source = addExport(schedule, 'here', 2);
    const replicas = range(6).map(() => addReplica(schedule));
    const [good] = replicas;
    const isOff = (from: number) => from !== source && from !== good && !schedule.isComplete(from);
    const landed = finish(schedule, ({ from }) => (isOff(from) ? 'refused' : 'landed'));
    expect(landed.filter(({ from }) => from === good).length).toBeGreaterThan(100);
    expect(replicas.every((id) => schedule.isComplete(id))).toBe(true);
  });

  test('of the last source starve a replica, which is told', () => {
    const schedule = scheduleOf(5);
    addExport(schedule);
    const replica = addReplica(schedule);
    finish(schedule, () => 'refused');
    expect(schedule.inFlight).toBe(0);
    expect(schedule.next()).toBeUndefined();
    expect(schedule.starved()).toEqual([replica]);
  });
});

describe('nodes that are removed', () => {
  test('neither give nor take, and their transfers end without effect', () => {
    const schedule = scheduleOf(20);
    addExport(schedule);
    const gone = addReplica(schedule);
    const stays = addReplica(schedule);
    const inFlight = decide(schedule);
    schedule.remove(gone);
    inFlight.forEach((transfer, place) => {
      if (transfer.to !== gone || place % 2 === 0) schedule.landed(transfer);
      else schedule.failed(transfer);
    });
    expect(schedule.landedCount(gone)).toBe(0);
    const later = finish(schedule);
    expect(later.filter(({ from, to }) => from === gone || to === gone)).toEqual([]);
    expect(schedule.isComplete(stays)).toBe(true);
    expect(schedule.starved()).toEqual([]);
  });

  test('the last export: what nobody has is starved, once all the rest has been shared', () => {
    const schedule = scheduleOf(10);
    const source = addExport(schedule);
    const left = addReplica(schedule, { landed: [0, 1, 2] });
    const right = addReplica(schedule, { landed: [2, 3, 4] });
    schedule.remove(source);
    finish(schedule);
    expect([schedule.landedCount(left), schedule.landedCount(right)]).toEqual([5, 5]);
    expect(schedule.starved()).toEqual([left, right]);
  });

  test('nobody is starved while another may still bring what it lacks', () => {
    const schedule = scheduleOf(10);
    addExport(schedule, 'a', 0);
    const replicas = range(3).map(() => addReplica(schedule, { region: 'b' }));
    expect(schedule.starved()).toEqual([]);
    replicas.forEach((id) => {
      schedule.setWindow(id, 'write', 0);
    });
    expect(schedule.starved()).toEqual([]);
  });
});

describe('regions', () => {
  test('a piece crosses once, and again when what brought it failed', () => {
    const schedule = scheduleOf(30);
    addExport(schedule, 'a');
    const replicas = range(3).map(() => addReplica(schedule, { region: 'b' }));
    const tries = new Map<number, number>();
    const landed = finish(schedule, ({ piece, from }) => {
      if (from !== 0) return 'landed';
      const before = tries.get(piece) ?? 0;
      tries.set(piece, before + 1);
      return piece % 5 === 0 && before === 0 ? 'failed' : 'landed';
    });
    expect(landed.filter(({ from }) => from === 0).length).toBe(30);
    expect(replicas.every((id) => schedule.isComplete(id))).toBe(true);
  });

  test('a piece crosses again when the only one that had it is gone', () => {
    const schedule = scheduleOf(8);
    addExport(schedule, 'a');
    const first = addReplica(schedule, { region: 'b' });
    finish(schedule);
    schedule.remove(first);
    const second = addReplica(schedule, { region: 'b' });
    finish(schedule);
    expect(schedule.isComplete(second)).toBe(true);
  });

  test('a replica to which nobody at home may give is served from abroad', () => {
    const schedule = scheduleOf(20);
    const home = addExport(schedule, 'b');
    const away = addExport(schedule, 'a');
    const replica = addReplica(schedule, { region: 'b' });
    const landed = finish(schedule, ({ from }) => (from === home ? 'refused' : 'landed'));
    expect(landed.every(({ from }) => from === away)).toBe(true);
    expect(schedule.isComplete(replica)).toBe(true);
  });

  test('pieces that only one at home has, which one other may not read, come from abroad', () => {
    const schedule = scheduleOf(6);
    const away = addExport(schedule, 'a');
    const holder = addReplica(schedule, { region: 'b', landed: range(6) });
    const others = [addReplica(schedule, { region: 'b' }), addReplica(schedule, { region: 'b' })];
    finish(schedule, ({ from }) => (from === holder ? 'refused' : 'landed'));
    expect(others.map((id) => schedule.isComplete(id))).toEqual([true, true]);
    expect(away).toBe(0);
  });

  test('a lead that waits does not make the others of its region starve', () => {
    const schedule = scheduleOf(50);
    const source = addExport(schedule, 'a');
    const replicas = range(4).map(() => addReplica(schedule, { region: 'b' }));
    const refusals = finish(schedule, ({ from }) => {
      if (from !== source && !schedule.isComplete(from)) return 'refused';
      schedule.setWindow(source, 'read', 0);
      return 'landed';
    });
    expect(refusals.length).toBeLessThan(200);
    expect(schedule.starved()).toEqual([]);
    schedule.setWindow(source, 'read', 8);
    finish(schedule, ({ from }) =>
      from !== source && !schedule.isComplete(from) ? 'refused' : 'landed',
    );
    expect(replicas.every((id) => schedule.isComplete(id))).toBe(true);
  });
});

test('random worlds: whatever is refused, fails or goes, every replica that stays is complete', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = seeded(seed);
    const pick = (most: number) => Math.floor(random() * most);
    const schedule = scheduleOf(1 + pick(80), { random, pinned: 0 });
    const exports = range(1 + pick(3)).map(() => addExport(schedule, `r${pick(3)}`, 1 + pick(6)));
    const replicas = new Set(
      range(1 + pick(8)).map(() =>
        addReplica(schedule, { region: `r${pick(3)}`, read: 1 + pick(4), write: 1 + pick(4) }),
      ),
    );
    const off = pick(4);
    finish(schedule, ({ from, to }) => {
      if (random() < 0.01 && replicas.size > 1) {
        const [gone = -1] = replicas;
        schedule.remove(gone);
        replicas.delete(gone);
      }
      if (!exports.includes(from) && (from * 5 + to * 3) % 4 < off) return 'refused';
      return random() < 0.1 ? 'failed' : 'landed';
    });
    expect([seed, schedule.starved()]).toEqual([seed, []]);
    expect([seed, [...replicas].filter((id) => !schedule.isComplete(id))]).toEqual([seed, []]);
  }
});
