import type { Principal, World } from '../world.ts';
import { ArmError } from './arm-error.ts';

/** The caller of a request, or 401: its token must be for Azure Resource Manager of this cloud. */
export async function authenticate(
  world: World,
  authorization: string | undefined,
): Promise<Principal> {
  const verdict = await world.identities.verify(authorization, audiencesOf(world));
  if ('problem' in verdict) {
    throw unauthorized(world, verdict.problem.code, verdict.problem.message);
  }
  return verdict.principal;
}

/** Audiences of Azure Resource Manager: its own name and the one of the classic service. */
export function audiencesOf({ hosts }: Pick<World, 'hosts'>): readonly string[] {
  return [`https://${hosts.arm}`, `https://management.${hosts.storageSuffix}`].flatMap((origin) => [
    origin,
    `${origin}/`,
  ]);
}

function unauthorized(world: World, code: string, message: string): ArmError {
  const authority = `https://${world.hosts.authority}/${world.scenario.tenantId}`;
  return new ArmError(401, code, message, {
    source: 'gateway',
    headers: {
      'www-authenticate': `Bearer authorization_uri="${authority}", error="invalid_token", error_description="${message.replaceAll('"', "'")}"`,
    },
  });
}
