import { azureFailure } from '../errors.ts';
import type { SignInInputs } from '../inputs.ts';
import type { BatchAccount, Lock, Permission } from '../facts.ts';
import { createAccounts, type Accounts } from './accounts.ts';
import { batchAccountAt } from './batch-account.ts';
import { createBlobs, type Blobs } from './blobs.ts';
import { createCloneCompute, type CloneCompute } from './clone-compute.ts';
import { findCloud, type Cloud } from './clouds.ts';
import { createComputeClients } from './compute-clients.ts';
import { createCompute, type Compute } from './compute.ts';
import { createCredential, shareTokens, signIn, type MintAssertion } from './credential.ts';
import { createGuestCommands, type GuestCommands } from './guest-commands.ts';
import { createHttpClient } from './http-client.ts';
import { createLockBlobs, type LockBlobs } from './lock-blobs.ts';
import { locksAt } from './locks.ts';
import { createNetwork, type Network } from './network.ts';
import { createPages, PIECE_TIMEOUT_MS, type Pages } from './pages.ts';
import { effectivePermissions } from './permissions.ts';
import { createResourceManager } from './resource-manager.ts';
import { createTemporaryResources, type TemporaryResources } from './temporary-resources.ts';
import type { BlobCalls } from './storage-http-client.ts';

/** Azure as one identity sees it. */
export interface Azure {
  readonly cloud: Cloud;
  readonly compute: Compute;
  readonly guests: GuestCommands;
  readonly cloneCompute: CloneCompute;
  readonly network: Network;
  readonly temporaryResources: TemporaryResources;
  readonly blobs: Blobs;
  readonly pages: Pages;
  readonly lockBlobs: LockBlobs;
  /** Requests to the blob service so far. */
  readonly blobCalls: Readonly<BlobCalls>;
  readonly accounts: Accounts;
  batchAccount(id: string, signal: AbortSignal): Promise<BatchAccount>;
  /** True when the resource group exists. */
  groupExists(id: string, signal: AbortSignal): Promise<boolean>;
  permissions(scope: string, signal: AbortSignal): Promise<readonly Permission[]>;
  /** The locks on a scope and on what is above it. */
  locks(scope: string, signal: AbortSignal): Promise<readonly Lock[]>;
}

const RESOURCES_API_VERSION = '2022-09-01';

/** Signs in and gives the verbs on Azure. Throws one clear sentence when signing in fails. */
export async function openAzure(
  inputs: SignInInputs,
  mintAssertion: MintAssertion,
  signal: AbortSignal,
): Promise<Azure> {
  const cloud = await findCloud(inputs.environment, signal);
  const httpClient = createHttpClient();
  const pieceClient = createHttpClient(PIECE_TIMEOUT_MS);
  const blobCalls: BlobCalls = { putPages: 0, others: 0 };
  const credential = shareTokens(
    createCredential(inputs.identity, cloud, mintAssertion, httpClient),
  );
  await signIn(credential, inputs.identity, cloud.resourceManagerScope, signal);
  const resourceManager = createResourceManager(credential, cloud);
  const clients = createComputeClients(credential, cloud, httpClient);
  return {
    cloud,
    compute: createCompute(clients),
    guests: createGuestCommands(clients, httpClient),
    cloneCompute: createCloneCompute(clients),
    network: createNetwork(resourceManager),
    temporaryResources: createTemporaryResources(resourceManager),
    blobs: createBlobs(credential, httpClient, blobCalls),
    pages: createPages(credential, { httpClient, pieceClient }, blobCalls),
    lockBlobs: createLockBlobs(credential, httpClient, blobCalls),
    blobCalls,
    accounts: createAccounts(resourceManager),
    batchAccount: (id, signal) => batchAccountAt(resourceManager, id, signal),
    async groupExists(id, signal) {
      try {
        await resourceManager.get(id, RESOURCES_API_VERSION, signal);
        return true;
      } catch (error) {
        if (azureFailure(error).status === 404) return false;
        throw error;
      }
    },
    permissions: (scope, signal) => effectivePermissions(resourceManager, scope, signal),
    locks: (scope, signal) => locksAt(resourceManager, scope, signal),
  };
}
