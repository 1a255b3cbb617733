import { describe, expect, test } from '@jest/globals';
import { awaitAgent } from '../../src/clone/await-agent.ts';
import type { AgentReport } from '../../src/clone/clone-facts.ts';
import { serialTail } from '../../src/serial-tail.ts';
import { clonePlanOf } from '../support/clone.ts';
import { literalClock, literalLog } from '../support/literal-ports.ts';

const madeAt = Date.UTC(2026, 2, 10);
const ready: AgentReport = {
  vmId: 'the-copy',
  powerState: 'running',
  isReady: true,
  reportedAt: madeAt + 30_000,
  madeAt,
};
const plan = clonePlanOf();

/** Waits while each look finds the next report; the last one stays. */
async function wait(
  reports: readonly (AgentReport | Error | undefined)[],
  serial: () => Promise<string | undefined> = () => Promise.resolve(undefined),
) {
  const log = literalLog();
  const clock = literalClock();
  let looks = 0;
  const getAgent = () => {
    const report = reports[Math.min(looks++, reports.length - 1)];
    return report instanceof Error ? Promise.reject(report) : Promise.resolve(report);
  };
  const rig = {
    azure: { cloneCompute: { getAgent }, guests: { serialLog: serial } },
    ...{ log, clock, signal: new AbortController().signal },
  };
  const failure = await awaitAgent(plan, rig).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  return { failure, lines: log.lines, pauses: clock.pauses.length };
}

describe('the agent of a copy', () => {
  test.each<[string, AgentReport]>([
    ['is not ready', { ...ready, isReady: false }],
    ['never reported', { ...ready, reportedAt: undefined }],
    ['reported before the copy was made', { ...ready, reportedAt: madeAt - 1 }],
    ['reports as the source VM', { ...ready, vmId: plan.source.vmId }],
    ['belongs to no machine yet', { ...ready, vmId: undefined }],
    ['belongs to a VM that starts', { ...ready, powerState: 'starting', isReady: false }],
  ])('that %s is waited for', async (_name, report) => {
    const { failure, lines, pauses } = await wait([report, report, ready]);
    expect(failure).toBeUndefined();
    expect(pauses).toBe(2);
    expect(lines).toEqual([`info: The agent of the copy "builder-copy-${plan.key}" reports.`]);
  });

  test('that may not be looked at fails with the reason and the remedy', async () => {
    const refused = { code: 'AuthorizationFailed', statusCode: 403 };
    const { failure } = await wait([Object.assign(new Error('Not now.'), refused)]);
    expect(failure).toMatch(
      /^Could not look at the copy "builder-copy-\w+": AuthorizationFailed \(403\): not now\. Grant /,
    );
  });

  test('that does not come in time fails with the end of the serial console in the log', async () => {
    const { failure, lines, pauses } = await wait([{ ...ready, isReady: false }], () =>
      Promise.resolve('[    0.1] Linux\r\n\u001b[1;31mYou are in emergency mode.\u001b[0m\n'),
    );
    expect(failure).toMatch(
      /^The copy "builder-copy-\w+" of VM "builder" did not start: its VM agent did not report within 20 minutes\. .*"source: vm"/,
    );
    expect(pauses).toBe(120);
    expect(lines).toEqual([
      'group: End of the serial console of the copy',
      'info: | [    0.1] Linux',
      'info: | You are in emergency mode.',
    ]);
  });

  test.each<[string, AgentReport | undefined, string]>([
    ['stops', { ...ready, powerState: 'stopped' }, 'it is stopped'],
    ['is deleted', undefined, 'it is not there any more'],
  ])('of a copy that %s is not waited for', async (_name, report, why) => {
    const { failure, pauses } = await wait([{ ...ready, isReady: false }, report]);
    expect(failure).toContain(`did not start: ${why}.`);
    expect(pauses).toBe(1);
  });

  test('that fails fails also when its serial console is not to be had', async () => {
    const { failure, lines } = await wait([undefined], () => Promise.reject(new Error('403')));
    expect(failure).toContain('did not start');
    expect(lines).toEqual([]);
  });
});

describe('the end of a serial console', () => {
  test('is its last lines, without commands for the runner', () => {
    const text = [...Array<string>(60).keys()].map((line) => `line ${line}`).join('\n');
    const lines = serialTail(`${text}\n::error::x\n##[error]y\u0007\n\n${'z'.repeat(999)}\n`);
    expect(lines).toHaveLength(40);
    expect(lines[0]).toBe('| line 23');
    expect(lines.slice(-3, -1)).toEqual(['| ::error::x', '| ## [error]y']);
    expect(lines.at(-1)).toBe(`| ${'z'.repeat(240)}`);
  });
});
