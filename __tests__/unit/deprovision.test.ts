import { describe, expect, test } from '@jest/globals';
import type { GuestScript } from '../../src/azure/guest-commands.ts';
import type { GuestRecord, VirtualMachine } from '../../src/facts.ts';
import { deprovision } from '../../src/guest/deprovision.ts';
import type { GuestRig } from '../../src/guest/guest-command.ts';
import { linuxMarker } from '../../src/guest/linux-record.ts';
import { vmOf } from '../support/facts.ts';
import { literalClock, literalLog } from '../support/literal-ports.ts';
import { guestOutput, healthyGuest } from '../support/windows-guest.ts';

const order = { deprovisionUser: true, timeoutSeconds: 300, allowsDomainMember: true };
const marker = linuxMarker('0123456789abcdef', vmOf());
const boot = '[    0.000000] Linux version 6.1.0\n';
const ok = `@${marker} end ok\n`;
const bootTime = '2026-11-21T08:00:00Z';

/** A guest as the action meets it: what its scripts print, its VM and its serial console as time passes, in seconds. */
interface Acting {
  readonly osType?: 'Linux' | 'Windows';
  readonly prints: (script: string, seconds: number) => string;
  /** Azure answers a script with this, before it has taken it. */
  readonly refusal?: Error;
  readonly vm?: (seconds: number) => Partial<VirtualMachine>;
  /** What a look at the VM ends with, instead; `gone` is that there is none. */
  readonly trouble?: (seconds: number) => Error | 'gone' | undefined;
  readonly serial?: (seconds: number) => string | undefined;
  readonly signal?: AbortSignal;
  readonly changes?: Partial<typeof order>;
  /** What the console told of an earlier run before this one. */
  readonly record?: GuestRecord;
  /** Its agent before this run. */
  readonly agent?: VirtualMachine['agent'];
}

async function run(acting: Acting) {
  const {
    osType = 'Linux',
    prints,
    refusal,
    vm,
    trouble,
    serial,
    signal,
    changes,
    record,
    agent,
  } = acting;
  const clock = literalClock();
  const log = literalLog();
  const scripts: string[] = [];
  const seconds = (): number => clock.now() / 1000;
  const vmSeen = (): VirtualMachine => vmOf({ osType, ...vm?.(seconds()) });
  const rig: GuestRig = {
    clock,
    log,
    signal: signal ?? new AbortController().signal,
    newMarker: () => marker,
    compute: {
      getVm: () => {
        const found = trouble?.(seconds());
        if (found instanceof Error) return Promise.reject(found);
        return Promise.resolve(found === 'gone' ? undefined : vmSeen());
      },
    },
    guests: {
      run: async (_id, { text }: GuestScript, _deadlineMs, _signal, onAccepted) => {
        scripts.push(text);
        if (refusal !== undefined) throw refusal;
        onAccepted?.();
        await clock.sleep(20_000, rig.signal);
        return prints(text, seconds());
      },
      serialLog: () => Promise.resolve(serial?.(seconds())),
      removeExtension: () => Promise.resolve(),
    },
  };
  const before = vmOf({
    osType,
    agent: agent ?? 'notReady',
    ...(record && { guestRecord: record }),
  });
  const failure = await deprovision(before, { ...order, ...changes }, rig).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return { failure, lines: log.lines, seconds: seconds(), scripts };
}

const started = `@${marker} end started`;
const forbidden = Object.assign(new Error('Not now.'), {
  code: 'AuthorizationFailed',
  statusCode: 403,
});
const remedy =
  'Grant the identity this action (docs/permissions.md), wait some minutes and run again.';

