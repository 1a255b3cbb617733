import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import {
  AnonymousCredential,
  BlobServiceClient,
  PageBlobClient,
  RestError,
  type ContainerClient,
} from '@azure/storage-blob';
import type { Scenario, ScenarioStorageAccount } from '../../local-azure/scenario.ts';

export const MIB = 1024 * 1024;
export const tenantId = '11111111-1111-4111-8111-111111111111';
export const subscriptionId = '22222222-2222-4222-8222-222222222222';
export const writerId = '33333333-3333-4333-8333-333333333333';
export const readerId = '44444444-4444-4444-8444-444444444444';
/** Reads and writes blobs of images1 only. */
export const firstOnlyId = '66666666-6666-4666-8666-666666666666';
export const diskContent = { seed: 42, dataMiB: 8 };

const noRetries = { retryOptions: { maxTries: 1 } };

/** A disk of 1 GiB, two accounts and what a test adds, and three identities. */
export function blobScenario(
  changes: Partial<Scenario> & { readonly accounts?: readonly ScenarioStorageAccount[] } = {},
): Scenario {
  const { accounts = [], ...rest } = changes;
  const inAccount = `/subscriptions/${subscriptionId}/resourceGroups/images/providers/Microsoft.Storage/storageAccounts/images1`;
  return {
    tenantId,
    subscriptions: [{ id: subscriptionId }],
    resourceGroups: [{ name: 'images', location: 'westeurope' }],
    disks: [{ resourceGroup: 'images', name: 'source', sizeGiB: 1, content: diskContent }],
    storageAccounts: [
      { resourceGroup: 'images', name: 'images1', containers: [{ name: 'vhds' }] },
      { resourceGroup: 'images', name: 'images2', containers: [{ name: 'vhds' }] },
      ...accounts,
    ],
    identities: [
      {
        name: 'writer',
        clientId: writerId,
        clientSecret: 'secret',
        roleAssignments: [{ role: 'Contributor' }, { role: 'Storage Blob Data Contributor' }],
      },
      {
        name: 'reader',
        clientId: readerId,
        clientSecret: 'secret',
        roleAssignments: [{ role: 'Storage Blob Data Reader' }],
      },
      {
        name: 'first only',
        clientId: firstOnlyId,
        clientSecret: 'secret',
        roleAssignments: [{ role: 'Storage Blob Data Contributor', scope: inAccount }],
      },
    ],
    ...rest,
  };
}

export function credentialOf(clientId = writerId): ClientSecretCredential {
  return new ClientSecretCredential(tenantId, clientId, 'secret');
}

/** The value of an `Authorization` header for the blob service. */
export async function bearerOf(clientId = writerId): Promise<string> {
  const { token } = await credentialOf(clientId).getToken('https://storage.azure.com/.default');
  return `Bearer ${token}`;
}

export function vhds(account = 'images1', clientId = writerId): ContainerClient {
  const url = `https://${account}.blob.core.windows.net`;
  return new BlobServiceClient(url, credentialOf(clientId), noRetries).getContainerClient('vhds');
}

/** A client for a URL that holds its own authorization. */
export function blobAt(url: string): PageBlobClient {
  return new PageBlobClient(url, new AnonymousCredential(), noRetries);
}

/** Grants read access to the disk and gives its SAS. */
export async function grantSas(): Promise<string> {
  const { disks } = new ComputeManagementClient(credentialOf(), subscriptionId);
  const access = { access: 'Read', durationInSeconds: 3600 };
  const poller = disks.grantAccess('images', 'source', access, { updateIntervalInMs: 1 });
  const { accessSAS } = await poller.pollUntilDone();
  if (accessSAS === undefined) throw new Error('No SAS was granted.');
  return accessSAS;
}

export async function revokeSas(): Promise<void> {
  const { disks } = new ComputeManagementClient(credentialOf(), subscriptionId);
  await disks.revokeAccess('images', 'source', { updateIntervalInMs: 1 }).pollUntilDone();
}

/** A page blob with these bytes at its start, of at least 8 MiB. */
export async function makePages(
  name: string,
  bytes: Buffer,
  account = 'images1',
): Promise<PageBlobClient> {
  const blob = vhds(account).getPageBlobClient(name);
  await blob.create(8 * MIB);
  await blob.uploadPages(bytes, 0, bytes.length);
  return blob;
}

/** How the service refuses a call: its status, code, and the headers with the given names. */
export async function refusalOf(
  call: Promise<unknown>,
  ...headers: readonly string[]
): Promise<readonly unknown[]> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    const answer = error.response?.headers;
    return [
      error.statusCode,
      answer?.get('x-ms-error-code'),
      ...headers.map((h) => answer?.get(h)),
    ];
  }
  throw new Error('The call was not refused.');
}
