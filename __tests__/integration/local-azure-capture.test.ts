import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { AnonymousCredential, BlobServiceClient, PageBlobClient } from '@azure/storage-blob';
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import {
  clientId,
  clientSecret,
  smallScenario,
  subscriptionId,
  tenantId,
} from '../support/small-scenario.ts';

const group = 'images';
const quickly = { updateIntervalInMs: 10 };
const gibBytes = 1024 ** 3;

let azure: LocalAzure;
let compute: ComputeManagementClient;
let vhd: PageBlobClient;

beforeAll(async () => {
  azure = await startLocalAzure(smallScenario);
  useLocalAzure(azure);
  const credential = new ClientSecretCredential(tenantId, clientId, clientSecret);
  compute = new ComputeManagementClient(credential, subscriptionId);
  const blobs = new BlobServiceClient('https://imageswe1.blob.core.windows.net', credential);
  vhd = blobs.getContainerClient('vhds').getPageBlobClient('builder.vhd');
});

beforeEach(async () => {
  await azure.reset();
  await new BlobServiceClient('https://imageswe1.blob.core.windows.net', vhd.credential)
    .getContainerClient('vhds')
    .create();
});

/** Stops the VM, takes a snapshot of its OS disk and opens it for reading. */
async function exportOsDisk(): Promise<string> {
  const vm = await compute.virtualMachines.get(group, 'builder');
  const diskId = vm.storageProfile?.osDisk?.managedDisk?.id ?? '';
  await compute.virtualMachines.deallocate(group, 'builder', quickly);
  await compute.virtualMachines.generalize(group, 'builder');
  const body = {
    location: vm.location,
    creationData: { createOption: 'Copy', sourceResourceId: diskId },
  };
  await compute.snapshots.createOrUpdate(group, 'snapshot', body, quickly);
  const request = { access: 'Read', durationInSeconds: 3600 };
  const { accessSAS } = await compute.snapshots.grantAccess(group, 'snapshot', request, quickly);
  return accessSAS ?? '';
}

async function copy(accessSas: string): Promise<string | undefined> {
  const poller = await vhd.beginCopyFromURL(accessSas, { intervalInMs: 10 });
  return (await poller.pollUntilDone()).copyStatus;
}

test('a capture through the SDK clients leaves a VHD and nothing else', async () => {
  const accessSas = await exportOsDisk();
  expect((await azure.state()).grants).toMatchObject([
    { url: accessSas.replace(/\?.*/, ''), durationInSeconds: 3600 },
  ]);
  expect(await copy(accessSas)).toBe('success');
  const footer = await vhd.downloadToBuffer(gibBytes, 512);
  expect(footer.toString('latin1', 0, 8)).toBe('conectix');
  await compute.snapshots.revokeAccess(group, 'snapshot', quickly);
  await expect(
    new PageBlobClient(accessSas, new AnonymousCredential()).getProperties(),
  ).rejects.toMatchObject({
    statusCode: 403,
  });
  await compute.snapshots.delete(group, 'snapshot', quickly);
  const { resources, grants, blobs } = await azure.state();
  expect(resources).not.toHaveProperty(['Microsoft.Compute/snapshots']);
  expect(grants).toEqual([]);
  expect(blobs).toMatchObject([
    { url: vhd.url, blobType: 'PageBlob', contentLength: gibBytes + 512, copyStatus: 'success' },
  ]);
  const [sas] = accessSas.split('?').slice(1);
  const signature = new URLSearchParams(sas).get('sig') ?? '';
  expect(signature).not.toBe('');
  const shown = JSON.stringify([await azure.calls(), await azure.state()]);
  expect(shown).not.toContain(encodeURIComponent(signature));
  expect(shown).not.toContain(signature);
});

test('a fault ends an operation as failed', async () => {
  const action = { kind: 'fail-operation', code: 'InternalExecutionError', message: 'No luck.' };
  await azure.setFaults([
    {
      match: { method: 'POST', path: '/deallocate' },
      action: { ...action, kind: 'fail-operation' },
    },
  ]);
  await expect(compute.virtualMachines.deallocate(group, 'builder', quickly)).rejects.toThrow(
    'No luck.',
  );
});

test('a fault ends every SAS before its call', async () => {
  const accessSas = await exportOsDisk();
  await azure.setFaults([
    { match: { method: 'HEAD', host: '^md-' }, nth: 2, action: { kind: 'end-sas' } },
  ]);
  const source = new PageBlobClient(accessSas, new AnonymousCredential());
  expect((await source.getProperties()).contentLength).toBe(gibBytes + 512);
  await expect(source.getProperties()).rejects.toMatchObject({ statusCode: 403 });
  expect((await azure.state()).grants).toEqual([]);
});

test('a fault fails a copy', async () => {
  const accessSas = await exportOsDisk();
  await azure.setFaults([
    { match: { method: 'PUT', path: 'builder.vhd' }, action: { kind: 'copy', end: 'failed' } },
  ]);
  const { copyId } = await (
    await vhd.beginCopyFromURL(accessSas, { intervalInMs: 10 })
  )
    .pollUntilDone()
    .catch(() => vhd.getProperties());
  expect(await vhd.getProperties()).toMatchObject({ copyId, copyStatus: 'failed' });
});