describe('a Linux guest', () => {
  test('that fails without its agent tells it on the serial console', async () => {
    const { failure, lines, seconds } = await run({
      prints: () => started,
      vm: (now) => ({ agent: now < 60 ? 'ready' : 'notReady' }),
      serial: (now) =>
        now < 60
          ? '[ 1.0] Linux'
          : `[ 1.0] Linux\n[ 60.1] @${marker} step clean-cloud-init failed it did not\n@${marker} end failed Step clean-cloud-init failed`,
    });
    expect(failure).toBe(
      'The guest of VM "builder" could not be deprovisioned: Step clean-cloud-init failed. See the guest\'s log above; the VM still runs.',
    );
    expect(lines).toContain('info:   clean-cloud-init: failed (it did not)');
    expect(seconds).toBeLessThan(120);
  });

  test('that never ends is given up after its time and that of its own watchdog', async () => {
    const { failure, lines, seconds } = await run({
      prints: () => started,
      vm: () => ({ agent: 'notReady' }),
      serial: () => 'login:\n[ 30.0] watchdog: BUG: soft lockup\n',
    });
    expect(failure).toContain('has not powered off within 5 minutes and does not tell why');
    expect(lines).toContain('info:   | [ 30.0] watchdog: BUG: soft lockup');
    expect(seconds).toBeGreaterThan(300);
    expect(seconds).toBeLessThan(600);
  });

  test('that never ends and has no console is given up too', async () => {
    const { failure, lines } = await run({
      prints: () => started,
      vm: () => ({ agent: 'notReady' }),
    });
    expect(failure).toContain('has not powered off within 5 minutes');
    expect(lines.filter((line) => line.includes('serial console of'))).toEqual([]);
  });

  test('whose agent stays is asked now and then, and not believed before it is off', async () => {
    const { failure, scripts } = await run({
      prints: (script) =>
        script.includes('linux report')
          ? `@${marker} step settle ok\n@${marker} end running`
          : started,
      vm: (now) => (now < 250 ? {} : { powerState: 'stopped', agent: 'unknown' }),
    });
    expect(failure).toBeUndefined();
    const reports = scripts.filter((script) => script.includes('linux report'));
    expect(reports.length).toBeGreaterThanOrEqual(2);
    expect(reports.length).toBeLessThanOrEqual(4);
  });

  test('whose VM takes no command is not watched, since nothing has begun in it', async () => {
    const { failure, seconds } = await run({ prints: () => started, refusal: forbidden });
    expect(failure).toBe(
      `Could not run a script in VM "builder": AuthorizationFailed (403): not now. ${remedy}`,
    );
    expect(seconds).toBe(0);
  });

  test('whose start was taken and then is not told of is watched', async () => {
    const { failure, lines } = await run({
      prints: (script) => {
        if (script.includes('linux start')) throw forbidden;
        return `@${marker} end running`;
      },
      vm: (now) => (now < 100 ? { agent: 'notReady' } : { powerState: 'stopped' }),
    });
    expect(failure).toBeUndefined();
    expect(lines.join('\n')).toContain('warn: Could not run a script in VM "builder"');
  });

  test.each<[string, Error | 'gone']>([
    ['may not be looked at', forbidden],
    ['is not found', 'gone'],
  ])('that %s for some seconds is watched all the same', async (_name, found) => {
    const { failure } = await run({
      prints: () => started,
      vm: (now) => (now < 100 ? { agent: 'notReady' } : { powerState: 'stopped' }),
      trouble: (now) => (now > 60 && now < 80 ? found : undefined),
    });
    expect(failure).toBeUndefined();
  });

  test.each<[string, Error | 'gone', string]>([
    [
      'may not be looked at any more',
      forbidden,
      `Could not look at VM "builder" while its guest is deprovisioned: AuthorizationFailed (403): not now. ${remedy}`,
    ],
    [
      'was deleted',
      'gone',
      'VM "builder" was deleted while its guest was deprovisioned: see in the activity log of its resource group who did, and run again.',
    ],
  ])('that %s is given up', async (_name, found, says) => {
    const { failure, seconds } = await run({
      prints: () => started,
      vm: () => ({ agent: 'notReady' }),
      trouble: (now) => (now > 60 ? found : undefined),
    });
    expect(failure).toBe(says);
    expect(seconds).toBeLessThan(120);
  });

  test('that is asked and does not answer is seen going off all the same', async () => {
    let isAsked = false;
    const { failure, lines } = await run({
      prints: (script) => {
        if (!script.includes('linux report')) return started;
        isAsked = true;
        throw new Error('no answer');
      },
      vm: (now) => (now < 200 ? {} : { powerState: 'stopped' }),
    });
    expect(isAsked).toBe(true);
    expect(failure).toBeUndefined();
    expect(lines.at(-1)).toBe('info: The guest of VM "builder" is deprovisioned.');
  });

  test('that is off although its console tells of a failure is not taken for deprovisioned', async () => {
    const { failure } = await run({
      prints: () => started,
      vm: (now) => (now < 40 ? {} : { powerState: 'stopped' }),
      serial: () => `@${marker} end failed Step machine-id failed`,
    });
    expect(failure).toContain('could not be deprovisioned: Step machine-id failed.');
  });

  test.each([
    ['stopped', `@${marker} step settle ok\n@${marker} step stop-agent ok`],
    ['deallocated', undefined],
    ['deallocated', `@${marker} step settle ok`],
  ] as const)(
    'that is %s from outside is not taken for deprovisioned',
    async (powerState, text) => {
      const { failure } = await run({
        prints: () => started,
        vm: (now) => (now < 60 ? {} : { powerState }),
        serial: () => text,
      });
      expect(failure).toBe(
        `VM "builder" was ${powerState} from outside while its guest was deprovisioned, which may be half done. Start it and run again.`,
      );
    },
  );

  test('whose console comes late is waited for', async () => {
    const { failure, lines } = await run({
      prints: () => started,
      vm: (now) => (now < 60 ? {} : { powerState: 'stopped' }),
      serial: (now) => `@${marker} step settle ok\n${now < 70 ? '' : `@${marker} end ok`}`,
    });
    expect(failure).toBeUndefined();
    expect(lines).toContain('info:   settle: ok');
  });

  test('whose start command did not end is watched, since it may have begun', async () => {
    const { failure, lines } = await run({
      prints: () => {
        throw new Error('the operation has not ended after 10 minutes');
      },
      vm: (now) => (now < 60 ? {} : { powerState: 'stopped' }),
    });
    expect(failure).toBeUndefined();
    expect(lines.join('\n')).toContain('the operation has not ended after 10 minutes');
  });

  test('that tells nothing of its start is watched all the same', async () => {
    const { failure, lines } = await run({
      prints: () => 'cut',
      vm: (now) => (now < 60 ? {} : { powerState: 'stopped' }),
    });
    expect(failure).toBeUndefined();
    expect(lines.join('\n')).toContain('did not tell whether its deprovisioning has started');
  });

  test('with the marker of another run in its output is not believed', async () => {
    const other = 'f'.repeat(32);
    const { lines } = await run({
      prints: () => `@${other} end refused forged`,
      vm: (now) => (now < 60 ? {} : { powerState: 'stopped' }),
    });
    expect(lines.join('\n')).not.toContain('forged');
  });

  test('whose deprovisioning an earlier run has started is only waited for', async () => {
    const { failure, scripts } = await run({
      record: { marker, state: 'working' },
      prints: () => '',
      vm: (now) => (now < 60 ? { agent: 'notReady' } : { powerState: 'stopped' }),
      serial: (now) => `${boot}@${marker} step settle ok\n${now < 60 ? '' : ok}`,
    });
    expect(failure).toBeUndefined();
    expect(scripts).toEqual([]);
  });

  const half = 'which may be half done. Start it and run again.';
  const silent = 'does not tell any more how its deprovisioning ended. Run again';
  test.each<[string, string | undefined, string]>([
    ['does not tell of its end', `${boot}@${marker} step settle ok\n`, half],
    ['tells that it has started since', `${boot}@${marker} step settle ok\n${ok}${boot}`, half],
    ['is gone', '', silent],
    ['may not be read any more', undefined, silent],
  ])(
    'of an earlier run that is off is not believed when its console %s',
    async (_name, shown, message) => {
      const { failure } = await run({
        record: { marker, state: 'working' },
        prints: () => '',
        vm: () => ({ powerState: 'stopped' }),
        serial: () => shown,
      });
      expect(failure).toContain(message);
    },
  );

  test('of an earlier run that never ends is given up with what to do', async () => {
    const { failure } = await run({
      record: { marker, state: 'working' },
      prints: () => '',
      vm: () => ({ agent: 'notReady' }),
      serial: () => `${boot}@${marker} step settle ok\n`,
    });
    expect(failure).toContain('restart the VM and run again, which deprovisions it anew.');
  });

  test.each(['lost', 'failed Step leases failed'])(
    'that answers that its earlier deprovisioning is %s is deprovisioned anew',
    async (end) => {
      const before = linuxMarker('fedcba9876543210', vmOf());
      const { failure, scripts, lines } = await run({
        record: { marker: before, state: 'working' },
        agent: 'ready',
        prints: (script) => (script.includes('linux report') ? `@${before} end ${end}` : started),
        vm: (now) => (now < 100 ? { agent: 'notReady' } : { powerState: 'stopped' }),
      });
      expect(failure).toBeUndefined();
      expect(lines.join('\n')).toContain('is not at it any more: it is deprovisioned anew.');
      expect(scripts.map((script) => /linux (\w+)/.exec(script)?.[1])).toEqual(['report', 'start']);
    },
  );

  test('that answers that it is still at it is waited for', async () => {
    const { failure, scripts } = await run({
      record: { marker, state: 'working' },
      agent: 'ready',
      prints: () => `@${marker} end running`,
      vm: (now) => (now < 60 ? { agent: 'notReady' } : { powerState: 'stopped' }),
      serial: () => `${boot}${ok}`,
    });
    expect(failure).toBeUndefined();
    expect(scripts).toHaveLength(1);
  });

  test('that is cancelled goes on, and the log says what to do', async () => {
    const cancelled = new AbortController();
    const { lines } = await run({
      prints: () => started,
      signal: cancelled.signal,
      vm: (now) => {
        if (now > 60) cancelled.abort();
        return { agent: 'notReady' };
      },
    });
    expect(lines.at(-1)).toBe(
      'warn: The guest of VM "builder" is being deprovisioned and goes on without this run: within 5 minutes it is off, or runs with its agent where it failed. Run again: what the serial console tells is taken up. Where there is none, capture the VM with "generalize: mark" when it is off; do not use it otherwise.',
    );
  });
});

