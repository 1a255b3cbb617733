import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { FaultAction, FaultMatch, FaultRule } from '../../local-azure/scenario.ts';
import { runPhase, type Step } from '../../local-runner/run-action.ts';
import { runAction, scaledClock, usualInputs, type ActionRun } from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT_SECRET } from '../support/scenario.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const plantedLeak = fileURLToPath(new URL('../support/planted-leak.ts', import.meta.url));
const disk = { name: 'builder-os', sizeGiB: 1, content: { seed: 1, dataMiB: 1 } };
const scenario = buildScenario({ vm: { osDisk: disk, dataDisks: [] } });
const small = { 'storage-accounts': 'imageswe1', replicas: '2' };
/** Everything is logged, by the SDKs too. */
const verbose: Partial<Step> = { debug: true, environment: { AZURE_LOG_LEVEL: 'verbose' } };

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
});

beforeEach(async () => {
  await azure.reset(scenario);
});

/** What was given out and is found in texts: whole, or the part that makes it a secret, also decoded. */
async function leaksIn(texts: readonly string[]): Promise<readonly string[]> {
  const shown = texts.join('\n');
  const secrets = [...(await azure.secrets()), CLIENT_SECRET].flatMap((secret) => {
    const signature = /[?&]sig=([^&]+)/.exec(secret)?.[1] ?? secret.split('.')[2] ?? secret;
    return [secret, signature, decodeURIComponent(signature)];
  });
  return [...new Set(secrets)].filter((secret) => shown.includes(secret));
}

function textsOf({ main, post, filesText, manifestText }: ActionRun): readonly string[] {
  const ofPhases = [main, post].flatMap(({ raw, log, outputs, state, summary }) => [
    raw,
    log,
    summary,
    JSON.stringify([outputs, state]),
  ]);
  return [...ofPhases, filesText, manifestText];
}

const lasting = (match: FaultMatch, action: FaultAction): readonly FaultRule[] => [
  { match, times: 0, action },
];
const refused: FaultAction = { kind: 'answer', status: 403, code: 'AuthorizationFailure' };
const piece: FaultMatch = { method: 'PUT', host: 'blob\\.core', path: 'comp=page$' };
const byCopyBlob = { ...small, 'copy-method': 'copy-blob' };

describe('none of the secrets that were given out is shown by a run, with all that can be logged, that', () => {
  interface Case {
    readonly name: string;
    readonly faults?: readonly FaultRule[];
    readonly inputs?: Readonly<Record<string, string>>;
    readonly ends: number;
  }
  const cases: readonly Case[] = [
    { name: 'succeeds', ends: 0 },
    {
      name: 'signs in with a client secret and copies by Copy Blob',
      inputs: { ...byCopyBlob, 'client-secret': CLIENT_SECRET },
      ends: 0,
    },
    { name: 'only plans', inputs: { ...small, 'plan-only': 'true' }, ends: 0 },
    {
      name: 'cannot sign in',
      faults: lasting(
        { host: '^login', method: 'POST' },
        { kind: 'answer', status: 401, code: 'invalid_client' },
      ),
      inputs: { ...small, 'client-secret': CLIENT_SECRET },
      ends: 1,
    },
    { name: 'may not ask for a token', faults: lasting({ path: 'idtoken' }, refused), ends: 1 },
    {
      name: 'gets no answer to a grant, and another SAS',
      faults: [
        {
          match: { method: 'POST', path: 'beginGetAccess' },
          action: { kind: 'drop', afterBytes: 0 },
        },
      ],
      ends: 0,
    },
    {
      name: 'hears no more of a grant',
      faults: lasting({ method: 'GET', path: '/DiskOperations/' }, refused),
      ends: 1,
    },
    { name: 'may not write', faults: lasting(piece, refused), ends: 1 },
    {
      name: 'loses its SAS for good',
      faults: lasting(
        { ...piece, headers: { 'x-ms-copy-source': '^https://md-' } },
        { kind: 'source-answer', status: 403, code: 'AuthenticationFailed' },
      ),
      ends: 1,
    },
    {
      name: 'cannot read an export',
      faults: lasting({ host: '^md-', method: 'GET' }, refused),
      inputs: { ...small, 'copy-method': 'page-ranges' },
      ends: 1,
    },
    {
      name: 'has a Copy Blob that fails, whose properties name the SAS',
      faults: [
        {
          match: {
            method: 'PUT',
            host: 'blob\\.core',
            headers: { 'x-ms-copy-source': '^https://md-' },
          },
          action: { kind: 'copy', end: 'failed' },
        },
      ],
      inputs: byCopyBlob,
      ends: 1,
    },
    {
      name: 'cannot close what it opened',
      faults: lasting({ method: 'POST', path: 'endGetAccess' }, refused),
      ends: 0,
    },
  ];

  test.each(cases)('$name', async ({ faults = [], inputs = small, ends }) => {
    await azure.setFaults(faults);
    const run = await runAction(azure, inputs, verbose);
    expect(run.main.exitCode).toBe(ends);
    expect(run.main.raw).toContain('::debug::');
    expect(await leaksIn(textsOf(run))).toEqual([]);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'ends by %s, after which post closes',
    async (signal) => {
      await azure.setFaults(lasting(piece, { kind: 'hang' }));
      let child: ChildProcess | undefined;
      const run = await runAction(azure, small, {
        ...verbose,
        onStart: (started) => {
          child ??= started;
        },
        onLine: (line) => {
          if (line.includes('is generalized')) child?.kill(signal);
        },
      });
      expect(run.main.exitCode).not.toBe(0);
      expect(await leaksIn(textsOf(run))).toEqual([]);
    },
  );
});

test('none is shown by the sweep', async () => {
  const keeping = { ...small, 'keep-snapshots': 'true' };
  await azure.setFaults(lasting({ method: 'POST', path: 'endGetAccess' }, refused));
  await runAction(azure, keeping);
  await azure.setFaults([]);
  const workspace = await mkdtemp(join(tmpdir(), 'azure-vm-to-vhd-test-'));
  try {
    const {
      'client-id': id = '',
      'tenant-id': tenant = '',
      'subscription-id': sub = '',
    } = usualInputs;
    const swept = await runPhase(
      {
        directory: join(root, 'cleanup'),
        workspace,
        inputs: {
          'client-id': id,
          'tenant-id': tenant,
          'subscription-id': sub,
          'client-secret': CLIENT_SECRET,
          'storage-accounts': 'imageswe1',
        },
        debug: true,
        environment: {
          ...azure.environment,
          ...verbose.environment,
          NODE_OPTIONS: `--import=${scaledClock}`,
        },
      },
      'main',
      {},
      [],
    );
    expect(swept.exitCode).toBe(0);
    expect(
      await leaksIn([swept.raw, swept.log, swept.summary, JSON.stringify(swept.outputs)]),
    ).toEqual([]);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
});

test('what is shown all the same is found: tokens and SAS that a planted leak prints', async () => {
  const run = await runAction(azure, small, {
    environment: { NODE_OPTIONS: `--import=${scaledClock} --import=${plantedLeak}` },
  });
  expect(run.main.exitCode).toBe(0);
  const leaks = await leaksIn(textsOf(run));
  for (const kind of [/^https:\/\/md-.*sig=/, /^eyJ/]) {
    expect(leaks.filter((leak) => kind.test(leak)).length).toBeGreaterThan(0);
  }
});
