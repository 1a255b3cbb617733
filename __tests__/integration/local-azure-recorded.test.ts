import { ClientSecretCredential } from '@azure/identity';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { HttpMethods } from '@azure/core-rest-pipeline';
import type { Scenario } from '../../local-azure/scenario.ts';
import { computePath, connectArm, type ArmAnswer } from '../support/azure-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { clientId, clientSecret, smallScenario, tenantId } from '../support/small-scenario.ts';
import { send, type Answer } from '../support/send.ts';

/** Facts of recorded exchanges with Azure, each with the public recording that shows it. */
interface Fact {
  readonly recording: string;
  readonly fact: string;
  readonly check: () => Promise<void>;
}

const vm = `${computePath}/virtualMachines/builder`;
const osDisk = `${computePath}/disks/builder-os`;
const snapshot = `${computePath}/snapshots/s0`;
const accounts = computePath.replace('Microsoft.Compute', 'Microsoft.Storage/storageAccounts');
const blobs = 'https://imageswe1.blob.core.windows.net';
const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,7}\+00:00$/;

const scenario: Scenario = {
  ...smallScenario,
  snapshots: [{ resourceGroup: 'images', name: 's0', sourceDiskId: osDisk }],
  storageAccounts: [
    {
      resourceGroup: 'images',
      name: 'imageswe1',
      containers: [
        { name: 'vhds', blobs: [{ name: 'base.vhd', type: 'PageBlob', sizeBytes: 1024 }] },
      ],
    },
    {
      resourceGroup: 'images',
      name: 'imageswe2',
      containers: [
        { name: 'vhds', blobs: [{ name: 'base.vhd', type: 'PageBlob', sizeBytes: 1024 }] },
      ],
    },
  ],
};

let azure: LocalAzure;
let arm: ReturnType<typeof connectArm>;
let credential: ClientSecretCredential;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
  useLocalAzure(azure);
  credential = new ClientSecretCredential(tenantId, clientId, clientSecret);
  arm = connectArm(credential);
});

beforeEach(async () => {
  await azure.reset(scenario);
});

function snapshotBody(location = 'westeurope') {
  const creationData = { createOption: 'Copy', sourceResourceId: osDisk };
  return { location, sku: { name: 'Standard_LRS' }, tags: {}, properties: { creationData } };
}

function grant(): Promise<ArmAnswer> {
  return arm('POST', `${snapshot}/beginGetAccess`, { access: 'Read', durationInSeconds: 600 });
}

function pollUrl(started: Answer): string {
  return started.header('azure-asyncoperation') ?? '';
}

/** Polls until the operation is done; the last answer. */
async function follow(started: Answer): Promise<ArmAnswer> {
  const answer = await arm('GET', pollUrl(started));
  const { status } = answer.json as { status: string };
  return status === 'InProgress' ? await follow(started) : answer;
}

function quotaOf(answer: Answer): string | undefined {
  return answer.header('x-ms-ratelimit-remaining-resource');
}

async function storage(
  method: HttpMethods,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { token } = await credential.getToken('https://storage.azure.com/.default');
  return await send(url, {
    method,
    headers: { authorization: `Bearer ${token}`, 'x-ms-version': '2022-11-02', ...headers },
  });
}

function expectStorageError(answer: Answer, status: number, code: string, message: string): void {
  expect(answer.status).toBe(status);
  expect(answer.header('content-type')).toBe('application/xml');
  expect(answer.header('x-ms-error-code')).toBe(code);
  const requestId = answer.header('x-ms-request-id') ?? '';
  expect(answer.body).toContain(
    `\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}\nRequestId:${requestId}\nTime:`,
  );
}

