import { randomBytes } from 'node:crypto';
import type { Scenario, ScenarioBlobModel, ScenarioModel } from '../local-azure/scenario.ts';

const MIB = 1024 * 1024;

/** Bytes are this many times fewer than in Azure, and so are bytes per second: pieces per second are the same. */
export const BYTE_SCALE = 64;

/** What one request copies: 4 MiB in Azure. */
export const PIECE_BYTES = (4 * MIB) / BYTE_SCALE;

/** Of one blob or export in Azure: 60 MiB/s in pieces of 4 MiB. */
export const AZURE_PIECES_PER_SECOND = 15;

/** Milliseconds of every call to Azure Resource Manager; an assumption. */
export const ARM_LATENCY_MS = 100;

/** Holes are several times as long as those that are copied rather than split. */
const EVERY_BYTES = 10 * PIECE_BYTES;

export const tenantId = '11111111-1111-4111-8111-111111111111';
export const subscriptionId = '22222222-2222-4222-8222-222222222222';
export const clientId = '33333333-3333-4333-8333-333333333333';
/** Of this run only. */
export const clientSecret = randomBytes(24).toString('base64url');
export const resourceGroup = 'bench';
export const vmName = 'builder';
export const diskName = 'builder-os';
export const container = 'vhds';

/** What a benchmark asks of the local Azure. */
export interface BenchScenario {
  /** Pieces of data on the disk; 0 is an empty disk. */
  readonly pieces: number;
  readonly accounts?: number;
  readonly powerState?: 'running' | 'deallocated';
  /** By default only where Azure sends it. */
  readonly retryAfterSeconds?: number;
  /** Off by default. */
  readonly model?: ScenarioModel;
}

/** One VM with one disk, whose data lie in pieces with holes between them, and some accounts in its region. */
export function buildScenario(bench: BenchScenario): Scenario {
  const { pieces, accounts = 1, powerState = 'deallocated', retryAfterSeconds, model } = bench;
  return {
    tenantId,
    subscriptions: [{ id: subscriptionId }],
    resourceGroups: [{ name: resourceGroup, location: 'westeurope' }],
    virtualMachines: [
      {
        resourceGroup,
        name: vmName,
        osType: 'Linux',
        powerState,
        osDisk: {
          name: diskName,
          sizeGiB: Math.max(1, Math.ceil((pieces * EVERY_BYTES) / 1024 ** 3)),
          content: {
            seed: 1,
            extents: { count: pieces, bytes: PIECE_BYTES, everyBytes: EVERY_BYTES },
          },
        },
      },
    ],
    storageAccounts: accountNames(accounts).map((name) => ({
      resourceGroup,
      name,
      containers: [{ name: container }],
    })),
    identities: [
      {
        name: 'bench',
        clientId,
        clientSecret,
        federatedCredentials: [
          {
            issuer: 'https://token.actions.githubusercontent.com',
            subject: 'repo:octo-org/images:ref:refs/heads/main',
            audience: 'api://AzureADTokenExchange',
          },
        ],
        roleAssignments: [{ role: 'Contributor' }, { role: 'Storage Blob Data Contributor' }],
      },
    ],
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(model !== undefined && { model }),
  };
}

export function accountNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `benchwe${index + 1}`);
}

/**
 * The model of Azure with every rate scaled so that a blob carries so many pieces per second, and an export so many
 * times as much; its times are those of the preset.
 */
export function buildModel(
  piecesPerSecond: number,
  changes: ScenarioBlobModel = {},
  exportRate = 1,
): ScenarioModel {
  const toScale = (mibPerSecond: number) =>
    (mibPerSecond / BYTE_SCALE) * (piecesPerSecond / AZURE_PIECES_PER_SECOND);
  const blob = { mibPerSecond: toScale(60), requestsPerSecond: 500 };
  return {
    preset: 'azure',
    armLatencyMs: ARM_LATENCY_MS,
    copyMiBPerSecond: toScale(40),
    blobs: {
      perBlob: blob,
      perExport: { ...blob, mibPerSecond: blob.mibPerSecond * exportRate },
      perAccount: { mibPerSecond: toScale(2980), requestsPerSecond: 20_000 },
      copyAcrossMiBPerSecond: toScale(7),
      ...changes,
    },
  };
}