interface State {
  readonly imageState?: string;
  readonly processes?: readonly string[];
  readonly bootTime?: string;
  readonly errors?: readonly string[];
}

/** Prints what inspect.ps1, sysprep.ps1 and state.ps1 would. */
function windows(
  stateAt: (seconds: number) => State | undefined,
  facts: object = {},
): (script: string, seconds: number) => string {
  const listOf = (names: readonly string[]) => ({ count: names.length, names });
  return (script, seconds) => {
    if (script.includes("Write-Report 'facts'")) {
      return guestOutput(marker, 'facts', { ...healthyGuest, ...facts });
    }
    if (script.includes("Write-Report 'sysprep'")) {
      const none = listOf([]);
      const lists = { processes: none, removed: none, left: listOf(['C:\\unattend.xml']) };
      const start = { started: true, imageState: 'IMAGE_STATE_COMPLETE', bootTime, code: 0 };
      return guestOutput(marker, 'sysprep', { ...start, ...lists });
    }
    const state = stateAt(seconds);
    if (state === undefined) return 'cut in the mid';
    return guestOutput(marker, 'state', {
      imageState: `IMAGE_STATE_${state.imageState ?? 'COMPLETE'}`,
      processes: listOf(state.processes ?? []),
      bootTime: state.bootTime ?? bootTime,
      errors: state.errors ?? [],
      tail: [],
    });
  };
}

