import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TokenCredential } from '@azure/core-auth';
import {
  ClientAssertionCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import type { Scenario } from '../../local-azure/scenario.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import {
  audience,
  clientId,
  clientSecret,
  smallScenario,
  subscriptionId,
  tenantId,
} from '../support/small-scenario.ts';
import { send } from '../support/send.ts';

const arm = 'https://management.azure.com';
const subscription = `${arm}/subscriptions/${subscriptionId}?api-version=2022-12-01`;
const blobs = 'https://imageswe1.blob.core.windows.net';
const retryOptions = { maxRetries: 0 };

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(smallScenario);
  useLocalAzure(azure);
});

beforeEach(async () => {
  await azure.reset(smallScenario);
});

async function tokenOf(
  credential: TokenCredential,
  scope = `${arm}/.default`,
): Promise<Record<string, unknown>> {
  const token = await credential.getToken(scope);
  return decodeJwt(token?.token ?? '');
}

async function authorize(): Promise<Readonly<Record<string, string>>> {
  const token = await bySecret().getToken(`${arm}/.default`);
  return { authorization: `Bearer ${token.token}` };
}

function bySecret(secret = clientSecret, tenant = tenantId, client = clientId) {
  return new ClientSecretCredential(tenant, client, secret, { retryOptions });
}

/** Asks for the job's ID token as the Actions toolkit does. */
async function fetchAssertion(forAudience: string): Promise<string> {
  const {
    ACTIONS_ID_TOKEN_REQUEST_URL: url = '',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken = '',
  } = azure.environment;
  const answer = await send(`${url}&audience=${encodeURIComponent(forAudience)}`, {
    headers: { authorization: `Bearer ${requestToken}` },
  });
  return (JSON.parse(answer.body) as { readonly value: string }).value;
}

function byGithub(): ClientAssertionCredential {
  return new ClientAssertionCredential(tenantId, clientId, () => fetchAssertion(audience), {
    retryOptions,
  });
}

