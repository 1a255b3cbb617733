import { clouds } from '../edge/clouds.ts';
import type { CloudName } from '../scenario.ts';
import { EntraError } from './entra-error.ts';

const suffix = '/.default';
/** MSAL for Go adds them to every request; a client-credentials flow has no use for them, and they are passed over. */
const openIdScopes = ['openid', 'offline_access', 'profile'];

/** The resource that the scope of a client-credentials request asks for; an EntraError for any other scope. */
export function resourceOfScope(scope: string): string {
  const asked = scope.split(' ').filter((part) => part !== '' && !openIdScopes.includes(part));
  const [resource] = asked;
  if (asked.length !== 1 || !resource?.endsWith(suffix)) {
    throw new EntraError(400, 'invalid_scope', 1002012, [
      `The provided value for scope ${scope} is not valid.`,
      'Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).',
    ]);
  }
  return resource.slice(0, -suffix.length);
}

/** Refuses a resource that is no API of the cloud with an EntraError. */
export function checkResource(resource: string, cloudName: CloudName, tenantId: string): void {
  const cloud = clouds[cloudName];
  const known = [
    cloud.arm,
    cloud.classicManagement,
    cloud.batchAudience,
    'storage.azure.com',
    'disk.azure.com',
    'disk.compute.azure.com',
  ];
  const host = URL.parse(resource)?.hostname ?? resource;
  if (known.includes(host) || host.endsWith(`.blob.${cloud.storageSuffix}`)) return;
  throw new EntraError(400, 'invalid_resource', 500011, [
    `The resource principal named ${resource} was not found in the tenant named ${tenantId}.`,
    'This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.',
    'You might have sent your authentication request to the wrong tenant.',
  ]);
}