describe('a Windows guest', () => {
  const working = ['sysprep'];
  test.each<{ name: string; stateAt: (seconds: number) => State | undefined; says?: string }>([
    {
      name: 'generalizes through UNDEPLOYABLE, which counts for nothing while it works',
      stateAt: (now) =>
        now < 100
          ? { imageState: 'UNDEPLOYABLE', processes: ['SetupHost'] }
          : { imageState: 'GENERALIZE_RESEAL_TO_OOBE' },
    },
    {
      name: 'generalizes although answers are lost',
      stateAt: (now) => (now < 150 ? undefined : { imageState: 'GENERALIZE_RESEAL_TO_OOBE' }),
    },
    {
      name: 'ends in UNDEPLOYABLE',
      stateAt: () => ({ imageState: 'UNDEPLOYABLE' }),
      says: 'Sysprep ended without generalizing Windows (ImageState "UNDEPLOYABLE")',
    },
    {
      name: 'never leaves COMPLETE',
      stateAt: () => ({
        errors: [
          'Package Contoso.App_1 was installed for a user, but not provisioned for all users.',
        ],
      }),
      says: 'app packages are installed for a user but not provisioned for all users: Contoso.App_1',
    },
    {
      name: 'is in a setup that has not ended',
      stateAt: () => ({ imageState: 'SPECIALIZE_RESEAL_TO_OOBE' }),
      says: '(ImageState "SPECIALIZE_RESEAL_TO_OOBE")',
    },
    {
      name: 'works on without an end',
      stateAt: () => ({ imageState: 'UNDEPLOYABLE', processes: working }),
      says: 'Sysprep has not ended within 5 min',
    },
    {
      name: 'is restarted',
      stateAt: (now) => (now < 100 ? { processes: working } : { bootTime: '2026-11-21T09:00:00Z' }),
      says: 'Windows restarted while Sysprep worked',
    },
    {
      name: 'never answers',
      stateAt: () => undefined,
      says: 'has not told for 5 min 0 s how far Sysprep is',
    },
  ])('whose Sysprep $name', async ({ stateAt, says }) => {
    const { failure, lines, seconds } = await run({ osType: 'Windows', prints: windows(stateAt) });
    if (says === undefined) expect(failure).toBeUndefined();
    else expect(failure).toContain(says);
    expect(lines).toContain('warn: Could not be removed in the guest: C:\\unattend.xml');
    expect(seconds).toBeLessThan(600);
  });

  test('that gives no whole answer to what it is like is left alone', async () => {
    const { failure, scripts } = await run({ osType: 'Windows', prints: () => 'cut' });
    expect(failure).toContain('gave no whole answer to what its Windows is like');
    expect(scripts).toHaveLength(1);
  });

  test('of a domain is refused where its copy would meet it', async () => {
    const facts = { domain: { value: 'corp.example' } };
    const prints = windows(() => ({ imageState: 'GENERALIZE_RESEAL_TO_OOBE' }), facts);
    const refused = { allowsDomainMember: false };
    const { failure } = await run({ osType: 'Windows', prints, changes: refused });
    expect(failure).toContain(
      'VM "builder" is a member of a domain: its copy would meet the domain',
    );
    const { failure: none } = await run({ osType: 'Windows', prints });
    expect(none).toBeUndefined();
  });

  test('that gives no answers, and whose VM may not be looked at for a while, is watched all the same', async () => {
    const state = windows((now) =>
      now > 400 ? { imageState: 'GENERALIZE_RESEAL_TO_OOBE' } : { processes: working },
    );
    const { failure } = await run({
      osType: 'Windows',
      prints: (script, seconds) => {
        if (seconds > 100 && seconds < 250) throw new Error('The agent does not answer.');
        return state(script, seconds);
      },
      trouble: (now) => (now > 100 && now < 250 ? forbidden : undefined),
      changes: { timeoutSeconds: 900 },
    });
    expect(failure).toBeUndefined();
  });

  test('whose VM is stopped in the middle is not taken for generalized', async () => {
    const { failure } = await run({
      osType: 'Windows',
      prints: (script, seconds) => {
        if (seconds > 60) throw new Error('The operation requires the VM to be running.');
        return windows(() => ({ processes: working }))(script, seconds);
      },
      vm: (now) => (now > 60 ? { powerState: 'stopped' } : {}),
    });
    expect(failure).toContain('was stopped while Sysprep worked in it');
  });
});
