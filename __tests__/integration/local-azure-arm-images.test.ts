import type { ComputeManagementClient, Image } from '@azure/arm-compute';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Scenario } from '../../local-azure/scenario.ts';
import { computePath, connectArm, connectCompute, quickly } from '../support/azure-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { smallScenario, subscriptionId } from '../support/small-scenario.ts';

const location = 'westeurope';
const osDisk = `${computePath}/disks/builder-os`;
const vhd = 'https://imageswe1.blob.core.windows.net/vhds/base.vhd';
const text = 'https://imageswe1.blob.core.windows.net/vhds/readme.txt';
const account = `/subscriptions/${subscriptionId}/resourceGroups/images/providers/Microsoft.Storage/storageAccounts/imageswe1`;

const scenario: Scenario = {
  ...smallScenario,
  snapshots: [{ resourceGroup: 'images', name: 's0', sourceDiskId: osDisk }],
  storageAccounts: [
    {
      resourceGroup: 'images',
      name: 'imageswe1',
      containers: [
        {
          name: 'vhds',
          blobs: [
            { name: 'base.vhd', type: 'PageBlob', sizeBytes: 1024 },
            { name: 'readme.txt', type: 'BlockBlob', text: 'no VHD' },
          ],
        },
      ],
    },
  ],
};

let azure: LocalAzure;
let compute: ComputeManagementClient;
let arm: ReturnType<typeof connectArm>;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
  useLocalAzure(azure);
  compute = connectCompute();
  arm = connectArm();
});

beforeEach(async () => {
  await azure.reset(scenario);
});

function make(image: Omit<Image, 'location'>): Promise<Image> {
  return compute.images.createOrUpdate('images', 'i1', { location, ...image }, quickly);
}

function fromOsDisk(source: object, osState: 'Generalized' | 'Specialized' = 'Generalized') {
  return { storageProfile: { osDisk: { osType: 'Linux' as const, osState, ...source } } };
}

describe('images', () => {
  test('are made of a generalized VM, which has to be one', async () => {
    const sourceVirtualMachine = { id: `${computePath}/virtualMachines/builder` };
    await compute.virtualMachines.deallocate('images', 'builder', quickly);
    await expect(make({ sourceVirtualMachine })).rejects.toMatchObject({
      statusCode: 409,
      code: 'OperationNotAllowed',
    });
    await compute.virtualMachines.generalize('images', 'builder');
    expect(await make({ sourceVirtualMachine })).toMatchObject({
      provisioningState: 'Succeeded',
      hyperVGeneration: 'V2',
      sourceVirtualMachine,
      storageProfile: {
        osDisk: {
          osType: 'Linux',
          osState: 'Generalized',
          diskSizeGB: 1,
          managedDisk: { id: osDisk },
          caching: 'ReadWrite',
        },
        dataDisks: [],
      },
    });
  });

  test('are made of a snapshot, changed, listed and deleted', async () => {
    const source = fromOsDisk({ snapshot: { id: `${computePath}/snapshots/s0` } });
    const made = await make({ ...source, tags: { run: '1' } });
    expect(made).toMatchObject({ hyperVGeneration: 'V2', tags: { run: '1' } });
    expect(made.storageProfile?.osDisk).toMatchObject({ diskSizeGB: 1, caching: 'None' });
    await make(source);
    const listed: unknown[] = [];
    for await (const image of compute.images.list()) listed.push(image.tags);
    for await (const { name } of compute.images.listByResourceGroup('images')) listed.push(name);
    expect(listed).toEqual([{}, 'i1']);
    await compute.images.delete('images', 'i1', quickly);
    await expect(compute.images.get('images', 'i1')).rejects.toMatchObject({ statusCode: 404 });
    await compute.images.delete('images', 'i1', quickly);
  });

  test('are made of a blob and of disks as data disks', async () => {
    const { storageProfile } = fromOsDisk({ blobUri: vhd });
    const dataDisks = [{ lun: 3, managedDisk: { id: osDisk } }];
    const made = await make({
      hyperVGeneration: 'V1',
      storageProfile: { ...storageProfile, dataDisks },
    });
    expect(made).toMatchObject({
      hyperVGeneration: 'V1',
      storageProfile: {
        osDisk: { blobUri: vhd },
        dataDisks: [{ lun: 3, diskSizeGB: 1, managedDisk: { id: osDisk } }],
      },
    });
  });

  test.each<[string, Omit<Image, 'location'>, number, string, RegExp]>([
    [
      'a blob without a generation',
      fromOsDisk({ blobUri: vhd }),
      400,
      'InvalidParameter',
      /^Required parameter 'hyperVGeneration' is missing \(null\)\.$/,
    ],
    ['a blob that is no page blob', fromOsDisk({ blobUri: text }), 400, 'InvalidParameter', /type/],
    [
      'a blob that is missing',
      fromOsDisk({ blobUri: `${vhd}x` }),
      400,
      'InvalidParameter',
      /base\.vhdx/,
    ],
    [
      'a snapshot that is missing',
      fromOsDisk({ snapshot: { id: `${computePath}/snapshots/none` } }),
      404,
      'NotFound',
      /^Resource none is not found\.$/,
    ],
    ['no source at all', {}, 400, 'InvalidParameter', /sourceVirtualMachine/],
  ])('are not made of %s', async (_name, image, statusCode, code, message) => {
    await expect(make(image)).rejects.toMatchObject({
      statusCode,
      code,
      message: expect.stringMatching(message),
    });
    expect((await azure.state()).resources).not.toHaveProperty(['Microsoft.Compute/images']);
  });
});