describe('tokens', () => {
  test('are issued for a client secret, for the resource of the scope', async () => {
    const claims = await tokenOf(bySecret());
    expect(claims).toMatchObject({
      aud: arm,
      iss: `https://sts.windows.net/${tenantId}/`,
      appid: clientId,
      tid: tenantId,
    });
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(3600);
    expect(await tokenOf(bySecret(), 'https://storage.azure.com/.default')).toMatchObject({
      aud: 'https://storage.azure.com',
    });
    expect(await tokenOf(bySecret(), 'https://disk.azure.com//.default')).toMatchObject({
      aud: 'https://disk.azure.com/',
    });
  });

  test('are issued for an assertion of a workflow run', async () => {
    expect(await tokenOf(byGithub())).toMatchObject({ aud: arm, appid: clientId, appidacr: '2' });
  });

  test('are issued to a managed identity, named or not', async () => {
    const options = { retryOptions };
    expect(await tokenOf(new ManagedIdentityCredential(options))).toMatchObject({ aud: arm });
    expect(await tokenOf(new ManagedIdentityCredential({ ...options, clientId }))).toMatchObject({
      appid: clientId,
    });
  });

  test.each([
    ['a wrong secret', () => bySecret('wrong'), 'AADSTS7000215'],
    ['an unknown application', () => bySecret('x', tenantId, subscriptionId), 'AADSTS700016'],
    ['an unknown tenant', () => bySecret(clientSecret, subscriptionId), 'AADSTS90002'],
  ])('are refused for %s', async (_name, credential, code) => {
    await expect(tokenOf(credential())).rejects.toThrow(code);
  });

  test('are refused for a resource that is no API of the cloud', async () => {
    await expect(tokenOf(bySecret(), 'https://example.com/.default')).rejects.toThrow(
      'AADSTS500011',
    );
  });

  test.each([
    ['another subject', { subject: 'repo:octo-org/other:pull_request' }, 'AADSTS700213'],
    [
      'a subject in another case',
      { subject: 'repo:Octo-Org/images:ref:refs/heads/main' },
      'AADSTS7002138',
    ],
    ['an assertion that expired', { assertionLifetimeSeconds: -10 }, 'AADSTS700024'],
  ])('are refused for %s', async (_name, github, code) => {
    await azure.reset({ ...smallScenario, github });
    await expect(tokenOf(byGithub())).rejects.toThrow(code);
  });

  test('are refused for another audience, and for an assertion that GitHub did not sign', async () => {
    const assertion = await fetchAssertion(audience);
    const forged = `${assertion.slice(0, -8)}AAAAAAAA`;
    const credentialOf = (make: () => Promise<string>) =>
      new ClientAssertionCredential(tenantId, clientId, make, { retryOptions });
    await expect(tokenOf(credentialOf(() => fetchAssertion('api://other')))).rejects.toThrow(
      'AADSTS700212',
    );
    await expect(tokenOf(credentialOf(() => Promise.resolve(forged)))).rejects.toThrow(
      'AADSTS700027',
    );
  });

  test('are issued with the OpenID scopes beside the resource, as MSAL for Go asks', async () => {
    const scope = encodeURIComponent(`${arm}/.default openid offline_access profile`);
    const answer = await send(`https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=client_credentials&client_id=${clientId}&client_secret=${encodeURIComponent(clientSecret)}&scope=${scope}`,
    });
    expect(answer.status).toBe(200);
    const { access_token: token } = JSON.parse(answer.body) as { readonly access_token: string };
    expect(decodeJwt(token)).toMatchObject({ aud: arm });
  });

  test('come with the error body of Entra', async () => {
    const answer = await send(`https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'client-request-id': subscriptionId,
      },
      body: `grant_type=client_credentials&client_id=${clientId}&client_secret=no&scope=${arm}/.default`,
    });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body)).toMatchObject({
      error: 'invalid_client',
      error_codes: [7000215],
      correlation_id: subscriptionId,
    });
  });

  test('need the metadata header, and the request token of the job', async () => {
    const metadata = 'http://169.254.169.254/metadata/identity/oauth2/token';
    expect(await send(`${metadata}?api-version=2018-02-01&resource=${arm}`)).toMatchObject({
      status: 400,
      body: '{"error":"invalid_request","error_description":"Required metadata header not specified"}',
    });
    const url = azure.environment['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '';
    expect((await send(url, { headers: { authorization: 'bearer no' } })).status).toBe(401);
  });
});

describe('hosts', () => {
  test('outside Azure are refused with a clear line', async () => {
    const reason = 'example.com:443 is no host of this Azure';
    const answer = await send('https://example.com/').catch((error: unknown) => ({
      status: 403,
      body: String(error),
    }));
    expect(answer).toMatchObject({ status: 403, body: expect.stringContaining(reason) });
    expect(await send('http://example.com/')).toMatchObject({ status: 403 });
  });

  test('that the scenario lets through are reached', async () => {
    const server = createServer((_request, response) => response.end('outside'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    expect((await send(url)).status).toBe(403);
    await azure.reset({ ...smallScenario, passThrough: ['127.0.0.1'] });
    expect(await send(url)).toMatchObject({ status: 200, body: 'outside' });
    server.close();
    server.closeAllConnections();
  });

  test('of another cloud are served when the scenario is in it', async () => {
    await azure.reset({ ...smallScenario, cloud: 'AzureUSGovernment' });
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, {
      authorityHost: 'https://login.microsoftonline.us',
      retryOptions,
    });
    const resource = 'https://management.usgovcloudapi.net';
    expect(await tokenOf(credential, `${resource}/.default`)).toMatchObject({ aud: resource });
    await expect(tokenOf(bySecret())).rejects.toThrow('AADSTS90002');
  });
});

describe('the control address', () => {
  test('shows what is there', async () => {
    const { resources, grants, blobs } = await azure.state();
    const names = Object.values(resources).map((bodies) => bodies.map(({ name }) => name));
    expect(names).toEqual([
      ...[['images'], ['builder'], ['builder-os']],
      ...[['builder-vnet'], ['builder-nic'], ['imageswe1']],
    ]);
    expect({ grants, blobs }).toEqual({ grants: [], blobs: [] });
  });

  test('lists every call, without secrets', async () => {
    await send(`${blobs}/vhds/a.vhd?sv=2018-03-28&comp=pagelist&sig=geheim%2B&se=2030`, {
      method: 'HEAD',
    });
    await send(subscription, { headers: await authorize() });
    expect(await azure.calls()).toMatchObject([
      {
        number: 1,
        method: 'HEAD',
        host: 'imageswe1.blob.core.windows.net',
        url: `${blobs}/vhds/a.vhd?sv=...&comp=pagelist&sig=...&se=...`,
      },
      { method: 'POST', status: 200, host: 'login.microsoftonline.com' },
      { number: 3, url: subscription, status: 200, durationMs: expect.any(Number) },
    ]);
  });

  test('refuses a scenario and faults with every problem, and changes nothing', async () => {
    const bad = { ...smallScenario, tenantId: 'x', resourceGroups: [], extra: 1 };
    await expect(azure.reset(bad as Scenario)).rejects.toThrow(
      /400.*\/: unknown property \\"extra\\".*\/tenantId: must match format/,
    );
    await expect(azure.reset({ ...smallScenario, resourceGroups: [] })).rejects.toThrow(
      '/virtualMachines/0/resourceGroup: no such resource group: images',
    );
    await expect(
      azure.setFaults([{ match: { host: '(' }, action: { kind: 'hang' } }]),
    ).rejects.toThrow('/0/match/host: must match format');
    expect((await azure.state()).resources).toHaveProperty(['Microsoft.Compute/virtualMachines']);
  });

  test('can be asked through the proxy', async () => {
    const url = `${azure.environment['LOCAL_AZURE_CONTROL'] ?? ''}/calls`;
    expect(await send(url)).toMatchObject({ status: 200, body: '[]' });
  });
});

describe('faults', () => {
  test('answer the calls that are due in the form of the service', async () => {
    await azure.setFaults([
      {
        match: { method: 'get', host: '^MANAGEMENT', path: '/subscriptions/' },
        nth: 2,
        times: 2,
        action: {
          kind: 'answer',
          status: 429,
          code: 'SubscriptionRequestsThrottled',
          message: 'Slow down.',
          headers: { 'retry-after': '7' },
        },
      },
    ]);
    const headers = await authorize();
    const answers = [];
    for (let call = 1; call <= 4; call++) answers.push(await send(subscription, { headers }));
    expect(answers.map(({ status }) => status)).toEqual([200, 429, 429, 200]);
    expect(answers[1]?.header('retry-after')).toBe('7');
    expect(JSON.parse(answers[1]?.body ?? '')).toEqual({
      error: { code: 'SubscriptionRequestsThrottled', message: 'Slow down.' },
    });
  });

  test('answer as storage does, without a body to HEAD', async () => {
    const action = { kind: 'answer', status: 503 } as const;
    await azure.setFaults([{ match: { host: 'blob' }, times: 0, action }]);
    const get = await send(`${blobs}/a/b`, { headers: { 'x-ms-version': '2025-01-05' } });
    expect(get.status).toBe(503);
    expect(get.header('x-ms-error-code')).toBe('ServerBusy');
    expect(get.body).toMatch(/<Error><Code>ServerBusy<\/Code><Message>.*\nRequestId:/);
    const head = await send(`${blobs}/a/b`, { method: 'HEAD' });
    expect(head.header('x-ms-error-code')).toBe('ServerBusy');
    expect(head.body).toBe('');
  });

  test('drop a connection', async () => {
    await azure.setFaults([{ match: { host: 'management' }, action: { kind: 'drop' } }]);
    await expect(send(subscription)).rejects.toThrow(/socket|ECONNRESET/);
    expect((await azure.calls()).at(-1)).toMatchObject({ fault: 'drop' });
    expect((await send(subscription)).status).toBe(401);
  });

  test('leave a call hanging until a reset', async () => {
    await azure.setFaults([{ match: { host: 'management' }, action: { kind: 'hang' } }]);
    const hanging = send(subscription);
    const outcome = expect(hanging).rejects.toThrow(/socket|ECONNRESET/);
    while ((await azure.calls()).length === 0);
    expect(await azure.calls()).toMatchObject([{ fault: 'hang' }]);
    await azure.reset();
    await outcome;
  });

  test('serve a call and keep its answer back', async () => {
    const compute = `/subscriptions/${subscriptionId}/resourceGroups/images/providers/Microsoft.Compute`;
    const creationData = {
      createOption: 'Copy',
      sourceResourceId: `${compute}/disks/builder-os`,
    };
    const headers = { ...(await authorize()), 'content-type': 'application/json' };
    await azure.setFaults([
      { match: { method: 'PUT', path: '/snapshots/' }, action: { kind: 'hang', served: true } },
    ]);
    const hanging = send(`${arm}${compute}/snapshots/s1?api-version=2024-03-02`, {
      ...{ method: 'PUT', headers },
      body: JSON.stringify({ location: 'westeurope', properties: { creationData } }),
    });
    const outcome = expect(hanging).rejects.toThrow(/socket|ECONNRESET/);
    const made = async (): Promise<unknown> =>
      (await azure.state()).resources['Microsoft.Compute/snapshots']?.[0]?.name;
    while ((await made()) === undefined);
    expect(await made()).toBe('s1');
    const call = (await azure.calls()).at(-1);
    expect(call).toMatchObject({ method: 'PUT', fault: 'hang' });
    expect(call?.status).toBeUndefined();
    await azure.reset();
    await outcome;
  });
});
