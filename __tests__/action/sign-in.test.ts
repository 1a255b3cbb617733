import type { ChildProcess } from 'node:child_process';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Scenario } from '../../local-azure/scenario.ts';
import {
  expectNoSecrets,
  expectNothingLeft,
  laterClock,
  runAction,
  scaledClock,
} from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT, CLIENT_SECRET, TENANT } from '../support/scenario.ts';

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

const noOidc = { ACTIONS_ID_TOKEN_REQUEST_URL: '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: '' };
const ambient = { 'client-id': '', 'tenant-id': '', 'data-disks': 'none' };

/** Hosts that were asked for tokens. */
async function tokenHosts(): Promise<readonly string[]> {
  const calls = await azure.calls();
  const hosts = calls.filter(({ url }) => /\/token\?|idtoken/.test(url)).map(({ host }) => host);
  return [...new Set(hosts)].sort();
}

interface Case {
  readonly name: string;
  readonly scenario: Scenario;
  readonly inputs: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];
}

const usual = buildScenario();
const [identity] = usual.identities ?? [];

const cases: readonly Case[] = [
  {
    name: 'GitHub OIDC',
    scenario: usual,
    inputs: { 'data-disks': 'none' },
    environment: {},
    hosts: ['login.microsoftonline.com', 'pipelines.actions.githubusercontent.com'],
  },
  {
    name: 'a client secret, where OIDC cannot be used',
    scenario: usual,
    inputs: { 'data-disks': 'none', 'client-secret': CLIENT_SECRET },
    environment: noOidc,
    hosts: ['login.microsoftonline.com'],
  },
  {
    name: "the environment's service principal",
    scenario: usual,
    inputs: ambient,
    environment: {
      ...noOidc,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_SECRET: CLIENT_SECRET,
    },
    hosts: ['login.microsoftonline.com'],
  },
  {
    name: 'a managed identity',
    scenario: buildScenario({
      scenario: {
        identities: identity === undefined ? [] : [{ ...identity, managedIdentity: true }],
      },
    }),
    inputs: ambient,
    environment: noOidc,
    hosts: ['169.254.169.254'],
  },
  {
    name: 'GitHub OIDC in the US Government cloud',
    scenario: buildScenario({ scenario: { cloud: 'AzureUSGovernment' } }),
    inputs: { 'data-disks': 'none', environment: 'AzureUSGovernment' },
    environment: {},
    hosts: ['login.microsoftonline.us', 'pipelines.actions.githubusercontent.com'],
  },
  {
    name: 'GitHub OIDC in the China cloud',
    scenario: buildScenario({ scenario: { cloud: 'AzureChinaCloud' } }),
    inputs: { 'data-disks': 'none', environment: 'AzureChinaCloud' },
    environment: {},
    // The Microsoft sign-in library goes to the newer name of the same authority.
    hosts: ['login.partner.microsoftonline.cn', 'pipelines.actions.githubusercontent.com'],
  },
  {
    name: 'a cloud that is known by its resource manager alone',
    scenario: buildScenario({ scenario: { cloud: 'AzureUSGovernment' } }),
    inputs: {
      'data-disks': 'none',
      'resource-manager-endpoint': 'https://management.usgovcloudapi.net',
    },
    environment: {},
    hosts: ['login.microsoftonline.us', 'pipelines.actions.githubusercontent.com'],
  },
];

describe('signs in with', () => {
  test.each(cases)('$name', async ({ scenario, inputs, environment, hosts }) => {
    await azure.reset(scenario);
    const run = await runAction(azure, inputs, { environment });
    expect(run.main.log).not.toContain('##[error]');
    expect(run.main.exitCode).toBe(0);
    expect(await tokenHosts()).toEqual(hosts);
    expectNoSecrets(run);
    await expectNothingLeft(azure);
  });
});

test.each([
  { hoursLater: 2, fresh: true, which: 'has ended closes what it opened with a fresh one' },
  { hoursLater: 0, fresh: false, which: 'still counts closes what it opened with that' },
])('a run whose token, when it is cancelled, $which', async ({ hoursLater, fresh }) => {
  await azure.reset(buildScenario());
  await azure.setFaults([
    {
      match: { method: 'PUT', host: 'blob\\.core', path: '-os-1\\.vhd\\?comp=page$' },
      times: 0,
      action: { kind: 'hang' },
    },
  ]);
  let child: ChildProcess | undefined;
  const run = await runAction(
    azure,
    { 'data-disks': 'none' },
    {
      onStart: (started) => {
        child ??= started;
      },
      onLine: (line) => {
        if (line.includes('is generalized')) child?.kill('SIGINT');
      },
      environment: {
        NODE_OPTIONS: `--import=${scaledClock} --import=${laterClock}`,
        HOURS_LATER: String(hoursLater),
        LATER_FROM: 'SIGINT',
      },
    },
  );
  expect(run.main.log).toContain('##[error]The run was cancelled');
  expect(run.post.log).toBe('Nothing is left to close.');
  const calls = await azure.calls();
  const cancelled = calls.findIndex(({ url }) => url.includes('/generalize?'));
  const closing = calls.findIndex(({ url }) => url.includes('/endGetAccess'));
  expect(closing).toBeGreaterThan(cancelled);
  const between = calls.slice(cancelled, closing).map(({ host }) => host);
  expect(between.includes('login.microsoftonline.com')).toBe(fresh);
  await expectNothingLeft(azure);
});

test('asks for a new OIDC assertion whenever it needs a token', async () => {
  await azure.reset(buildScenario({ scenario: { github: { assertionLifetimeSeconds: 300 } } }));
  await runAction(azure, { 'data-disks': 'none' });
  const calls = await azure.calls();
  const mints = calls.filter(({ url }) => url.includes('idtoken')).length;
  const tokens = calls.filter(({ host }) => host === 'login.microsoftonline.com').length;
  expect(mints).toBeGreaterThanOrEqual(2);
  expect(mints).toBeGreaterThanOrEqual(tokens);
});

describe('says why it cannot sign in', () => {
  test.each([
    {
      name: 'with a subject that no federated credential names',
      scenario: buildScenario({ scenario: { github: { subject: 'repo:octo-org/other:ref:x' } } }),
      inputs: {},
      environment: {},
      says: ['AADSTS7002', 'federated credential'],
    },
    {
      name: 'with a wrong client secret',
      scenario: usual,
      inputs: { 'client-secret': 'wrong-secret' },
      environment: {},
      says: ['AADSTS7000215', 'with its secret'],
    },
    {
      name: 'in a job that may not ask for an OIDC token',
      scenario: usual,
      inputs: {},
      environment: noOidc,
      says: ['id-token: write'],
    },
    {
      name: 'where there is no ambient credential',
      scenario: usual,
      inputs: ambient,
      environment: noOidc,
      says: ['with the environment, the az session or a managed identity', 'azure/login'],
    },
    {
      name: 'to a cloud that does not answer',
      scenario: usual,
      inputs: { 'resource-manager-endpoint': 'https://management.example.com' },
      environment: {},
      says: ['"https://management.example.com"', '"resource-manager-endpoint"'],
    },
  ])('$name', async ({ scenario, inputs, environment, says }) => {
    await azure.reset(scenario);
    const run = await runAction(azure, inputs, { environment });
    expect(run.main.exitCode).toBe(1);
    const errors = run.main.log.split('\n').filter((line) => line.startsWith('##[error]'));
    expect(errors).toHaveLength(1);
    for (const part of says) expect(errors[0]).toContain(part);
    expect(run.main.raw).not.toContain('wrong-secret');
    expectNoSecrets(run);
  });
});
