import { describe, expect, test } from '@jest/globals';
import { markedLines } from '../../src/guest/marked-lines.ts';
import {
  linuxReportScript,
  linuxStartScript,
  readLinuxReport,
  type LinuxOrder,
} from '../../src/guest/linux.ts';

const marker = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const order: LinuxOrder = {
  marker,
  deprovisionUser: true,
  adminUser: 'azureuser',
  allowsDomainMember: false,
  timeoutSeconds: 900,
  delaySeconds: 20,
  notAfter: new Date('2026-01-01T00:00:00.500Z'),
};

const script = (changes: Partial<LinuxOrder>): string => linuxStartScript({ ...order, ...changes });

describe('the start script', () => {
  test('has what it was ordered, once for itself and once for the detached script', () => {
    const text = linuxStartScript(order);
    for (const line of [
      `marker='${marker}'`,
      "deprovision_user='true'",
      "admin_user='azureuser'",
      "allow_domain_member='false'",
      "timeout_seconds='900'",
      "delay_seconds='20'",
      "not_after='1767225601'",
    ]) {
      expect(text.split('\n').filter((one) => one === line)).toHaveLength(2);
    }
  });

  test('ends the text of the detached script with its marker', () => {
    const lines = linuxStartScript(order).split('\n');
    expect(lines.filter((line) => line === `end_of_${marker}`)).toHaveLength(1);
  });

  test('names the machine that it must not be run in, where that is known', () => {
    const id = '02AAB8CD-74FF-4444-9A52-7E6F0B2C1D3E';
    expect(script({ notMachine: id })).toContain(`\nnot_machine='${id.toLowerCase()}'\n`);
    for (const notMachine of [undefined, '', `${id}'; reboot; '`]) {
      expect(script({ notMachine })).toContain("\nnot_machine=''\n");
    }
  });

  test('has no limit in time when none is ordered', () => {
    expect(script({ notAfter: undefined })).toContain("not_after='2147483647'");
  });

  test.each(["a'; reboot; '", 'a b', '$(reboot)', 'a\nb', '-rf', 'Ädmin', ''])(
    'leaves out the account "%s"',
    (adminUser) => {
      expect(script({ adminUser })).toContain("\nadmin_user=''\n");
    },
  );

  test.each<[string, Partial<LinuxOrder>]>([
    ['A marker is 32 hexadecimal digits.', { marker: 'x' }],
    ['A marker is 32 hexadecimal digits.', { marker: `${marker}\n` }],
    ['"timeoutSeconds" must be a whole number, got 1.5.', { timeoutSeconds: 1.5 }],
    ['"delaySeconds" must be a whole number, got -1.', { delaySeconds: -1 }],
    ['"notAfter" must be a whole number, got NaN.', { notAfter: new Date(NaN) }],
  ])('is refused with "%s"', (message, changes) => {
    expect(() => script(changes)).toThrow(new RangeError(message));
  });
});

test('the report script is refused without a marker of its form', () => {
  expect(() => linuxReportScript({ marker: '$(id)' })).toThrow(RangeError);
});

describe('the report', () => {
  const report = (...lines: readonly string[]) =>
    readLinuxReport(lines.map((line) => `@${marker} ${line}\n`).join(''), marker);

  test('has facts, notes, steps, log and end', () => {
    const read = report(
      'fact distribution Debian GNU/Linux 12',
      'note accounts these accounts stay in the image: bob',
      'step stop-agent ok ',
      'step deprovision-agent failed waagent ended with 3',
      'log   line of the log',
      'end failed Step deprovision-agent failed.',
    );
    expect(read).toEqual({
      facts: new Map([['distribution', 'Debian GNU/Linux 12']]),
      notes: [{ kind: 'accounts', text: 'these accounts stay in the image: bob' }],
      steps: [
        { name: 'stop-agent', outcome: 'ok', detail: '' },
        { name: 'deprovision-agent', outcome: 'failed', detail: 'waagent ended with 3' },
      ],
      log: ['  line of the log'.trimStart()],
      end: { kind: 'failed', detail: 'Step deprovision-agent failed.' },
    });
  });

  test.each([
    ['of nothing', ''],
    ['of other words', `@${marker} hello world\n`],
    ['of ends and outcomes that there are not', `@${marker} end soon\n@${marker} step a maybe\n`],
    ['of another run', `@${'0'.repeat(32)} end ok\n`],
    ['of a line whose beginning is cut off', `${marker.slice(9)} end ok\n`],
  ])('%s is empty', (_name, text) => {
    expect(readLinuxReport(text, marker)).toEqual({
      facts: new Map(),
      notes: [],
      steps: [],
      log: [],
      end: undefined,
    });
  });

  test('takes the last end: the guest did not power off after all', () => {
    expect(report('end ok', 'end failed The guest could not be powered off.').end?.kind).toBe(
      'failed',
    );
  });

  test('is found in what Azure makes of it, and on a serial console', () => {
    const azure = `Enable succeeded: \n[stdout]\n@${marker} end started\n\n[stderr]\n`;
    const serial = `[ 12.3] kernel: hello @${marker} step settle ok\r\n\r\n@${marker} end ok\r\n`;
    expect(readLinuxReport(azure, marker).end?.kind).toBe('started');
    expect(readLinuxReport(serial, marker)).toMatchObject({
      steps: [{ name: 'settle', outcome: 'ok', detail: '' }],
      end: { kind: 'ok', detail: '' },
    });
  });
});

test('marked lines are those with the marker, without it', () => {
  expect(
    markedLines(`noise\n@${marker} one \r\n@${marker}two\nx @${marker} three`, marker),
  ).toEqual(['one', 'three']);
});
