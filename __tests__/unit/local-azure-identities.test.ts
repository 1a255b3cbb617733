import { beforeAll, expect, test } from '@jest/globals';
import { createIdentities } from '../../local-azure/identity/identities.ts';
import { createSigningKey, type SigningKey } from '../../local-azure/identity/signing-key.ts';
import type { Scenario } from '../../local-azure/scenario.ts';
import { smallScenario, subscriptionId } from '../support/small-scenario.ts';

const audience = 'https://management.azure.com';

let key: SigningKey;

beforeAll(async () => {
  key = await createSigningKey();
});

/** The verdict on a token that was issued under one scenario and is shown under another. */
async function verdictOn(issuedUnder: Scenario, shownUnder = smallScenario, shown = audience) {
  const issuer = createIdentities(issuedUnder, key);
  const [principal] = issuer.principals;
  if (principal === undefined) throw new Error('The scenario has no identity.');
  const { token } = await issuer.issue(principal, audience, 'secret');
  return await createIdentities(shownUnder, key).verify(`Bearer ${token}`, [shown]);
}

test('a token names its principal, with roles over every subscription', async () => {
  const verdict = await verdictOn(smallScenario, smallScenario, `${audience}/`);
  expect(verdict).toMatchObject({
    principal: {
      name: 'image-builder',
      objectId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-/),
      roleAssignments: [
        { scope: `/subscriptions/${subscriptionId}`, actions: ['*'] },
        { scope: `/subscriptions/${subscriptionId}` },
      ],
    },
  });
});

test.each<[string, Scenario, Scenario, string, string, RegExp]>([
  [
    'that expired',
    { ...smallScenario, tokenLifetimeSeconds: -1 },
    smallScenario,
    audience,
    'ExpiredAuthenticationToken',
    /^The access token expiry UTC time '\d+\/\d+\/\d{4} \d+:\d\d:\d\d [AP]M' is earlier than current UTC time '.*[AP]M'\.$/,
  ],
  [
    'for another resource',
    smallScenario,
    smallScenario,
    'https://storage.azure.com',
    'InvalidAuthenticationTokenAudience',
    /wrong audience or resource 'https:\/\/management\.azure\.com'/,
  ],
  [
    'of another tenant',
    { ...smallScenario, tenantId: subscriptionId },
    smallScenario,
    audience,
    'InvalidAuthenticationTokenTenant',
    /the wrong issuer/,
  ],
  [
    'of an identity that is gone',
    smallScenario,
    { ...smallScenario, identities: [] },
    audience,
    'InvalidAuthenticationToken',
    /invalid/,
  ],
])('a token %s is refused', async (_name, issued, shown, forAudience, code, message) => {
  expect(await verdictOn(issued, shown, forAudience)).toEqual({
    problem: { code, message: expect.stringMatching(message) },
  });
});

test.each([
  [undefined, 'AuthenticationFailed'],
  ['Basic abc', 'AuthenticationFailedInvalidHeader'],
  ['Bearer abc', 'InvalidAuthenticationToken'],
])('the header %s is refused', async (header, code) => {
  const verdict = await createIdentities(smallScenario, key).verify(header, [audience]);
  expect(verdict).toMatchObject({ problem: { code } });
});
