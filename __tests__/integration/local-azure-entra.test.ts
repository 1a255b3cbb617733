import { ClientAssertionCredential, ClientSecretCredential } from '@azure/identity';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeJwt, jwtVerify, type JSONWebKeySet } from 'jose';
import type { Scenario, ScenarioGithub, ScenarioIdentity } from '../../local-azure/scenario.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import {
  audience,
  clientId,
  clientSecret,
  smallScenario,
  tenantId,
} from '../support/small-scenario.ts';
import { send, type Answer } from '../support/send.ts';

const issuer = 'https://token.actions.githubusercontent.com';
const oldSubject = 'repo:octo-org/images:ref:refs/heads/main';
const newSubject = 'repo:octo-org@7/images@42:ref:refs/heads/main';
const withIds = { repositoryOwnerId: '7', repositoryId: '42' };

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(smallScenario);
  useLocalAzure(azure);
});

beforeEach(async () => {
  await azure.reset(smallScenario);
});

type Credentials = NonNullable<ScenarioIdentity['federatedCredentials']>;

function trusting(federatedCredentials: Credentials, github: ScenarioGithub = {}): Scenario {
  const identity = { name: 'image-builder', clientId, federatedCredentials };
  return { ...smallScenario, identities: [identity], github };
}

async function fetchAssertion(): Promise<string> {
  const { environment } = azure;
  const url = `${environment['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? ''}&audience=${encodeURIComponent(audience)}`;
  const authorization = `Bearer ${environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN'] ?? ''}`;
  const answer = await send(url, { headers: { authorization } });
  return (JSON.parse(answer.body) as { readonly value: string }).value;
}

/** Signs in as the action does; the claims of the token. */
async function signIn(): Promise<Readonly<Record<string, unknown>>> {
  const options = { retryOptions: { maxRetries: 0 } };
  const credential = new ClientAssertionCredential(tenantId, clientId, fetchAssertion, options);
  const { token } = await credential.getToken('https://management.azure.com/.default');
  return decodeJwt(token);
}

