import type { IncomingMessage } from 'node:http';
import { isAllowed, isDataAllowed } from '../arm/rbac.ts';
import type { Principal, Resource, TokenProblem, World } from '../world.ts';
import type { Operation, Permission } from './operations.ts';
import { problems, Refusal, type Problem } from './problems.ts';

const BLOB_SERVICES = 'Microsoft.Storage/storageAccounts/blobServices';

/** Refuses what the account itself refuses, whoever asks: its firewall, and keys where they are switched off. */
export function checkAccount(account: Resource, request: IncomingMessage): void {
  const { networkAcls, allowSharedKeyAccess, publicNetworkAccess } = account.body.properties;
  const denies =
    typeof networkAcls === 'object' &&
    networkAcls !== null &&
    'defaultAction' in networkAcls &&
    networkAcls.defaultAction === 'Deny';
  if (denies || publicNetworkAccess === 'Disabled') {
    throw new Refusal(problems.authorizationFailure);
  }
  const usesKey =
    request.headers.authorization?.startsWith('SharedKey') === true ||
    new URL(request.url ?? '/', 'https://host').searchParams.has('sig');
  if (usesKey) {
    throw new Refusal(
      allowSharedKeyAccess === false ? problems.keysNotPermitted : problems.authenticationFailed,
    );
  }
}

/** Who calls, by the bearer token of the request. */
export async function authenticate(
  world: World,
  account: string,
  request: IncomingMessage,
): Promise<Principal> {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    throw new Refusal(challenge(world, 'NoAuthenticationInformation'));
  }
  const audiences = ['https://storage.azure.com', `https://${world.hosts.blobHost(account)}`];
  const verified = await world.identities.verify(
    authorization,
    audiences.flatMap((audience) => [audience, `${audience}/`]),
  );
  if ('problem' in verified) {
    throw new Refusal(challenge(world, 'InvalidAuthenticationInfo', describe(verified.problem)));
  }
  return verified.principal;
}

/** Refuses an operation that the caller's roles do not allow. `exists` tells whether the blob is there. */
export async function authorize(
  principal: Principal,
  account: Resource,
  { container, permission }: Pick<Operation, 'container' | 'permission'>,
  exists: () => Promise<boolean>,
): Promise<void> {
  const service = `${account.id}/blobServices/default`;
  const scope = container === '' ? service : `${service}/containers/${container}`;
  if (isPermitted(principal, permission, scope)) {
    return;
  }
  const add = { isData: true, action: 'containers/blobs/add/action' };
  if (permission.orAdd === true && isPermitted(principal, add, scope) && !(await exists())) {
    return;
  }
  throw new Refusal(problems.permissionMismatch);
}

function isPermitted(principal: Principal, permission: Permission, scope: string): boolean {
  const check = permission.isData ? isDataAllowed : isAllowed;
  return check(principal, `${BLOB_SERVICES}/${permission.action}`, scope);
}

/** {@link https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge} */
function challenge(world: World, code: string, detail?: string): Problem {
  const authority = `https://${world.hosts.authority}/${world.scenario.tenantId}/oauth2/authorize`;
  return {
    status: 401,
    code,
    message:
      'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
    headers: {
      'www-authenticate': `Bearer authorization_uri=${authority} resource_id=https://storage.azure.com`,
    },
    ...(detail !== undefined && { details: { AuthenticationErrorDetail: detail } }),
  };
}

/** The same fault in the words of the storage service. */
function describe({ code }: TokenProblem): string {
  if (code.startsWith('Expired')) {
    return 'Lifetime validation failed. The token is expired.';
  }
  if (code.endsWith('Audience')) {
    return 'Audience validation failed. Audience did not match.';
  }
  if (code.endsWith('Tenant')) {
    return 'Issuer validation failed. Issuer did not match.';
  }
  return 'Signature validation failed. Signature verification failed.';
}
