import { fileURLToPath } from 'node:url';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { BlobServiceClient, type PageBlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compareVhd } from '../../demo/vhd-proof.ts';
import { generateImage } from '../../local-azure/disks/generated-image.ts';
import type { Call } from '../../local-azure/edge/calls.ts';
import {
  createClientFolder,
  describeClient,
  findClient,
  runClient,
} from '../support/client-tool.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import {
  clientId,
  clientSecret,
  smallScenario,
  subscriptionId,
  tenantId,
} from '../support/small-scenario.ts';

const mib = 1024 * 1024;
const quickly = { updateIntervalInMs: 10 };
const group = 'images';
/** The OS disk of the scenario's VM. */
const source = generateImage(1, 1024 * mib, 4);
const { signal } = new AbortController();

/** Where scripts/install-clients.sh puts it. */
const installed = fileURLToPath(
  new URL(
    '../../node_modules/.cache/azure-clients/node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64',
    import.meta.url,
  ),
);

describeClient('AzCopy', await findClient([installed, 'azcopy'], ['--version']), (tool) => {
  let azure: LocalAzure;
  let folder: Awaited<ReturnType<typeof createClientFolder>>;
  let credential: ClientSecretCredential;

  beforeAll(async () => {
    folder = await createClientFolder();
    azure = await startLocalAzure({
      ...smallScenario,
      storageAccounts: ['imageswe1', 'imageswe2'].map((name) => ({ resourceGroup: group, name })),
    });
    useLocalAzure(azure);
    credential = new ClientSecretCredential(tenantId, clientId, clientSecret);
  });

  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  async function azcopy(args: readonly string[], secret = clientSecret): Promise<string> {
    return await runClient(tool, [...args, '--output-level', 'essential'], {
      AZCOPY_AUTO_LOGIN_TYPE: 'SPN',
      AZCOPY_TENANT_ID: tenantId,
      AZCOPY_SPA_APPLICATION_ID: clientId,
      AZCOPY_SPA_CLIENT_SECRET: secret,
      AZCOPY_LOG_LOCATION: folder.path,
      AZCOPY_JOB_PLAN_LOCATION: folder.path,
    });
  }

  function vhdIn(account: string): PageBlobClient {
    const blobs = new BlobServiceClient(`https://${account}.blob.core.windows.net`, credential);
    return blobs.getContainerClient('vhds').getPageBlobClient('builder.vhd');
  }

  /** The calls that wrote pages of a blob. */
  async function pageWrites(blob: PageBlobClient): Promise<readonly Call[]> {
    return (await azure.calls()).filter(
      ({ method, url }) => method === 'PUT' && url === `${blob.url}?comp=page`,
    );
  }

  async function exportOsDisk(): Promise<string> {
    const compute = new ComputeManagementClient(credential, subscriptionId);
    const vm = await compute.virtualMachines.get(group, 'builder');
    const sourceResourceId = vm.storageProfile?.osDisk?.managedDisk?.id ?? '';
    const snapshot = {
      location: vm.location,
      creationData: { createOption: 'Copy', sourceResourceId },
    };
    await compute.snapshots.createOrUpdate(group, 'snapshot', snapshot, quickly);
    const request = { access: 'Read', durationInSeconds: 3600 };
    const granted = await compute.snapshots.grantAccess(group, 'snapshot', request, quickly);
    return granted.accessSAS ?? '';
  }

  test('is refused with a wrong client secret', async () => {
    const target = vhdIn('imageswe1').url;
    await expect(azcopy(['copy', vhdIn('imageswe2').url, target], 'wrong')).rejects.toMatchObject({
      stdout: expect.stringContaining('AADSTS7000215'),
    });
  });

  test('copies an export into an account by Put Page From URL, byte for byte', async () => {
    const vhd = vhdIn('imageswe1');
    const printed = await azcopy([
      'copy',
      await exportOsDisk(),
      vhd.url,
      ...['--blob-type', 'PageBlob'],
    ]);
    expect(printed).toContain('Final Job Status: Completed');
    const writes = await pageWrites(vhd);
    expect(writes.length).toBeGreaterThan(1);
    // The pages come from their source, not through AzCopy.
    expect(Math.max(...writes.map(({ bytesIn }) => bytesIn))).toBeLessThan(8192);
    expect(await compareVhd(vhd, source, signal)).toMatchObject({ dataBytes: 4 * mib });
  });

  test('copies a VHD from one account into another with its token for both', async () => {
    const vhd = vhdIn('imageswe2');
    const printed = await azcopy([
      'copy',
      vhdIn('imageswe1').url,
      vhd.url,
      ...['--blob-type', 'PageBlob'],
    ]);
    expect(printed).toContain('Final Job Status: Completed');
    expect((await pageWrites(vhd)).length).toBeGreaterThan(1);
    expect(await compareVhd(vhd, source, signal)).toMatchObject({ dataBytes: 4 * mib });
  });
});
