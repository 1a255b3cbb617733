import { isAllowed, isDataAllowed } from '../arm/rbac.ts';
import type { Principal, TokenProblem, World } from '../world.ts';
import type { Caller, Wish } from './caller.ts';
import type { Permission } from './operations.ts';
import { problems, Refusal, type Problem } from './problems.ts';

const BLOB_SERVICES = 'Microsoft.Storage/storageAccounts/blobServices';

/** Who calls by the bearer token of an `Authorization` header; refuses a token that is missing or wrong. */
export async function identifyBearer(
  world: World,
  account: string,
  authorization: string | undefined,
): Promise<{ readonly caller: Caller; readonly principal: Principal }> {
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
  return { caller: callerByRoles(verified.principal), principal: verified.principal };
}

/** One who may do what the roles of a principal allow. */
export function callerByRoles(principal: Principal): Caller {
  return {
    authorize: async (wish) => {
      if (!(await isWishPermitted(principal, wish))) throw new Refusal(problems.permissionMismatch);
    },
  };
}

async function isWishPermitted(
  principal: Principal,
  { account, container, permission, exists }: Wish,
): Promise<boolean> {
  const service = `${account.id}/blobServices/default`;
  const scope = container === '' ? service : `${service}/containers/${container}`;
  if (isPermitted(principal, permission, scope)) return true;
  const add = { isData: true, action: 'containers/blobs/add/action' };
  return permission.orAdd === true && isPermitted(principal, add, scope) && !(await exists());
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