async function post(path: string, form: Readonly<Record<string, string>>): Promise<Answer> {
  return await send(`https://login.microsoftonline.com/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
}

function jsonOf({ body }: Answer): Readonly<Record<string, unknown>> {
  return JSON.parse(body) as Record<string, unknown>;
}

const secretForm = {
  grant_type: 'client_credentials',
  client_id: clientId,
  client_secret: clientSecret,
};

describe('a federated credential', () => {
  test.each<[string, string, ScenarioGithub]>([
    ['without IDs', oldSubject, {}],
    ['with IDs', newSubject, withIds],
    ['of an environment', 'repo:octo-org/images:environment:production', {}],
  ])('matches a subject %s', async (_name, subject, github) => {
    const subjectOf = subject.includes('environment') ? { ...github, subject } : github;
    await azure.reset(trusting([{ issuer, subject, audience }], subjectOf));
    const assertion = decodeJwt(await fetchAssertion());
    expect(assertion.sub).toBe(subject);
    expect(assertion['repository_id']).toBe(github.repositoryId ?? '1');
    expect(await signIn()).toMatchObject({ appid: clientId, appidacr: '2' });
  });

  test('is one of several, of which one has to match as a whole', async () => {
    const others = [
      { issuer, subject: 'repo:octo-org/other:ref:refs/heads/main', audience },
      { issuer: 'https://gitlab.com', subject: oldSubject, audience },
    ];
    await azure.reset(trusting([...others, { issuer, subject: oldSubject, audience }]));
    expect(await signIn()).toMatchObject({ appid: clientId });
    await azure.reset(trusting(others));
    await expect(signIn()).rejects.toThrow('AADSTS700213');
  });

  test.each<[string, Partial<Credentials[number]>, ScenarioGithub, string, string]>([
    ['a subject without IDs when the run has them', {}, withIds, 'AADSTS700213', newSubject],
    [
      'another repository ID',
      { subject: newSubject },
      { ...withIds, repositoryId: '43' },
      'AADSTS700213',
      'images@43',
    ],
    [
      'another branch',
      { subject: oldSubject.replace('main', 'dev') },
      {},
      'AADSTS700213',
      oldSubject,
    ],
    ['a wildcard', { subject: 'repo:octo-org/images:*' }, {}, 'AADSTS700213', oldSubject],
    ['another issuer', { issuer: `${issuer}/octo-org` }, {}, 'AADSTS700211', issuer],
    ['another audience', { audience: `${audience}USGov` }, {}, 'AADSTS700212', audience],
  ])('does not match %s', async (_name, changes, github, code, shown) => {
    const credential = { issuer, subject: oldSubject, audience, ...changes };
    await azure.reset(trusting([credential], github));
    await expect(signIn()).rejects.toThrow(code);
    await expect(signIn()).rejects.toThrow(shown);
  });
});

describe('tokens', () => {
  test('live as long as the scenario says', async () => {
    await azure.reset({ ...smallScenario, tokenLifetimeSeconds: 90 });
    const answer = await post(`${tenantId}/oauth2/v2.0/token`, {
      ...secretForm,
      scope: 'https://management.azure.com/.default',
    });
    const { access_token: token, expires_in: seconds } = jsonOf(answer);
    const { exp = 0, iat = 0 } = decodeJwt(String(token));
    expect([seconds, exp - iat]).toEqual([90, 90]);
  });

  test('of the first version are asked for with a resource', async () => {
    const resource = 'https://management.core.windows.net/';
    const answer = await post(`${tenantId}/oauth2/token`, { ...secretForm, resource });
    expect(jsonOf(answer)).toMatchObject({ token_type: 'Bearer', expires_in: '3600', resource });
    const missing = await post(`${tenantId}/oauth2/token`, secretForm);
    expect(jsonOf(missing)).toMatchObject({ error: 'invalid_request', error_codes: [900144] });
  });

  test('are verified with the keys that the tenant publishes', async () => {
    const discovered = await send(
      `https://login.microsoftonline.com/${tenantId}/.well-known/openid-configuration`,
    );
    const { jwks_uri: keys, issuer: expected, token_endpoint: endpoint } = jsonOf(discovered);
    const path = new URL(String(endpoint)).pathname.slice(1);
    const resource = 'https://storage.azure.com';
    const answer = await post(path, { ...secretForm, resource });
    const keySet = JSON.parse((await send(String(keys))).body) as JSONWebKeySet;
    const { payload } = await jwtVerify(
      String(jsonOf(answer)['access_token']),
      createLocalJWKSet(keySet),
      { issuer: String(expected), audience: resource },
    );
    expect(payload['tid']).toBe(tenantId);
  });

  test('tell what a client can take, as MSAL asks for it', async () => {
    const scope = 'https://management.core.windows.net//.default';
    const claims = JSON.stringify({ access_token: { xms_cc: { values: ['CP1'] } } });
    const path = `${tenantId}/oauth2/v2.0/token`;
    const answer = await post(path, { ...secretForm, scope, claims });
    expect(decodeJwt(String(jsonOf(answer)['access_token']))['xms_cc']).toEqual(['CP1']);
    const plain = await post(path, { ...secretForm, scope });
    expect(decodeJwt(String(jsonOf(plain)['access_token']))).not.toHaveProperty('xms_cc');
    const broken = await post(path, { ...secretForm, scope, claims: '{' });
    expect(jsonOf(broken)['error_description']).toMatch(/^AADSTS90023: /);
  });

  test('are refused with the whole error of Entra', async () => {
    const scope = 'https://management.azure.com/.default';
    const answer = await post(`${clientId}/oauth2/v2.0/token`, { ...secretForm, scope });
    expect(answer.status).toBe(400);
    expect(jsonOf(answer)).toMatchObject({
      error: 'invalid_request',
      error_codes: [90002],
      error_description: expect.stringMatching(
        /^AADSTS90002: Tenant '8f4e2d1c-.*' not found\..* Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/,
      ),
    });
  });
});

describe('a sovereign cloud', () => {
  test.each([
    ['AzureUSGovernment', 'login.microsoftonline.us', 'management.usgovcloudapi.net'],
    ['AzureChinaCloud', 'login.chinacloudapi.cn', 'management.chinacloudapi.cn'],
  ] as const)(
    '%s signs in at its own authority, for its own resources',
    async (cloud, host, arm) => {
      await azure.reset({ ...smallScenario, cloud });
      const authorityHost = `https://${host}`;
      const signInAt = (authority: string) =>
        new ClientSecretCredential(tenantId, clientId, clientSecret, {
          authorityHost: authority,
          retryOptions: { maxRetries: 0 },
        });
      const { token } = await signInAt(authorityHost).getToken(`https://${arm}/.default`);
      const subscriptions = await send(`https://${arm}/subscriptions?api-version=2022-12-01`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(jsonOf(subscriptions)).toMatchObject({ value: [{ state: 'Enabled' }] });
      await expect(
        signInAt(authorityHost).getToken('https://management.azure.com/.default'),
      ).rejects.toThrow('AADSTS500011');
      await expect(
        signInAt('https://login.microsoftonline.com').getToken(`https://${arm}/.default`),
      ).rejects.toThrow('AADSTS90002');
    },
  );
});
