import { beforeAll, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { ScenarioAct } from '../../local-azure/scenario-guest.ts';
import type { ScenarioVirtualMachine } from '../../local-azure/scenario.ts';
import { deprovision } from '../../src/guest/deprovision.ts';
import { vmOf } from '../support/facts.ts';
import { linuxStarts, sysprepIs, sysprepStarts, windowsIs } from '../support/guest-acts.ts';
import { literalClock, literalLog } from '../support/literal-ports.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { openAzure } from '../support/quick-session.ts';
import { buildScenario, CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from '../support/scenario.ts';

const { signal } = new AbortController();
const id = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute/virtualMachines/builder`;
const order = { deprovisionUser: true, timeoutSeconds: 300, allowsDomainMember: true };
const signIn = {
  identity: {
    kind: 'client-secret' as const,
    clientId: CLIENT,
    tenantId: TENANT,
    clientSecret: CLIENT_SECRET,
  },
  environment: { kind: 'named' as const, name: 'AzureCloud' as const },
};

let local: LocalAzure;

beforeAll(async () => {
  local = await startLocalAzure(buildScenario());
  useLocalAzure(local);
});

/** Deprovisions a guest that acts so, through the real clients; each command takes 20 s of the time that is looked at. */
async function run(osType: 'Linux' | 'Windows', acts: readonly ScenarioAct[]) {
  const vm: Partial<ScenarioVirtualMachine> = {
    osType,
    dataDisks: [],
    bootDiagnostics: 'managed',
    guest: { acts },
  };
  await local.reset(buildScenario({ vm, scenario: { retryAfterSeconds: 0 } }));
  const azure = await openAzure(signIn, () => Promise.reject(new Error()), signal);
  const clock = literalClock();
  const log = literalLog();
  let markers = 0;
  const failure = await deprovision(vmOf({ id, osType }), order, {
    compute: azure.compute,
    guests: {
      ...azure.guests,
      run: async (...command) => {
        const output = await azure.guests.run(...command);
        await clock.sleep(20_000, signal);
        return output;
      },
    },
    clock,
    log,
    signal,
    newMarker: () => (markers += 1).toString(16).padStart(32, '0'),
  }).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return { failure, lines: log.lines };
}

describe('a Windows guest, by its ImageState', () => {
  const works = { count: 1, names: ['sysprep'] };
  test.each<{ name: string; states: readonly ScenarioAct[]; says?: string }>([
    {
      name: 'UNDEPLOYABLE while it works, then GENERALIZE_RESEAL_TO_OOBE',
      states: [
        sysprepIs('UNDEPLOYABLE', { processes: works }, 2),
        sysprepIs('GENERALIZE_RESEAL_TO_OOBE'),
      ],
    },
    {
      name: 'UNDEPLOYABLE at its end',
      states: [sysprepIs('UNDEPLOYABLE')],
      says: 'Sysprep ended without generalizing Windows (ImageState "UNDEPLOYABLE")',
    },
    {
      name: 'COMPLETE for ever',
      states: [sysprepIs('COMPLETE')],
      says: 'Sysprep ended without generalizing Windows (ImageState "COMPLETE")',
    },
    {
      name: 'SPECIALIZE_RESEAL_TO_OOBE',
      states: [sysprepIs('SPECIALIZE_RESEAL_TO_OOBE')],
      says: 'Sysprep ended without generalizing Windows (ImageState "SPECIALIZE_RESEAL_TO_OOBE")',
    },
    {
      name: 'UNDEPLOYABLE, and still at work when its time is over',
      states: [sysprepIs('UNDEPLOYABLE', { processes: works })],
      says: 'Sysprep has not ended within 5 min',
    },
    {
      name: 'COMPLETE after a restart',
      states: [
        sysprepIs('COMPLETE', { processes: works }, 1),
        sysprepIs('COMPLETE', { bootTime: '2026-11-21T09:00:00Z' }),
      ],
      says: 'Windows restarted while Sysprep worked',
    },
  ])('$name', async ({ states, says }) => {
    const { failure } = await run('Windows', [windowsIs(), sysprepStarts, ...states]);
    if (says === undefined) expect(failure).toBeUndefined();
    else expect(failure).toContain(says);
  });
});

describe('a Linux guest', () => {
  test('that fails and loses its agent tells it on the serial console', async () => {
    const { failure, lines } = await run('Linux', [
      linuxStarts([
        { afterSeconds: 20, do: 'stopAgent' },
        {
          afterSeconds: 30,
          do: 'serial',
          text: '[ 1.0] @{marker} step clean-cloud-init failed no',
        },
        {
          afterSeconds: 30,
          do: 'serial',
          text: '@{marker} end failed Step clean-cloud-init failed',
        },
      ]),
    ]);
    expect(failure).toContain('could not be deprovisioned: Step clean-cloud-init failed.');
    expect(lines).toContain('info:   clean-cloud-init: failed (no)');
  });

  test('that never ends is given up, with the end of its console', async () => {
    const { failure, lines } = await run('Linux', [
      linuxStarts([
        { afterSeconds: 20, do: 'stopAgent' },
        { afterSeconds: 30, do: 'serial', text: '[ 30.0] watchdog: BUG: soft lockup' },
      ]),
    ]);
    expect(failure).toContain('has not powered off within 5 minutes');
    expect(lines.join('\n')).toContain('[ 30.0] watchdog: BUG: soft lockup');
  });
});
