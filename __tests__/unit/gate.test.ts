import { describe, expect, test } from '@jest/globals';
import { Gate } from '../../src/copy/gate.ts';

describe('the gate of a run', () => {
  test('lets so many requests through at once, and tells those who wait when one has left', () => {
    const gate = new Gate();
    let called = 0;
    const leave = gate.listen(() => (called += 1));
    while (gate.isOpen) gate.enter();
    const most = gate.inFlight;
    expect(most).toBeGreaterThanOrEqual(8);
    gate.leave();
    expect([gate.isOpen, gate.inFlight, called]).toEqual([true, most - 1, 1]);
    leave();
    gate.leave();
    expect(called).toBe(1);
  });

  test('opens wider as long as more requests bring more', () => {
    const gate = new Gate();
    const width = (): number => {
      const before = gate.inFlight;
      while (gate.isOpen) gate.enter();
      const most = gate.inFlight;
      while (gate.inFlight > before) gate.leave();
      return most;
    };
    const narrow = width();
    let now = 0;
    for (let round = 0; round < 20; round += 1) {
      const size = width();
      now += 100;
      for (let request = 0; request < size; request += 1) {
        gate.enter();
        gate.leave({ bytes: 4 * 1024 ** 2, milliseconds: 100, now });
      }
    }
    expect(width()).toBeGreaterThanOrEqual(2 * narrow);
  });
});
