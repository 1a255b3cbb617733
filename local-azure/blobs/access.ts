import type { IncomingMessage } from 'node:http';
import type { Principal, Resource, World } from '../world.ts';
import { identifyBearer } from './bearer-caller.ts';
import type { Caller } from './caller.ts';
import { splitPath } from './operations.ts';
import { problems, Refusal } from './problems.ts';
import { identifySasHolder } from './sas-caller.ts';
import { identifyKeyHolder } from './shared-key.ts';

/** Refuses what the firewall of an account refuses, whoever asks. */
export function checkFirewall(account: Resource): void {
  const { networkAcls, publicNetworkAccess } = account.body.properties;
  const denies =
    typeof networkAcls === 'object' &&
    networkAcls !== null &&
    'defaultAction' in networkAcls &&
    networkAcls.defaultAction === 'Deny';
  if (denies || publicNetworkAccess === 'Disabled') {
    throw new Refusal(problems.authorizationFailure);
  }
}

/** Who sends a request: by bearer token, by the account's key, or by a SAS in its URL. */
export async function identify(
  world: World,
  account: Resource,
  accountName: string,
  request: IncomingMessage,
): Promise<{ readonly caller: Caller; readonly principal?: Principal }> {
  const { authorization } = request.headers;
  const url = new URL(request.url ?? '/', 'https://host');
  if (authorization?.startsWith('SharedKey') === true) {
    checkKeysPermitted(account);
    return { caller: identifyKeyHolder(accountName, request) };
  }
  if (authorization === undefined && url.searchParams.has('sig')) {
    return { caller: identifyByUrl(world, account, accountName, url) };
  }
  return await identifyBearer(world, accountName, authorization);
}

/** Who holds the SAS of a blob's or container's URL. */
export function identifyByUrl(
  world: World,
  account: Resource,
  accountName: string,
  { pathname, searchParams }: URL,
): Caller {
  // A user delegation SAS is signed by Entra's word, not by a key of the account.
  if (!searchParams.has('skoid')) checkKeysPermitted(account);
  const [container, blob] = splitPath(pathname, searchParams.get('restype') ?? '-');
  const named = { account: accountName, container, blob };
  return identifySasHolder(world, named, searchParams);
}

function checkKeysPermitted({ body }: Resource): void {
  if (body.properties['allowSharedKeyAccess'] === false) {
    throw new Refusal(problems.keysNotPermitted);
  }
}