describe('disks', () => {
  const copy = { createOption: 'Copy', sourceResourceId: `${computePath}/snapshots/s0` };

  test('are made of a snapshot, exported and deleted', async () => {
    const made = await compute.disks.createOrUpdate(
      'images',
      'd1',
      { location, creationData: copy, tags: { run: '1' } },
      quickly,
    );
    expect(made).toMatchObject({
      provisioningState: 'Succeeded',
      diskState: 'Unattached',
      osType: 'Linux',
      diskSizeGB: 1,
      creationData: copy,
      tags: { run: '1' },
    });
    const access = { access: 'Read', durationInSeconds: 60 };
    await compute.disks.grantAccess('images', 'd1', access, quickly);
    await expect(compute.disks.delete('images', 'd1', quickly)).rejects.toThrow(
      /active shared access signature/,
    );
    await compute.disks.revokeAccess('images', 'd1', quickly);
    await compute.disks.delete('images', 'd1', quickly);
    await compute.disks.delete('images', 'd1', quickly);
    await expect(compute.disks.get('images', 'd1')).rejects.toMatchObject({ statusCode: 404 });
  });

  test('are made empty, and change their tags', async () => {
    const disk = { location, creationData: { createOption: 'Empty' }, diskSizeGB: 4 };
    const made = await compute.disks.createOrUpdate('images', 'd1', disk, quickly);
    expect(made).toMatchObject({ diskSizeBytes: 4 * 2 ** 30 });
    expect(made.osType).toBeUndefined();
    const tagged = { ...disk, tags: { run: '2' } };
    const changed = await compute.disks.createOrUpdate('images', 'd1', tagged, quickly);
    expect(changed).toMatchObject({ tags: { run: '2' }, uniqueId: made.uniqueId });
  });

  test.each<[string, string, object, RegExp]>([
    ['of a source in another region', 'eastus', { creationData: copy }, /s0 is not found/],
    [
      'of another source than it has',
      location,
      { creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
      /'creationData'/,
    ],
    [
      'in a way that the local Azure does not know',
      location,
      { creationData: { createOption: 'Upload', uploadSizeBytes: 512 } },
      /'Upload'/,
    ],
  ])('are not made %s', async (_name, region, disk, message) => {
    await compute.disks.createOrUpdate('images', 'd1', { location, creationData: copy }, quickly);
    const body = { creationData: copy, ...disk, location: region };
    const name = region === location ? 'd1' : 'd2';
    await expect(compute.disks.createOrUpdate('images', name, body, quickly)).rejects.toThrow(
      message,
    );
  });

  test('that a VM has are not deleted', async () => {
    await expect(compute.disks.delete('images', 'builder-os', quickly)).rejects.toThrow(
      /builder-os is attached to VM .*virtualMachines\/builder/,
    );
  });
});

describe('storage account keys', () => {
  test('are listed and open the account', async () => {
    const answer = await arm('POST', `${account}/listKeys?api-version=2016-01-01`);
    expect(answer.json).toMatchObject({
      keys: [
        { keyName: 'key1', permissions: 'FULL', creationTime: expect.any(String) },
        { keyName: 'key2', permissions: 'FULL' },
      ],
    });
    const { keys } = answer.json as { keys: readonly { value: string }[] };
    const credential = new StorageSharedKeyCredential('imageswe1', keys[1]?.value ?? '');
    const service = new BlobServiceClient('https://imageswe1.blob.core.windows.net', credential);
    const blob = service.getContainerClient('vhds').getBlobClient('base.vhd');
    expect((await blob.getProperties()).contentLength).toBe(1024);
  });

  test('are not for a reader, nor behind a read-only lock', async () => {
    const locks = [{ scope: account, level: 'ReadOnly' as const }];
    await azure.reset({ ...scenario, locks });
    expect(await arm('POST', `${account}/listKeys`)).toMatchObject({
      status: 409,
      json: { error: { code: 'ScopeLocked' } },
    });
    const [identity] = scenario.identities ?? [];
    if (identity === undefined) throw new Error('The scenario has no identity.');
    const reader = { ...identity, roleAssignments: [{ role: 'Reader' }] };
    await azure.reset({ ...scenario, identities: [reader] });
    expect(await arm('POST', `${account}/listKeys`)).toMatchObject({
      status: 403,
      json: {
        error: {
          code: 'AuthorizationFailed',
          message: expect.stringContaining('Microsoft.Storage/storageAccounts/listKeys/action'),
        },
      },
    });
  });
});
