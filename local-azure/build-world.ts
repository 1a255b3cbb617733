import { createArmApp } from './arm/app.ts';
import { createResources } from './arm/resources.ts';
import type { ArmResources } from './arm/resource-store.ts';
import { createBlobApp } from './blobs/app.ts';
import type { Azurite } from './blobs/azurite.ts';
import { createBootLogs } from './blobs/boot-logs.ts';
import { createExportApp } from './blobs/export-app.ts';
import { createDiskExports } from './blobs/exports.ts';
import { createLoad } from './blobs/load.ts';
import { createBlobStore } from './blobs/store.ts';
import type { Answering } from './edge/dispatcher.ts';
import { listGrants, type ListedExports } from './edge/grant-list.ts';
import type { SecretList } from './edge/secret-list.ts';
import { createHosts } from './edge/hosts.ts';
import { recordTraffic, type TrafficPair } from './edge/traffic.ts';
import { createEntraApp } from './identity/entra.ts';
import { createGithubOidcApp, type IdTokenRequest } from './identity/github-oidc.ts';
import { createIdentities, type TokenIssuer } from './identity/identities.ts';
import { createImdsApp } from './identity/imds.ts';
import type { SigningKey } from './identity/signing-key.ts';
import { fillModel } from './model-preset.ts';
import { ScenarioError } from './scenario-error.ts';
import type { Scenario } from './scenario.ts';
import type { BlobStore, DiskImages, Hosts, World } from './world.ts';

/** What outlives a reset. */
export interface Foundation {
  readonly azurite: Azurite;
  /** Keeps what it has scanned. */
  readonly images: DiskImages;
  readonly entraKey: SigningKey;
  readonly githubKey: SigningKey;
  readonly job: IdTokenRequest;
  readonly secrets: SecretList;
  /** Gets every call to Azure Resource Manager with its answer. */
  readonly keepTraffic?: ((pair: TrafficPair) => void) | undefined;
}

/** A world as the local Azure runs it. */
export interface RunningWorld extends World {
  readonly identities: TokenIssuer;
  readonly resources: ArmResources;
  readonly exports: ListedExports;
}

/** Builds the world of a scenario, with its blobs in the emptied store, and the services that answer for it. */
export async function buildWorld(
  given: Scenario,
  foundation: Foundation,
): Promise<{ readonly world: RunningWorld; readonly answering: Answering } & Disposable> {
  const { azurite, images, entraKey, githubKey, job, secrets, keepTraffic } = foundation;
  const scenario = given.model ? { ...given, model: fillModel(given.model) } : given;
  const cloud = scenario.cloud ?? 'AzureCloud';
  const hosts = createHosts(cloud);
  const parts = {
    scenario,
    hosts,
    identities: createIdentities(scenario, entraKey),
    resources: await fillResources(scenario, hosts, images),
    images,
    exports: listGrants(secrets.rememberGranted(createDiskExports(hosts))),
    bootLogs: createBootLogs(hosts),
  };
  const blobs: BlobStore = createBlobStore(parts, azurite);
  const world: RunningWorld = { ...parts, blobs };
  await azurite.ensureAccounts((scenario.storageAccounts ?? []).map(({ name }) => name));
  await azurite.clear();
  await blobs.seed();
  const issuer = world.identities;
  const load = createLoad(scenario.model);
  const arm = createArmApp(world);
  const services: Answering['services'] = {
    entra: createEntraApp({ cloud, hosts, issuer, entraKey, githubKey }),
    arm: keepTraffic === undefined ? arm : recordTraffic(arm, hosts.arm, keepTraffic),
    blob: createBlobApp(world, azurite, load),
    export: createExportApp(world, load),
    'github-oidc': createGithubOidcApp(scenario.github ?? {}, githubKey, job),
    imds: createImdsApp(issuer),
  };
  return {
    world,
    answering: { hosts, exports: world.exports, services },
    [Symbol.dispose]: () => {
      world.resources.halt();
    },
  };
}

/** What only shows when the resources are made, such as a file that is no VHD, is a problem of the scenario too. */
async function fillResources(
  scenario: Scenario,
  hosts: Hosts,
  images: DiskImages,
): Promise<ArmResources> {
  try {
    return await createResources(scenario, hosts, images);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ScenarioError('The scenario', [`/: ${reason}`]);
  }
}
