import { createHmac } from 'node:crypto';
import type { Principal, World } from '../world.ts';
import { accountKeys } from './account-keys.ts';
import { readText } from './body.ts';
import { versionOf, type BlobCall } from './call.ts';
import { serviceHeaders } from './answer.ts';
import { problems, Refusal } from './problems.ts';
import { readElement } from './xml.ts';

/** What a user delegation key says of itself; a SAS that is signed with it repeats it. */
export interface DelegationClaims {
  readonly objectId: string;
  readonly tenantId: string;
  readonly start: string;
  readonly expiry: string;
  readonly service: string;
  readonly version: string;
}

/** The value of the key with these claims, base64. It follows from them, so that none is kept. */
export function delegationKey(account: string, claims: DelegationClaims): string {
  const { objectId, tenantId, start, expiry, service, version } = claims;
  return createHmac('sha256', accountKeys(account)[0]?.value ?? '')
    .update([objectId, tenantId, start, expiry, service, version].join('\n'))
    .digest('base64');
}

/** The principal that a user delegation key speaks for. */
export function delegatorOf(world: World, { objectId }: DelegationClaims): Principal | undefined {
  return world.identities.principals.find((one) => one.objectId === objectId);
}

const LONGEST_MS = 7 * 86_400_000;

/** Answers Get User Delegation Key. {@link https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key} */
export async function sendDelegationKey(call: BlobCall): Promise<void> {
  const { request, response, principal, accountName } = call;
  // A key or a SAS cannot ask for one.
  if (principal === undefined) throw new Refusal(problems.permissionMismatch);
  const body = await readText(request);
  const expiry = readElement(body, 'Expiry') ?? '';
  const start = readElement(body, 'Start') ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const lifetimeMs = Date.parse(expiry) - Date.now();
  if (!(lifetimeMs > 0 && lifetimeMs <= LONGEST_MS)) {
    throw new Refusal({ ...problems.invalidXmlNodeValue, details: { XmlNodeName: 'Expiry' } });
  }
  const version = versionOf(request) ?? '2018-11-09';
  const { objectId, tenantId } = principal;
  const claims = { objectId, tenantId, start, expiry, service: 'b', version };
  const answer =
    `\ufeff<?xml version="1.0" encoding="utf-8"?><UserDelegationKey><SignedOid>${objectId}</SignedOid>` +
    `<SignedTid>${tenantId}</SignedTid><SignedStart>${start}</SignedStart><SignedExpiry>${expiry}</SignedExpiry>` +
    `<SignedService>b</SignedService><SignedVersion>${version}</SignedVersion>` +
    `<Value>${delegationKey(accountName, claims)}</Value></UserDelegationKey>`;
  response
    .writeHead(200, {
      ...serviceHeaders(request, version),
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(answer),
    })
    .end(answer);
}
