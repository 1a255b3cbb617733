import { randomBytes } from 'node:crypto';
import type { Scenario } from '../local-azure/scenario.ts';
import type { SourceDisk } from './source-disks.ts';

const MIB = 1024 * 1024;
/** How long the copy of the OS disk takes at the least, so that there is progress to be seen. */
const COPY_SECONDS = 6;

export const tenantId = '3c1d7a52-9e04-4b6f-8d2a-5f60b7c1e839';
export const subscriptionId = '7e9b0c34-21fa-4d58-b6e3-08a4d91c5f27';
export const clientId = 'a94f6e10-5d3b-47c2-9f81-c2e7d0b35a68';
/** Of this run only; the action does without it. */
export const clientSecret = randomBytes(24).toString('base64url');
export const resourceGroup = 'images';
export const vmName = 'builder';
export const accountNames = ['imageswe1', 'imageswe2'] as const;

/** What is in the demo's Azure: a running VM with two disks, two storage accounts and the identity of a workflow. */
export function makeScenario(osDisk: SourceDisk, dataDisk: SourceDisk): Scenario {
  return {
    tenantId,
    subscriptions: [{ id: subscriptionId, name: 'demo' }],
    resourceGroups: [{ name: resourceGroup, location: 'westeurope' }],
    virtualMachines: [
      {
        resourceGroup,
        name: vmName,
        osType: 'Linux',
        hyperVGeneration: 'V1',
        osDisk: { name: osDisk.name, sizeGiB: osDisk.sizeGiB, content: osDisk.content },
        dataDisks: [
          { lun: 0, name: dataDisk.name, sizeGiB: dataDisk.sizeGiB, content: dataDisk.content },
        ],
      },
    ],
    storageAccounts: accountNames.map((name) => ({ resourceGroup, name })),
    identities: [
      {
        name: 'image-builder',
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
    retryAfterSeconds: 1,
    model: { operationMs: { powerOff: 900, deallocate: 900 }, copyMiBPerSecond: paceOf(osDisk) },
  };
}

function paceOf({ image }: SourceDisk): number {
  const bytes = image.ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  return Math.max(1, Math.ceil(bytes / MIB / COPY_SECONDS));
}