const operations: readonly Fact[] = [
  {
    recording: 'Azure/azure-cli test_snapshot_access',
    fact: 'beginGetAccess answers 202 without a body, with both URLs of the disk service and its quota',
    check: async () => {
      const started = await grant();
      expect([started.status, started.body]).toEqual([202, '']);
      const [poll, result] = [pollUrl(started), started.header('location') ?? ''];
      expect(poll).toMatch(
        /\/providers\/Microsoft\.Compute\/locations\/westeurope\/DiskOperations\/[0-9a-f-]{36}\?p=[0-9a-f-]{36}&api-version=/,
      );
      expect(new URL(result).pathname).toBe(new URL(poll).pathname);
      expect(new URL(result).searchParams.get('monitor')).toBe('true');
      expect(started.header('azure-asyncnotification')).toBeUndefined();
      expect(quotaOf(started)).toMatch(
        /^Microsoft\.Compute\/HighCostSnapshotCreateHydrate3Min;\d+,Microsoft\.Compute\/HighCostSnapshotCreateHydrate30Min;\d+$/,
      );
    },
  },
  {
    recording: 'Azure/azure-cli test_snapshot_access',
    fact: 'a poll that finds the end has times, output and name; Location has the bare result',
    check: async () => {
      const started = await grant();
      const { status, json } = await follow(started);
      expect(status).toBe(200);
      expect(json).toEqual({
        startTime: expect.stringMatching(time),
        endTime: expect.stringMatching(time),
        status: 'Succeeded',
        properties: { output: { accessSAS: expect.any(String) } },
        name: new URL(pollUrl(started)).pathname.split('/').at(-1),
      });
      const result = await arm('GET', started.header('location') ?? '');
      const { output } = (json as { properties: { output: unknown } }).properties;
      expect([result.status, result.json]).toEqual([200, output]);
    },
  },
  {
    recording: 'Azure/azure-cli test_snapshot_access',
    fact: 'a SAS is at a numbered zone, with a stored policy and no expiry',
    check: async () => {
      const { json } = await follow(await grant());
      const { accessSAS } = (json as { properties: { output: { accessSAS: string } } }).properties
        .output;
      const url = new URL(accessSAS);
      expect(url.hostname).toMatch(/^md-[a-z0-9]{12}\.z\d+\.blob\.storage\.azure\.net$/);
      expect(url.pathname).toMatch(/^\/[a-z0-9]{12}\/abcd$/);
      expect([...url.searchParams.keys()]).toEqual(['sv', 'sr', 'si', 'sig']);
      expect(url.searchParams.get('sv')).toBe('2018-03-28');
      expect(url.searchParams.get('si')).toMatch(guid);
    },
  },
  {
    recording: 'Azure/azure-cli test_snapshot_access',
    fact: 'a SAS shows as ActiveSAS until endGetAccess, which gives nothing',
    check: async () => {
      const diskState = async () =>
        ((await arm('GET', snapshot)).json as { properties: { diskState: string } }).properties
          .diskState;
      await follow(await grant());
      expect(await diskState()).toBe('ActiveSAS');
      const ended = await arm('POST', `${snapshot}/endGetAccess`);
      expect([ended.status, ended.body]).toEqual([202, '']);
      expect((await follow(ended)).json).not.toHaveProperty('properties');
      const result = await arm('GET', ended.header('location') ?? '');
      expect([result.status, result.body]).toEqual([200, '']);
      expect(await diskState()).toBe('Unattached');
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_run_command_with_parameters',
    fact: 'poll URLs are signed anew for every header, some thousand characters long',
    check: async () => {
      const started = await arm('POST', `${vm}/deallocate`);
      const [poll, result] = [pollUrl(started), started.header('location') ?? ''];
      expect(poll.length).toBeGreaterThan(2500);
      const [one, other] = [new URL(poll).searchParams, new URL(result).searchParams];
      expect([...one.keys()]).toEqual(['p', 'api-version', 't', 'c', 's', 'h']);
      expect(one.get('s')).not.toBe(other.get('s'));
      expect(one.get('t')).toMatch(/^\d{18}$/);
    },
  },
  {
    recording: 'Azure/azure-sdk-for-net VMOperationalTests/TestVMOperations',
    fact: 'deallocate says when to come back, and so does its first poll only',
    check: async () => {
      await azure.reset({ ...scenario, model: { operationMs: { deallocate: 60_000 } } });
      const started = await arm('POST', `${vm}/deallocate`);
      expect([started.status, started.header('retry-after')]).toEqual([202, '10']);
      expect(started.header('x-ms-request-id')).toBe(
        new URL(pollUrl(started)).pathname.split('/').at(-1),
      );
      const [first, second] = [
        await arm('GET', pollUrl(started)),
        await arm('GET', pollUrl(started)),
      ];
      expect(Number(first.header('retry-after'))).toBeGreaterThan(10);
      expect(second.header('retry-after')).toBeUndefined();
    },
  },
  {
    recording: 'Azure/azure-sdk-for-java (12 polls), Azure/azure-sdk-for-net TestVMOperations',
    fact: 'Location answers 202 while the operation runs and 200 in the end, without a body',
    check: async () => {
      const started = await arm('POST', `${vm}/deallocate`);
      const running = await arm('GET', started.header('location') ?? '');
      expect([running.status, running.body]).toEqual([202, '']);
      const done = await arm('GET', started.header('location') ?? '');
      expect([done.status, done.body]).toEqual([200, '']);
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_generalize',
    fact: 'powerOff answers 202 with azure-asyncnotification and spends a token of the VM',
    check: async () => {
      const started = await arm('POST', `${vm}/powerOff`);
      expect(started.status).toBe(202);
      expect(started.header('azure-asyncnotification')).toBe('Enabled');
      expect(quotaOf(started)).toBe(
        'Microsoft.Compute/UpdateVMSubscriptionMaximum;1499,Microsoft.Compute/UpdateVMResource;11',
      );
      const poll = await arm('GET', pollUrl(started));
      expect(poll.json).toEqual({
        startTime: expect.stringMatching(time),
        status: 'InProgress',
        name: expect.stringMatching(guid),
      });
      expect(quotaOf(poll)).toContain('Microsoft.Compute/GetOperationResource;44');
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_generalize',
    fact: 'generalize answers 200 at once, without a body and without URLs to poll',
    check: async () => {
      await follow(await arm('POST', `${vm}/powerOff`));
      const done = await arm('POST', `${vm}/generalize`);
      expect([done.status, done.body]).toEqual([200, '']);
      expect([done.header('location'), done.header('azure-asyncoperation')]).toEqual([
        undefined,
        undefined,
      ]);
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_create_with_default_trusted_launch',
    fact: 'an operation that fails is found with HTTP 200, its status and its error',
    check: async () => {
      const code = 'VMAgentStatusCommunicationError';
      const action = { kind: 'fail-operation' as const, code, message: 'No report.' };
      await azure.setFaults([{ match: { path: 'powerOff' }, action }]);
      const failed = await follow(await arm('POST', `${vm}/powerOff`));
      expect(failed.status).toBe(200);
      expect(failed.json).toMatchObject({
        status: 'Failed',
        error: { code, message: 'No report.' },
      });
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_run_command_with_parameters',
    fact: 'run command gives one entry on Linux, the same by both URLs',
    check: async () => {
      const body = {
        commandId: 'RunShellScript',
        script: ['echo $0 $1'],
        parameters: [
          { name: 'arg1', value: 'hello' },
          { name: 'arg2', value: 'world' },
        ],
      };
      const started = await arm('POST', `${vm}/runCommand`, body);
      expect([started.status, started.body]).toEqual([202, '']);
      const value = [
        {
          code: 'ProvisioningState/succeeded',
          level: 'Info',
          displayStatus: 'Provisioning succeeded',
          message:
            'Enable succeeded: \n[stdout]\n/var/lib/waagent/run-command/download/0/script.sh hello\n\n[stderr]\n',
        },
      ];
      expect((await follow(started)).json).toMatchObject({ properties: { output: { value } } });
      expect((await arm('GET', started.header('location') ?? '')).json).toEqual({ value });
    },
  },
];

const resources: readonly Fact[] = [
  {
    recording: 'Azure/azure-sdk-for-net DiskRPScenarioTests/Snapshot_CRUD_EmptyDisk',
    fact: 'PUT of a snapshot answers 202 with Retry-After 2 and the snapshot in the making',
    check: async () => {
      const put = await arm('PUT', `${computePath}/snapshots/s1`, snapshotBody());
      expect([put.status, put.header('retry-after')]).toEqual([202, '2']);
      expect(put.json).toMatchObject({ properties: { provisioningState: 'Updating' } });
      const { properties } = put.json as { properties: object };
      expect(Object.keys(properties)).not.toContain('timeCreated');
      const poll = await arm('GET', pollUrl(put));
      expect(poll.header('retry-after')).toBeUndefined();
    },
  },
  {
    recording: 'Azure/azure-cli test_specialized_image',
    fact: 'a snapshot that is there shows size, state, source and the defaults of a full copy',
    check: async () => {
      const { json } = await follow(
        await arm('PUT', `${computePath}/snapshots/s1`, snapshotBody()),
      );
      expect(json).toMatchObject({
        properties: {
          output: {
            sku: { name: 'Standard_LRS', tier: 'Standard' },
            properties: {
              osType: 'Linux',
              hyperVGeneration: 'V2',
              supportedCapabilities: { architecture: 'x64' },
              creationData: {
                createOption: 'Copy',
                sourceResourceId: osDisk,
                sourceUniqueId: expect.stringMatching(guid),
              },
              diskSizeGB: 1,
              diskSizeBytes: 2 ** 30,
              encryption: { type: 'EncryptionAtRestWithPlatformKey' },
              incremental: false,
              networkAccessPolicy: 'AllowAll',
              publicNetworkAccess: 'Enabled',
              provisioningState: 'Succeeded',
              diskState: 'Unattached',
              uniqueId: expect.stringMatching(guid),
            },
          },
        },
      });
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_snapshot_copy_start_detection',
    fact: 'a source in another region is answered with 404 about the source, by the provider',
    check: async () => {
      const put = await arm('PUT', `${computePath}/snapshots/s1`, snapshotBody('eastus'));
      expect([put.status, put.header('x-ms-failure-cause')]).toEqual([404, undefined]);
      expect(put.json).toEqual({
        error: { code: 'NotFound', message: 'Resource builder-os is not found.' },
      });
    },
  },
  {
    recording: 'Azure/azure-cli test_create_image_version_with_region_cvm_encryption_pmk',
    fact: 'DELETE of a snapshot answers 202 without a body, its poll has no output',
    check: async () => {
      const started = await arm('DELETE', snapshot);
      expect([started.status, started.body, started.header('retry-after')]).toEqual([
        202,
        '',
        undefined,
      ]);
      expect(quotaOf(started)).toContain('Microsoft.Compute/DeleteDisks3Min;');
      expect((await follow(started)).json).not.toHaveProperty('properties');
    },
  },
  {
    recording: 'Azure/azure-cli test_gallery_specialized',
    fact: 'a resource that is missing is answered with 404 by the gateway',
    check: async () => {
      const missing = await arm('GET', `${computePath}/snapshots/d3`);
      expect([missing.status, missing.header('x-ms-failure-cause')]).toEqual([404, 'gateway']);
      expect(missing.json).toEqual({
        error: {
          code: 'ResourceNotFound',
          message:
            "The Resource 'Microsoft.Compute/snapshots/d3' under resource group 'images' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        },
      });
    },
  },
  {
    recording: 'Azure/azure-cli test_ppg_update',
    fact: 'a deallocated VM shows no size and no SKU of its disk, no agent and no computer name',
    check: async () => {
      await follow(await arm('POST', `${vm}/deallocate`));
      const { json } = await arm('GET', `${vm}?$expand=instanceView&api-version=2020-06-01`);
      const { storageProfile, instanceView } = (
        json as { properties: { storageProfile: { osDisk: object }; instanceView: object } }
      ).properties;
      expect(storageProfile.osDisk).toMatchObject({ managedDisk: { id: osDisk } });
      expect(storageProfile.osDisk).not.toHaveProperty('diskSizeGB');
      expect(storageProfile.osDisk).not.toHaveProperty('managedDisk.storageAccountType');
      expect(Object.keys(instanceView).sort()).toEqual(['disks', 'hyperVGeneration', 'statuses']);
      const disk = await arm('GET', osDisk);
      expect(disk.json).toMatchObject({ properties: { diskState: 'Reserved' } });
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_custom_image_management',
    fact: 'OSState/generalized comes before the other states of a VM',
    check: async () => {
      await follow(await arm('POST', `${vm}/deallocate`));
      await arm('POST', `${vm}/generalize`);
      const { json } = await arm('GET', `${vm}/instanceView`);
      const { statuses } = json as { statuses: readonly { code: string }[] };
      expect(statuses.map(({ code }) => code)).toEqual([
        'OSState/generalized',
        'ProvisioningState/succeeded',
        'PowerState/deallocated',
      ]);
    },
  },
  {
    recording: 'Azure/azure-cli test_vm_generalize',
    fact: 'PUT of an image answers 201 and Creating, to be polled without a Location',
    check: async () => {
      await follow(await arm('POST', `${vm}/powerOff`));
      await arm('POST', `${vm}/generalize`);
      const image = `${computePath}/images/i1`;
      const put = await arm('PUT', image, {
        location: 'westeurope',
        tags: {},
        properties: { sourceVirtualMachine: { id: vm }, hyperVGeneration: 'V2' },
      });
      expect([put.status, put.header('location')]).toEqual([201, undefined]);
      expect(put.header('azure-asyncnotification')).toBe('Enabled');
      expect(quotaOf(put)).toBe('Microsoft.Compute/CreateImagesSubscriptionMaximum;59');
      expect(put.json).toMatchObject({ properties: { provisioningState: 'Creating' } });
      expect((await follow(put)).json).not.toHaveProperty('properties');
      expect((await arm('GET', image)).json).toMatchObject({
        properties: { provisioningState: 'Succeeded', storageProfile: { dataDisks: [] } },
      });
      const removed = await arm('DELETE', image);
      expect([removed.status, removed.header('location')]).toEqual([202, expect.any(String)]);
    },
  },
  {
    recording: 'Azure/azure-cli test_backup_csr',
    fact: 'a missing right is named with the caller, the action and the scope',
    check: async () => {
      const [identity] = scenario.identities ?? [];
      if (identity === undefined) throw new Error('The scenario has no identity.');
      await azure.reset({ ...scenario, identities: [{ ...identity, roleAssignments: [] }] });
      const refused = await arm('GET', `${accounts}/imageswe1`);
      expect([refused.status, refused.header('x-ms-failure-cause')]).toEqual([403, 'gateway']);
      expect(refused.json).toMatchObject({
        error: {
          code: 'AuthorizationFailed',
          message: expect.stringMatching(
            /^The client '.*' with object id '.*' does not have authorization to perform action 'Microsoft\.Storage\/storageAccounts\/read' over scope '\/subscriptions\/.*' or the scope is invalid\. If access was recently granted, please refresh your credentials\.$/,
          ),
        },
      });
    },
  },
  {
    recording: 'Azure/azure-cli test_storage_blob_socket_timeout',
    fact: 'listKeys answers two keys, with a quota header of its own',
    check: async () => {
      const keys = await arm('POST', `${accounts}/imageswe1/listKeys?api-version=2021-08-01`);
      expect(keys.status).toBe(200);
      expect(keys.header('x-ms-ratelimit-remaining-subscription-resource-requests')).toBe('11999');
      const key = (keyName: string) => ({
        creationTime: expect.any(String),
        keyName,
        value: expect.stringMatching(/^[A-Za-z0-9+/]{86}==$/),
        permissions: 'FULL',
      });
      expect(keys.json).toEqual({ keys: [key('key1'), key('key2')] });
    },
  },
  {
    recording: 'Azure/azure-cli test_snapshot_access, test_vm_generalize',
    fact: 'every answer tells what is left of the buckets of the subscription',
    check: async () => {
      const prefix = 'x-ms-ratelimit-remaining-subscription';
      const read = await arm('GET', snapshot);
      expect(read.header(`${prefix}-global-reads`)).toBe('3749');
      const written = await arm('POST', `${vm}/powerOff`);
      const deleted = await arm('DELETE', snapshot);
      expect([
        written.header(`${prefix}-writes`),
        written.header(`${prefix}-global-writes`),
        deleted.header(`${prefix}-deletes`),
        deleted.header(`${prefix}-global-deletes`),
      ]).toEqual(['199', '2999', '199', '2999']);
    },
  },
];

const storageFacts: readonly Fact[] = [
  {
    recording: 'Azure/azure-sdk-for-net StartCopyFromUriAsync_Error',
    fact: 'an error is XML behind a byte order mark, with its code in a header and the version of the request',
    check: async () => {
      const refused = await storage('PUT', `${blobs}/vhds/copy.vhd`, {
        'x-ms-version': '2019-07-07',
        'x-ms-copy-source': `${blobs}/vhds/none.vhd`,
      });
      expectStorageError(refused, 404, 'BlobNotFound', 'The specified blob does not exist.');
      expect(refused.header('x-ms-version')).toBe('2019-07-07');
    },
  },
  {
    recording: 'Azure/azure-cli test_storage_blob_copy_cancel_nopendingcopyoperation_error',
    fact: 'an abort with nothing pending is refused with 409',
    check: async () => {
      const refused = await storage(
        'PUT',
        `${blobs}/vhds/base.vhd?comp=copy&copyid=abcdabcd-abcd-abcd-abcd-abcdabcdabcd`,
        { 'x-ms-copy-action': 'abort' },
      );
      const message = 'There is currently no pending copy operation.';
      expectStorageError(refused, 409, 'NoPendingCopyOperation', message);
    },
  },
  {
    recording: 'Azure/azure-sdk-for-go TestBlobStartCopySourcePrivate',
    fact: 'a private source of another account without a SAS cannot be verified',
    check: async () => {
      const refused = await storage('PUT', `${blobs}/vhds/copy.vhd`, {
        'x-ms-version': '2020-10-02',
        'x-ms-copy-source': `${blobs.replace('swe1', 'swe2')}/vhds/base.vhd`,
      });
      const message = 'Could not verify the copy source within the specified time.';
      expectStorageError(refused, 401, 'CannotVerifyCopySource', message);
    },
  },
  {
    recording: 'Azure/azure-sdk-for-net and azure-cli, all HEAD of blobs',
    fact: 'a HEAD that fails has no body, only the code in a header',
    check: async () => {
      const missing = await storage('HEAD', `${blobs}/vhds/none.vhd`);
      expect([missing.status, missing.body, missing.header('x-ms-error-code')]).toEqual([
        404,
        '',
        'BlobNotFound',
      ]);
    },
  },
  {
    recording: 'Azure/azure-sdk-for-python test_page_blob.test_get_page_ranges_2_pages',
    fact: 'a page blob is made with 201, and its ranges come behind a byte order mark',
    check: async () => {
      const made = await storage('PUT', `${blobs}/vhds/new.vhd`, {
        'x-ms-blob-type': 'PageBlob',
        'x-ms-blob-content-length': '2048',
      });
      expect([made.status, made.header('x-ms-request-server-encrypted')]).toEqual([201, 'true']);
      const ranges = await storage('GET', `${blobs}/vhds/new.vhd?comp=pagelist`);
      expect(ranges.header('x-ms-blob-content-length')).toBe('2048');
      expect(ranges.body).toMatch(/^\ufeff<\?xml version="1\.0" encoding="utf-8"\?><PageList/);
    },
  },
  {
    recording: 'Azure/azure-sdk-for-js fetch_a_blob_for_disk_with_bearer_token',
    fact: 'an export is a page blob with a footer of 512 bytes, of service version 2018-03-28 whatever is asked',
    check: async () => {
      const { json } = await follow(await grant());
      const { accessSAS } = (json as { properties: { output: { accessSAS: string } } }).properties
        .output;
      const head = await send(accessSAS, {
        method: 'HEAD',
        headers: { 'x-ms-version': '2024-08-04' },
      });
      expect(head.status).toBe(200);
      expect(
        ['content-length', 'x-ms-blob-type', 'x-ms-blob-sequence-number', 'x-ms-version'].map(
          (name) => head.header(name),
        ),
      ).toEqual([`${2 ** 30 + 512}`, 'PageBlob', '0', '2018-03-28']);
      expect(head.header('content-md5')).toBeUndefined();
      expect(head.header('accept-ranges')).toBe('bytes');
      expect(head.header('x-ms-server-encrypted')).toBe('true');
    },
  },
];

describe.each([
  ['operations', operations],
  ['resources', resources],
  ['storage', storageFacts],
])('recorded %s', (_name, facts) => {
  test.each(facts)('$recording: $fact', async ({ check }) => {
    await check();
  });
});
