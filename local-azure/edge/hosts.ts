import { randomInt } from 'node:crypto';
import type { CloudName } from '../scenario.ts';
import type { Hosts, Service } from '../world.ts';
import { clouds } from './clouds.ts';

export const githubIssuerHost = 'token.actions.githubusercontent.com';
export const githubRequestHost = 'pipelines.actions.githubusercontent.com';
export const metadataHost = '169.254.169.254';

/** Instance discovery is always asked of the public cloud's authority, whatever cloud the client is for. */
const discoveryHost = clouds.AzureCloud.authority;

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** The host names of a cloud; names are compared without regard to case. */
export function createHosts(cloudName: CloudName): Hosts {
  const cloud = clouds[cloudName];
  const blobSuffix = `.blob.${cloud.storageSuffix}`;
  const fixed = fixedHosts(cloudName);
  return {
    arm: cloud.arm,
    authority: cloud.authority,
    storageSuffix: cloud.storageSuffix,
    serviceOf: (host) => {
      const name = host.toLowerCase();
      if (isExportHost(name, blobSuffix)) return 'export';
      return accountOf(name, blobSuffix) === undefined ? fixed.get(name) : 'blob';
    },
    blobHost: (account) => `${account}${blobSuffix}`,
    accountOf: (host) => accountOf(host.toLowerCase(), blobSuffix),
    newExportHost: () => newExportHost(cloudName, blobSuffix),
  };
}

function fixedHosts(cloudName: CloudName): ReadonlyMap<string, Service> {
  const cloud = clouds[cloudName];
  return new Map<string, Service>([
    ...cloud.authorityAliases.map((host) => [host, 'entra'] as const),
    [discoveryHost, 'entra'],
    [cloud.arm, 'arm'],
    [githubIssuerHost, 'github-oidc'],
    [githubRequestHost, 'github-oidc'],
    [metadataHost, 'imds'],
  ]);
}

/** An account name has no hyphen, which tells it from an export under the same suffix. */
function accountOf(name: string, blobSuffix: string): string | undefined {
  if (!name.endsWith(blobSuffix)) return undefined;
  const account = name.slice(0, -blobSuffix.length);
  return /^[a-z0-9]{3,24}$/.test(account) ? account : undefined;
}

function isExportHost(name: string, blobSuffix: string): boolean {
  if (!name.startsWith('md-')) return false;
  return name.endsWith(blobSuffix) || /^md-[a-z0-9-]+\.z\d+\.blob\.storage\.azure\.net$/.test(name);
}

function newExportHost(cloudName: CloudName, blobSuffix: string): string {
  const name = `md-${Array.from({ length: 12 }, () => letters.charAt(randomInt(letters.length))).join('')}`;
  // Only the public cloud is known to spread its exports over numbered zones.
  return cloudName === 'AzureCloud'
    ? `${name}.z${randomInt(1, 50)}.blob.storage.azure.net`
    : `${name}${blobSuffix}`;
}
