import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ScenarioAct } from '../../local-azure/scenario-guest.ts';
import type { FaultRule, ScenarioVirtualMachine } from '../../local-azure/scenario.ts';
import {
  changesIn,
  expectNoSecrets,
  expectNothingLeft,
  runAction,
  type ActionRun,
} from '../support/action.ts';
import {
  deprovisioningInputs,
  linuxReports,
  linuxStarts,
  linuxSucceeds,
  sysprepIs,
  sysprepStarts,
  windowsIs,
} from '../support/guest-acts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario } from '../support/scenario.ts';

const inputs = deprovisioningInputs;

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(scenarioOf([]));
});

function scenarioOf(acts: readonly ScenarioAct[], vm: Partial<ScenarioVirtualMachine> = {}) {
  return buildScenario({ vm: { dataDisks: [], ...vm, guest: { acts } } });
}

/** Runs the bundle on a VM whose guest acts so. */
async function deprovision(
  acts: readonly ScenarioAct[],
  {
    vm = {},
    given = {},
    faults = [],
  }: {
    readonly vm?: Partial<ScenarioVirtualMachine>;
    readonly given?: Readonly<Record<string, string>>;
    readonly faults?: readonly FaultRule[];
  } = {},
): Promise<ActionRun> {
  await azure.reset(scenarioOf(acts, vm));
  await azure.setFaults(faults);
  return runAction(azure, { ...inputs, ...given });
}

const windows = { osType: 'Windows' } as const;

/** What was done to the VM, in its order. */
async function stepsOf(): Promise<readonly string[]> {
  const steps = (await changesIn(azure)).flatMap((change) => {
    const step =
      /virtualMachines\/builder\/(\w+)\?|(snapshots)\/(?!builder-claim-)[^/]+\?|extensions\/(\w+)\?/.exec(
        change,
      );
    const [, ofVm, ofSnapshot, ofExtension] = step ?? [];
    if (ofVm === 'retrieveBootDiagnosticsData') return [];
    if (ofSnapshot !== undefined) return change.startsWith('PUT') ? ['snapshot'] : [];
    return [ofVm ?? ofExtension ?? ''].filter((name) => name !== '');
  });
  return steps.filter((step, index) => step !== steps[index - 1]);
}

async function vmState(): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { resources } = await azure.state();
  return resources['Microsoft.Compute/virtualMachines']?.find(({ name }) => name === 'builder');
}

/** A failed run that stopped before anything but the guest was touched. */
async function expectStopped(run: ActionRun, ...says: readonly string[]): Promise<void> {
  expect(run.main.log).toContain(says[0] ?? '');
  for (const text of says) expect(run.main.log).toContain(text);
  expect(run.main.exitCode).toBe(1);
  expect((await stepsOf()).filter((step) => step !== 'runCommand')).toEqual([]);
  expect(JSON.stringify((await vmState())?.['properties'])).not.toContain('OSState/generalized');
  expectNoSecrets(run);
  await expectNothingLeft(azure);
}

describe('a Linux guest', () => {
  test('is deprovisioned before the VM is stopped, captured and marked generalized', async () => {
    const acts = [
      linuxStarts(linuxSucceeds, [
        'fact distribution Debian GNU/Linux 12',
        'note accounts these accounts stay in the image: backup',
        'end started',
      ]),
    ];
    const run = await deprovision(acts, { vm: { bootDiagnostics: 'managed' } });
    expect(run.main.exitCode).toBe(0);
    expect(await stepsOf()).toEqual([
      'runCommand',
      'powerOff',
      'snapshot',
      'deallocate',
      'generalize',
    ]);
    expect(run.main.outputs['os-state']).toBe('Generalized');
    expect(run.main.log).toMatch(/Point of no return: VM "builder" \([0-9a-f-]{36}\)/);
    expect(run.main.log).toContain('distribution Debian GNU/Linux 12');
    expect(run.main.log).toContain(
      'The guest of VM "builder": these accounts stay in the image: backup.',
    );
    expect(run.main.log).toContain('  deprovision-agent: ok (-deprovision+user)');
    expectNoSecrets(run);
    await expectNothingLeft(azure);
  });

  test('is believed without a serial console too: only success powers it off', async () => {
    const run = await deprovision([linuxStarts(linuxSucceeds)]);
    expect(run.main.exitCode).toBe(0);
    expect(await stepsOf()).toContain('generalize');
  });

  test('that refuses is told why, and nothing was changed', async () => {
    const acts = [linuxStarts([], ['end refused the guest has neither waagent nor cloud-init'])];
    await expectStopped(
      await deprovision(acts),
      'VM "builder" cannot be deprovisioned: the guest has neither waagent nor cloud-init. Nothing was changed in VM "builder".',
    );
  });

  test('that failed is asked when its agent is back, and its log is shown', async () => {
    const acts = [
      linuxStarts([
        { afterSeconds: 20, do: 'stopAgent' },
        { afterSeconds: 60, do: 'startAgent' },
      ]),
      linuxReports(
        'log waagent: no space left on device',
        'step stop-agent ok',
        'step deprovision-agent failed waagent ended with 1',
        'end failed Step deprovision-agent failed. The guest may be half deprovisioned',
      ),
    ];
    await expectStopped(
      await deprovision(acts),
      'The guest of VM "builder" could not be deprovisioned: Step deprovision-agent failed.',
      '  deprovision-agent: failed (waagent ended with 1)',
      '  | waagent: no space left on device',
    );
  });

  test('that was restarted in the middle is not taken for deprovisioned', async () => {
    const acts = [linuxStarts([{ afterSeconds: 30, do: 'reboot' }]), linuxReports('end lost')];
    await expectStopped(
      await deprovision(acts),
      'The guest of VM "builder" was restarted while it was deprovisioned, and may be half deprovisioned.',
    );
  });

  test('that runs another command is waited for', async () => {
    const busy: FaultRule = {
      match: { method: 'POST', path: '/runCommand' },
      times: 2,
      action: {
        kind: 'answer',
        status: 409,
        code: 'Conflict',
        message:
          'Run command extension execution is in progress. Please wait for completion before invoking a run command.',
      },
    };
    const run = await deprovision([linuxStarts(linuxSucceeds)], { faults: [busy] });
    expect(run.main.exitCode).toBe(0);
    expect(run.main.log.match(/runs another command: waiting for its end/g)).toHaveLength(1);
  });

  test('whose agent does not answer is told what to do', async () => {
    const silent = {
      code: 'VMAgentStatusCommunicationError',
      message: "VM 'builder' has not reported status for VM agent or extensions.",
    };
    const act = { ...linuxStarts([]), fails: silent };
    await expectStopped(
      await deprovision([act]),
      'The VM agent of VM "builder" does not answer. Look at the agent in the guest',
    );
  });

  test('loses its extensions before, where that is asked for', async () => {
    const run = await deprovision([linuxStarts(linuxSucceeds)], {
      vm: { extensions: ['CustomScript'] },
      given: { 'remove-extensions': 'true' },
    });
    expect(run.main.log).toContain('Extension "CustomScript" is removed.');
    expect(run.main.exitCode).toBe(0);
    expect((await stepsOf()).slice(0, 3)).toEqual(['CustomScript', 'runCommand', 'powerOff']);
  });
});

