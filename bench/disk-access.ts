import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { clientId, clientSecret, resourceGroup, subscriptionId, tenantId } from './scenario.ts';

/** A compute client for the local Azure that this process uses. */
export function computeClient(): ComputeManagementClient {
  return new ComputeManagementClient(
    new ClientSecretCredential(tenantId, clientId, clientSecret),
    subscriptionId,
  );
}

/** Grants read access to a disk and gives its SAS. */
export async function grantDisk({ disks }: ComputeManagementClient, name: string): Promise<string> {
  const access = { access: 'Read', durationInSeconds: 3600 };
  const poller = disks.grantAccess(resourceGroup, name, access, { updateIntervalInMs: 10 });
  const { accessSAS } = await poller.pollUntilDone();
  if (accessSAS === undefined) throw new Error(`No SAS was granted for disk "${name}".`);
  return accessSAS;
}
