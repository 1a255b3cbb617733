import { expect, test } from '@jest/globals';
import { Timeline } from '../../src/timeline.ts';
import { literalClock, literalLog } from '../support/literal-ports.ts';

const { signal } = new AbortController();

test('phases are timed in a group of the log, and asides without one, in the order of their starts', async () => {
  const clock = literalClock(1000);
  const log = literalLog();
  const timeline = new Timeline(clock, log);
  const value = await timeline.phase('Copy', async () => {
    await timeline.aside('Grant', () => clock.sleep(5, signal));
    await clock.sleep(10, signal);
    return 'done';
  });
  await timeline.phase('Close', () => clock.sleep(1, signal));
  expect(value).toBe('done');
  expect(log.lines).toEqual(['group: Copy', 'group: Close']);
  expect(timeline.phases.map(({ name, startedAt, endedAt }) => [name, startedAt, endedAt])).toEqual(
    [
      ['Grant', 1000, 1005],
      ['Copy', 1000, 1015],
      ['Close', 1015, 1016],
    ],
  );
});

test('a phase that fails is kept as failed, and its error goes on', async () => {
  const timeline = new Timeline(literalClock(7), literalLog());
  const failure = new Error('no');
  await expect(timeline.phase('Stop', () => Promise.reject(failure))).rejects.toBe(failure);
  expect(timeline.phases).toEqual([{ name: 'Stop', startedAt: 7, endedAt: 7, succeeded: false }]);
});