test.each([
  { step: 'snapshots', method: 'PUT', path: '/snapshots/builder-os-' },
  { step: 'access, when it may be deallocated already', method: 'POST', path: '/beginGetAccess' },
])(
  'a run that fails at its $step marks the VM whose guest is deprovisioned, and the next one goes on',
  async ({ method, path }) => {
    const refused: FaultRule = {
      match: { method, path },
      times: 0,
      action: { kind: 'answer', status: 403, code: 'AuthorizationFailed', message: 'Not allowed.' },
    };
    const run = await deprovision([linuxStarts(linuxSucceeds)], { faults: [refused] });
    expect(run.main.exitCode).toBe(1);
    expect(run.main.log).toContain('is marked generalized: the next run goes on from there.');
    await azure.setFaults([]);
    const next = await runAction(azure, { ...inputs, 'blob-name': '{vm}-{disk}-{replica}.vhd' });
    expect(next.main.exitCode).toBe(0);
    expect(next.main.log).not.toContain('Deprovision the guest');
    expect(next.main.outputs['os-state']).toBe('Generalized');
    await expectNothingLeft(azure);
  },
);

describe('a Windows guest', () => {
  test('is generalized by Sysprep, and the VM is stopped when that has ended well', async () => {
    const acts = [
      windowsIs(),
      sysprepStarts,
      sysprepIs('UNDEPLOYABLE', { processes: { count: 1, names: ['SetupHost'] } }, 1),
      sysprepIs('GENERALIZE_RESEAL_TO_OOBE'),
    ];
    const run = await deprovision(acts, { vm: windows });
    expect(run.main.exitCode).toBe(0);
    expect(await stepsOf()).toEqual([
      'runCommand',
      'powerOff',
      'snapshot',
      'deallocate',
      'generalize',
    ]);
    expect(run.main.log).toContain('Removed in the guest: C:\\Windows\\Panther');
  });

  test('that Sysprep cannot take is refused before anything is done in it', async () => {
    const volumes = { value: { count: 1, names: ['C: FullyEncrypted'] } };
    const acts = [windowsIs({ bitLocker: volumes }), sysprepStarts];
    await expectStopped(
      await deprovision(acts, { vm: windows }),
      'volumes are not fully decrypted',
      'Nothing was changed in VM "builder".',
    );
    const commands = (await changesIn(azure)).filter((change) => change.includes('/runCommand'));
    expect(commands).toHaveLength(1);
  });

  test('that is generalized already goes straight on', async () => {
    const acts = [windowsIs({ imageState: { value: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' } })];
    const run = await deprovision(acts, { vm: windows });
    expect(run.main.exitCode).toBe(0);
    expect(await stepsOf()).toContain('generalize');
  });
});

test('a run that is cancelled while the guest is deprovisioned says what becomes of the VM', async () => {
  await azure.reset(scenarioOf([linuxStarts([{ afterSeconds: 20, do: 'stopAgent' }])]));
  const run = await runAction(azure, inputs, {
    onStart: (child) => {
      child.stdout?.on('data', (data: Buffer) => {
        if (data.includes('The guest of VM "builder": ')) child.kill('SIGINT');
      });
    },
  });
  expect(run.main.log).toContain('The run was cancelled.');
  expect(run.main.log).toContain(
    'The guest of VM "builder" is being deprovisioned and goes on without this run',
  );
  await expectNothingLeft(azure);
});
