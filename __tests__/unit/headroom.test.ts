import { expect, test } from '@jest/globals';
import { Headroom } from '../../src/copy/headroom.ts';

function headroomOf(): { headroom: Headroom; pass: (ms: number, busyMs: number) => void } {
  const at = { now: 1000, busy: 500 };
  const headroom = new Headroom({ now: () => at.now }, () => at.busy);
  return {
    headroom,
    pass: (ms, busyMs) => {
      at.now += ms;
      at.busy += busyMs;
    },
  };
}

test.each([
  { members: 16, busyMs: 200, room: 16 },
  { members: 16, busyMs: 400, room: 16 },
  { members: 16, busyMs: 640, room: 4 },
  { members: 16, busyMs: 800, room: 0 },
  { members: 16, busyMs: 1000, room: 0 },
  { members: 16, busyMs: 0, room: 16 },
])('$members that keep it busy for $busyMs of 1000 ms leave room for $room', (measured) => {
  const { headroom, pass } = headroomOf();
  pass(1000, measured.busyMs);
  expect(headroom.room(measured.members)).toBe(measured.room);
});

test('what counts is the time since the last question', () => {
  const { headroom, pass } = headroomOf();
  pass(1000, 1000);
  expect(headroom.room(10)).toBe(0);
  pass(1000, 500);
  expect(headroom.room(10)).toBe(6);
  expect(headroom.room(10)).toBe(0);
});
