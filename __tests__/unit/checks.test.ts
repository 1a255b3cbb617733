import { describe, expect, test } from '@jest/globals';
import { check, rules, type Finding } from '../../src/checks/check.ts';
import { cloneRules } from '../../src/checks/clone-rules.ts';
import { deletionRules } from '../../src/checks/deletion-rules.ts';
import type {
  BatchAccount,
  BlobState,
  ContainerState,
  CopyState,
  Disk,
  Lock,
  StorageAccount,
  VirtualMachine,
} from '../../src/facts.ts';
import type { Inputs } from '../../src/inputs.ts';
import type { DiskKey } from '../../src/layout.ts';
import { requireResourceId } from '../../src/resource-id.ts';
import type { Survey } from '../../src/survey.ts';
import { TEBIBYTE } from '../../src/units.ts';
import {
  accountOf,
  batchAccountOf,
  blobOf,
  containerOf,
  diskOf,
  group,
  inputsOf,
  layoutOf,
  replicasOf,
  planOf,
  subscriptionId,
  surveyOf,
  vmOf,
  worldOf,
  type World,
} from '../support/facts.ts';

/** What a row changes in a right survey. */
interface Change {
  readonly inputs?: Partial<Inputs>;
  readonly vm?: Partial<VirtualMachine>;
  readonly osDisk?: Partial<Disk>;
  readonly account?: Partial<StorageAccount>;
  readonly accounts?: readonly StorageAccount[];
  readonly existing?: readonly BlobState[];
  readonly survey?: Partial<Survey>;
}

function worldWith({ inputs, vm, osDisk, account, accounts, existing = [] }: Change): World {
  return worldOf({
    inputs: inputsOf(inputs),
    vm: vmOf(vm),
    disks: new Map<DiskKey, Disk>([...worldOf().disks, ['os', diskOf('builder-os', osDisk)]]),
    accounts: accounts ?? [accountOf('imageswe1', account), accountOf('imageswe2')],
    existing: new Map(existing.map((blob) => [blob.url, blob])),
  });
}

/** What is found; the warnings of long copies, which every huge disk has, only where a row asks for them. */
function findingsOf(change: Change, asked = ''): readonly Finding[] {
  const world = worldWith(change);
  const findings = check(world.inputs, surveyOf(world, change.survey));
  return findings.filter(({ rule }) => rule !== 'time' || asked === 'time');
}

const failed = { kind: 'failed', code: 'AuthorizationFailed', message: 'Not allowed.' } as const;
const missing = { kind: 'missing' } as const;
const { osDisk } = vmOf();
const [dataDisk] = vmOf().dataDisks;
const oidc = { kind: 'oidc', clientId: 'c', tenantId: 't', audience: 'a' } as const;
const specialized = { generalize: 'none' } as const;
const accountId = accountOf('imageswe1').id;
const diskId = diskOf('builder-os').id;
const otherSubscription = '6c3d9f20-51e8-4ba7-9d46-2f0a8b7c1e35';
const snapshotId = layoutOf(worldOf()).disks[0]?.snapshotId ?? '';
const { name: snapshotName } = requireResourceId(snapshotId);
const [firstUrl = ''] = replicasOf(planOf(worldOf())).map(({ url }) => url);
const tempGroup = group.replace('images', 'temp');
const plan = { name: 'lts', product: 'server', publisher: 'acme' };
const where = `in resource group "images" of subscription "${subscriptionId}"`;
const encryptionSetId = `${group}/providers/Microsoft.Compute/diskEncryptionSets/keys`;
const scaleSetId = `${group}/providers/Microsoft.Compute/virtualMachineScaleSets/nodes`;
const snapshot = { id: snapshotId, uniqueId: 'u', tags: {}, diskState: undefined };

/** A survey whose locks are on these scopes. */
function lockedBy(...locks: readonly (readonly [level: string, scope: string])[]): Partial<Survey> {
  const value = locks.map(([level, scope], index): Lock => ({ name: `l${index}`, level, scope }));
  return { locks: new Map([[vmOf().id, { kind: 'found', value }]]) };
}

/** An identity that may do only this with the VM, and everything elsewhere. */
function permitted(action: string): Change {
  const value = [{ actions: [action], notActions: [], dataActions: [], notDataActions: [] }];
  return { survey: { permissions: new Map([[vmOf().id, { kind: 'found', value }]]) } };
}

/** A survey whose first account has such a container. */
function withContainer(container: Partial<ContainerState>): Partial<Survey> {
  const value = containerOf(container);
  return { containers: new Map([[accountId, { kind: 'found' as const, value }]]) };
}

/** A survey whose VM is of a size with, or without, a temporary disk. */
function withSize(hasTemporaryDisk: boolean): Partial<Survey> {
  const size = { name: vmOf().size, family: 'standardDDSv5Family', vCpus: 2, restrictions: [] };
  return { vmSize: { kind: 'found', value: { ...size, hasTemporaryDisk } } };
}

const poolsId = batchAccountOf().id;

/** VHDs for a pool of this account that has enough of them. */
function forBatch(account: Partial<BatchAccount> = {}, change: Change = {}): Change {
  const value = batchAccountOf(account);
  return {
    ...change,
    inputs: { batchAccount: poolsId, copies: { kind: 'pool-nodes', nodes: 120 }, ...change.inputs },
    survey: { batchAccount: { kind: 'found', value }, ...change.survey },
  };
}

const unread = { kind: 'failed', code: undefined, message: 'the service is busy.' } as const;
const done = { marker: '0'.repeat(32), state: 'done' } as const;
const working = { ...done, state: 'working' } as const;

/** What is wrong, the rule that it breaks, the change that makes it so, and what is said of it. */
type Row = readonly [name: string, rule: string, change: Change, message: string];

test('every rule is broken by a row here, but for those on copies and deletions, which have rows of their own', () => {
  const elsewhere = [...cloneRules, ...deletionRules];
  const here = rules.filter((rule) => !elsewhere.includes(rule)).map(({ id }) => id);
  const broken = new Set([...refusals, ...warnings, ...notes].map(([, rule]) => rule));
  expect([...broken].sort()).toEqual(here.sort());
});

test('a plain right survey has no findings', () => {
  expect(findingsOf({})).toEqual([]);
});

test('a guest that can be worked in takes no serial console', () => {
  const survey = { serialConsole: unread };
  expect(findingsOf({ inputs: { generalize: 'deprovision' }, survey })).toEqual([]);
});

test.each<readonly [string, Change]>([
  ['is off and done', { vm: { powerState: 'stopped', guestRecord: done } }],
  ['is off for good and done', { vm: { powerState: 'deallocated', guestRecord: done } }],
  ['is still at it', { vm: { agent: 'notReady', guestRecord: working } }],
])('a guest that an earlier run deprovisions and that %s is not refused', (_name, broken) => {
  const findings = findingsOf({ inputs: { generalize: 'deprovision' }, ...broken });
  expect(findings.map(({ rule, level }) => [rule, level])).toEqual([['guest-record', 'note']]);
});

/** What breaks a rule that refuses. */
const refusals: readonly Row[] = [
  [
    'a blob of which nobody knows whether it is there',
    'blob-readable',
    { survey: { blobs: new Map([[firstUrl, failed]]) } },
    `Whether blob "${firstUrl}" exists cannot be read: AuthorizationFailed: Not allowed. Grant the identity "Storage Blob Data Contributor" on the account.`,
  ],
  [
    'a snapshot of which nobody knows whether it is there',
    'snapshot-readable',
    { survey: { snapshots: new Map([[snapshotId, failed]]) } },
    `Whether snapshot "${snapshotName}" exists cannot be read: AuthorizationFailed: Not allowed. Grant the identity the missing right (docs/permissions.md).`,
  ],
  [
    'snapshots of an earlier attempt that cannot be looked for',
    'kept-snapshots-readable',
    { inputs: { keepPartial: true }, survey: { kept: failed } },
    'Whether an earlier attempt kept snapshots cannot be read: AuthorizationFailed: Not allowed. Run again, or set "keep-partial: false" to copy everything anew.',
  ],
  [
    'a blob that is there',
    'blob-exists',
    { existing: [blobOf(firstUrl)] },
    `Blob "${firstUrl}" exists. Choose another "blob-name", or set "if-exists" to "skip" or "overwrite".`,
  ],
  [
    'a VM that does not exist',
    'vm-present',
    { survey: { vm: missing } },
    `VM "builder" ${where} does not exist. Check "vm-name", "resource-group" and "subscription-id".`,
  ],
  [
    'a VM that cannot be read',
    'vm-present',
    { survey: { vm: failed } },
    `VM "builder" ${where} cannot be read: AuthorizationFailed: Not allowed. Check "vm-name", "resource-group" and "subscription-id".`,
  ],
  [
    'a VM that fails without a code',
    'vm-present',
    { survey: { vm: { ...failed, code: undefined } } },
    `VM "builder" ${where} cannot be read: Not allowed. Check "vm-name", "resource-group" and "subscription-id".`,
  ],
  [
    'a VM that is worked on',
    'vm-settled',
    { vm: { provisioningState: 'Updating' } },
    'VM "builder" is in provisioning state "Updating": another operation works on it. Wait for its end and run again.',
  ],
  [
    'a VM that is starting',
    'vm-in-transition',
    { vm: { powerState: 'starting' } },
    'VM "builder" is starting. Wait until it runs or is stopped and run again.',
  ],
  [
    'a VM that is deallocating',
    'vm-in-transition',
    { vm: { powerState: 'deallocating' } },
    'VM "builder" is deallocating. Wait until it runs or is stopped and run again.',
  ],
  [
    'to generalize a VM that is protected',
    'protected',
    { vm: { tags: { 'vm-to-vhd': 'Protected' } } },
    'VM "builder" carries the tag "vm-to-vhd: Protected", and what is asked for is one-way. Remove the tag if that is what you want, or take "source: copy".',
  ],
  [
    'a stopped VM whose guest is to be deprovisioned',
    'guest-running',
    { inputs: { generalize: 'deprovision' }, vm: { powerState: 'stopped', agent: 'unknown' } },
    'VM "builder" is stopped: deprovisioning the guest takes a running VM. If its guest was deprovisioned before, also by a run that failed later, set "generalize: mark"; otherwise start it.',
  ],
  [
    'an agent that is not ready',
    'guest-agent',
    { inputs: { generalize: 'deprovision' }, vm: { agent: 'notReady' } },
    'The VM agent of VM "builder" is not ready, and deprovisioning the guest goes through it. Repair or start it and run again, or deprovision the guest by other means and set "generalize: mark".',
  ],
  [
    'an agent that does not report',
    'guest-agent',
    { inputs: { generalize: 'deprovision' }, vm: { agent: 'unknown' } },
    'The VM agent of VM "builder" does not report, and deprovisioning the guest goes through it. Repair or start it and run again, or deprovision the guest by other means and set "generalize: mark".',
  ],
  [
    'a VM that is off, and whose serial console cannot be read',
    'guest-record-unread',
    {
      inputs: { generalize: 'deprovision' },
      vm: { powerState: 'stopped', agent: 'unknown' },
      survey: { serialConsole: unread },
    },
    'Whether an earlier run has deprovisioned the guest of VM "builder" could not be read from its serial console: the service is busy. Run again.',
  ],
  [
    'an agent that is not ready, and a serial console that cannot be read',
    'guest-record-unread',
    {
      inputs: { generalize: 'deprovision' },
      vm: { agent: 'notReady' },
      survey: { serialConsole: unread },
    },
    'Whether an earlier run has deprovisioned the guest of VM "builder" could not be read from its serial console: the service is busy. Run again.',
  ],
  [
    'a VM without run commands',
    'extension-operations',
    { inputs: { generalize: 'deprovision' }, vm: { allowsExtensions: false } },
    'VM "builder" forbids extensions ("allowExtensionOperations: false"), and run commands with them. Allow them, or deprovision the guest by other means and set "generalize: mark".',
  ],
  [
    'a running VM for a specialized image',
    'crash-consistent',
    { inputs: specialized },
    'VM "builder" is running: with "generalize: none" a snapshot of it is only crash-consistent. Stop it first, or set "source-power: restart" (stopped for the snapshots and started again) or "source-power: keep" (taken as it runs).',
  ],
  [
    'a generalized VM for a specialized image',
    'generalized-but-specialized-asked',
    { inputs: specialized, vm: { isGeneralized: true, powerState: 'stopped' } },
    'VM "builder" is marked generalized: it gives no specialized image. Leave "generalize" out, or set "generalize: mark".',
  ],
  [
    'an ephemeral OS disk',
    'ephemeral-os-disk',
    { vm: { osDisk: { ...osDisk, isEphemeral: true } } },
    'VM "builder" has an ephemeral OS disk, which can be neither deallocated nor snapshot. Make the VM anew with a managed OS disk.',
  ],
  [
    'an unmanaged disk',
    'unmanaged-disk',
    { vm: { osDisk: { ...osDisk, unmanagedUri: 'https://a/vhds/os.vhd' } } },
    'Disk "builder-os" of VM "builder" is unmanaged: it is a page blob and has no snapshots. Convert the VM to managed disks (az vm convert).',
  ],
  [
    'a disk that is gone',
    'disk-present',
    { survey: { disks: new Map<DiskKey, typeof missing>([[2, missing]]) } },
    'Disk "lun2" of the VM does not exist. Check that it is still attached.',
  ],
  [
    'a LUN that the VM does not have',
    'data-disk-lun',
    { inputs: { dataDisks: [2, 5] } },
    'VM "builder" has no data disk at LUN "5": it has 2. Correct "data-disks".',
  ],
  [
    'a LUN of a VM without data disks',
    'data-disk-lun',
    { inputs: { dataDisks: [0] }, vm: { dataDisks: [] } },
    'VM "builder" has no data disk at LUN "0": it has no data disks. Correct "data-disks".',
  ],
  [
    'a disk that its guest encrypted',
    'guest-encryption',
    { osDisk: { isGuestEncrypted: true } },
    'Disk "builder-os" is encrypted by Azure Disk Encryption: its VHD would stay encrypted. Decrypt it first (az vm encryption disable).',
  ],
  [
    'an OS disk that the VM tells encrypted',
    'guest-encryption',
    { vm: { osDisk: { ...osDisk, isGuestEncrypted: true } } },
    'Disk "builder-os" is encrypted by Azure Disk Encryption: its VHD would stay encrypted. Decrypt it first (az vm encryption disable).',
  ],
  [
    'a confidential VM',
    'confidential-vm',
    { vm: { securityType: 'ConfidentialVM' } },
    'VM "builder" is a confidential VM: a VHD of its disk does not boot anywhere else. Capture it into a gallery instead.',
  ],
  [
    'a disk larger than a page blob',
    'disk-size',
    { osDisk: { sizeBytes: 8 * TEBIBYTE } },
    'Disk "builder-os" with its VHD footer is larger than 8 TiB, the limit of a page blob. Leave it out with "data-disks".',
  ],
  [
    'an ultra disk',
    'disk-format',
    { osDisk: { sku: 'UltraSSD_LRS' } },
    'Disk "builder-os" (UltraSSD_LRS) is exported as VHDX or by incremental snapshots only, not as a VHD. Leave it out with "data-disks".',
  ],
  [
    'a disk with sectors of 4096 bytes',
    'disk-format',
    { osDisk: { logicalSectorSizeBytes: 4096 } },
    'Disk "builder-os" (Premium_LRS) is exported as VHDX or by incremental snapshots only, not as a VHD. Leave it out with "data-disks".',
  ],
  [
    'a shared disk',
    'shared-disk',
    { osDisk: { maxShares: 2 } },
    'Disk "builder-os" is shared by several VMs: its VHD would not be consistent. Leave it out with "data-disks".',
  ],
  [
    'a disk with an active SAS',
    'disk-access-open',
    { osDisk: { diskState: 'ActiveSAS' } },
    'Disk "builder-os" has an active SAS of somebody else. End it first (az disk revoke-access).',
  ],
  [
    'a VM that hibernates',
    'hibernated',
    { osDisk: { diskState: 'Frozen' }, vm: { powerState: 'deallocated' } },
    'Disk "builder-os" is frozen: VM "builder" hibernates, and the memory of its system lies on its disks. Start the VM, and run again.',
  ],
  [
    'an account that does not exist',
    'account-present',
    { survey: { accounts: [{ asked: 'nowhere', account: missing }] } },
    `Storage account "nowhere" in subscription "${subscriptionId}" does not exist. Check "storage-accounts"; an account of another subscription is given by its resource ID.`,
  ],
  [
    'accounts that cannot be listed',
    'account-present',
    { survey: { accounts: [{ asked: 'x', account: failed }] } },
    `Storage account "x" in subscription "${subscriptionId}" cannot be read: AuthorizationFailed: Not allowed. Give "storage-accounts" as resource IDs, or grant "Reader" on the subscription.`,
  ],
  [
    'an account for block blobs',
    'account-kind',
    { account: { kind: 'BlockBlobStorage' } },
    'Storage account "imageswe1" has the kind "BlockBlobStorage" and so no page blobs. Take a general-purpose account (StorageV2) without it.',
  ],
  [
    'an account with a hierarchical namespace',
    'account-kind',
    { account: { isHnsEnabled: true } },
    'Storage account "imageswe1" has a hierarchical namespace and so no page blobs. Take a general-purpose account (StorageV2) without it.',
  ],
  [
    'an account that takes few copies',
    'account-copy-scope',
    { account: { allowedCopyScope: 'AAD' } },
    'Storage account "imageswe1" takes copies from "AAD" sources only; disk exports belong to none. Lift "allowedCopyScope" or take another account.',
  ],
  [
    'an account that is worked on',
    'account-settled',
    { account: { provisioningState: 'Creating' } },
    'Storage account "imageswe1" is in provisioning state "Creating". Wait and run again.',
  ],
  [
    'a container without data rights',
    'container-reachable',
    {
      survey: {
        containers: new Map([[accountId, { ...failed, code: 'AuthorizationPermissionMismatch' }]]),
      },
    },
    'Container "vhds" of storage account "imageswe1" cannot be read: AuthorizationPermissionMismatch: Not allowed. Grant the identity "Storage Blob Data Contributor" on the account, which has Microsoft.Storage/storageAccounts/blobServices/containers/read; a new role assignment needs some minutes.',
  ],
  [
    'a container behind a firewall',
    'container-reachable',
    {
      survey: { containers: new Map([[accountId, { ...failed, code: 'AuthorizationFailure' }]]) },
    },
    'Container "vhds" of storage account "imageswe1" cannot be read: AuthorizationFailure: Not allowed. The runner must reach the blob endpoint of the account: check its firewall, private endpoints and DNS.',
  ],
  [
    'a blob name with nothing before its end',
    'blob-name',
    {
      inputs: { blobName: '.vhd', copies: { kind: 'replicas', count: 1 }, dataDisks: 'none' },
      accounts: [accountOf('imageswe1')],
    },
    'Blob name ".vhd" has nothing before ".vhd". Change "blob-name".',
  ],
  [
    'names that meet',
    'blob-name-twice',
    { inputs: { blobName: '{vm}-{replica}.vhd' } },
    'Several VHDs would get the same name "https://imageswe1.blob.core.windows.net/vhds/builder-1.vhd". Put {disk} and {replica} into "blob-name".',
  ],
  [
    'a group for snapshots that does not exist',
    'snapshot-group',
    {
      inputs: { snapshotResourceGroup: 'temp' },
      survey: { snapshotGroup: { id: tempGroup, exists: { kind: 'found', value: false } } },
    },
    'Resource group "temp" for the snapshots does not exist. Make it, or correct "snapshot-resource-group".',
  ],
  [
    'a group for snapshots that cannot be read',
    'snapshot-group',
    {
      inputs: { snapshotResourceGroup: 'temp' },
      survey: { snapshotGroup: { id: tempGroup, exists: failed } },
    },
    'Resource group "temp" for the snapshots cannot be read: AuthorizationFailed: Not allowed. Make it, or correct "snapshot-resource-group".',
  ],
  [
    'a snapshot that is there',
    'snapshot-name',
    {
      survey: { snapshots: new Map([[snapshotId, { kind: 'found' as const, value: snapshot }]]) },
    },
    'Snapshot "builder-os-0123456789ab" is there already. Delete it if nothing needs it, or run the workflow anew.',
  ],
  [
    'an identity without rights',
    'permissions',
    permitted('*/read'),
    `The identity lacks Microsoft.Compute/virtualMachines/powerOff/action, Microsoft.Compute/virtualMachines/deallocate/action and Microsoft.Compute/virtualMachines/generalize/action on "${vmOf().id}". Grant it the custom role in the log, or that of docs/permissions.md.`,
  ],
  [
    'a VM under a read-only lock',
    'lock-on-vm',
    { survey: lockedBy(['ReadOnly', vmOf().id]) },
    `Lock "l0" (ReadOnly) on "${vmOf().id}" keeps VM "builder" from being stopped, deallocated and marked generalized. Remove it for the run (az lock delete).`,
  ],
  [
    'a VM under a read-only lock that would be stopped and started again',
    'lock-on-vm',
    {
      inputs: { ...specialized, sourcePower: 'restart' },
      survey: lockedBy(['ReadOnly', vmOf().id.toUpperCase()]),
    },
    `Lock "l0" (ReadOnly) on "${vmOf().id.toUpperCase()}" keeps VM "builder" from being stopped and started again. Remove it for the run (az lock delete).`,
  ],
  [
    'a group for snapshots under a read-only lock, whose VM is not touched',
    'lock-on-snapshots',
    {
      inputs: { ...specialized, sourcePower: 'keep', keepSnapshots: true },
      survey: lockedBy(['ReadOnly', group]),
    },
    `Lock "l0" (ReadOnly) on "${group}" keeps snapshots in resource group "images" from being made. Remove it for the run (az lock delete), or name a group without a lock in "snapshot-resource-group".`,
  ],
  [
    'a group for snapshots under a lock against deletion',
    'lock-on-snapshots',
    { survey: lockedBy(['CanNotDelete', group]) },
    `Lock "l0" (CanNotDelete) on "${group}" keeps snapshots in resource group "images" from being deleted afterwards. Remove it for the run (az lock delete), or name a group without a lock in "snapshot-resource-group".`,
  ],
  [
    'a group for snapshots under a lock against deletion, which it was asked to keep but for the claim',
    'lock-on-snapshots',
    { inputs: { keepSnapshots: true }, survey: lockedBy(['CanNotDelete', group]) },
    `Lock "l0" (CanNotDelete) on "${group}" keeps snapshots in resource group "images" from being deleted afterwards. Remove it for the run (az lock delete), or name a group without a lock in "snapshot-resource-group".`,
  ],
  [
    'a group for snapshots under a lock against deletion, of a VM that is only read',
    'lock-on-snapshots',
    {
      inputs: { ...specialized, sourcePower: 'keep' },
      survey: lockedBy(['CanNotDelete', group]),
    },
    `Lock "l0" (CanNotDelete) on "${group}" keeps snapshots in resource group "images" from being deleted afterwards. Remove it for the run (az lock delete), or name a group without a lock in "snapshot-resource-group", or set "keep-snapshots: true".`,
  ],
  [
    'a subscription under a lock against deletion, told by two scopes',
    'lock-on-snapshots',
    {
      inputs: { snapshotResourceGroup: 'temp' },
      survey: {
        locks: new Map(
          [vmOf().id, tempGroup].map((scope) => [
            scope,
            {
              kind: 'found' as const,
              value: [
                { name: 'all', level: 'CanNotDelete', scope: `/subscriptions/${subscriptionId}` },
              ],
            },
          ]),
        ),
      },
    },
    `Lock "all" (CanNotDelete) on "/subscriptions/${subscriptionId}" keeps snapshots in resource group "temp" from being deleted afterwards. Remove it for the run (az lock delete).`,
  ],
  [
    'a disk under a read-only lock of its own',
    'lock-on-disks',
    { survey: lockedBy(['ReadOnly', diskId]) },
    `Lock "l0" (ReadOnly) on "${diskId}" keeps disk "builder-os" from being snapshot. Remove it for the run (az lock delete).`,
  ],
  [
    'disks in a group under a read-only lock, whose VM is not touched and whose snapshots go elsewhere',
    'lock-on-disks',
    {
      inputs: { ...specialized, sourcePower: 'keep', snapshotResourceGroup: 'temp' },
      survey: lockedBy(['ReadOnly', group]),
    },
    `Lock "l0" (ReadOnly) on "${group}" keeps disks "builder-os" and "builder-data" from being snapshot. Remove it for the run (az lock delete).`,
  ],
  [
    'a container under an immutability policy',
    'container-immutability',
    { survey: withContainer({ hasImmutabilityPolicy: true }) },
    'Container "vhds" of storage account "imageswe1" is under an immutability policy: a VHD there may be neither completed nor removed. Name another one in "container".',
  ],
  [
    'a container under a legal hold too',
    'container-immutability',
    { survey: withContainer({ hasImmutabilityPolicy: true, hasLegalHold: true }) },
    'Container "vhds" of storage account "imageswe1" is under an immutability policy and a legal hold: a VHD there may be neither completed nor removed. Name another one in "container".',
  ],
  [
    'a Batch account that does not exist',
    'batch-account-present',
    forBatch({}, { survey: { batchAccount: missing } }),
    `Batch account "${poolsId}" does not exist. Check "batch-account", and that the identity has "Microsoft.Batch/batchAccounts/read" there.`,
  ],
  [
    'a Batch account that cannot be read',
    'batch-account-present',
    forBatch({}, { survey: { batchAccount: failed } }),
    `Batch account "${poolsId}" cannot be read: AuthorizationFailed: Not allowed. Check "batch-account", and that the identity has "Microsoft.Batch/batchAccounts/read" there.`,
  ],
  [
    "a Batch account with pools in Batch's subscription",
    'batch-allocation-mode',
    forBatch({ poolAllocationMode: 'BatchService' }),
    'Batch account "pools" has the pool allocation mode "BatchService": only pools in its own subscription ("UserSubscription") take VHDs. Take an account of that mode, or leave "batch-account" out if the VHDs are for something else.',
  ],
  [
    'a storage account in another subscription than the Batch account',
    'batch-subscription',
    forBatch({}, { account: { id: accountId.replace(subscriptionId, otherSubscription) } }),
    `Storage account "imageswe1" is in subscription "${otherSubscription}", Batch account "pools" in "${subscriptionId}": pools take VHDs of their own subscription only. Take a storage account there, or leave "batch-account" out if the VHDs are for something else.`,
  ],
  [
    'a storage account in another region than the Batch account',
    'batch-region',
    forBatch({ location: 'northeurope' }, { accounts: [accountOf('imageswe1')] }),
    'Storage account "imageswe1" is in "westeurope", Batch account "pools" in "northeurope": pools take VHDs of their own region only. Take a storage account there, or leave "batch-account" out if the VHDs are for something else.',
  ],
  [
    'a premium account for VHDs of a pool',
    'batch-storage',
    forBatch({}, { account: { sku: 'Premium_LRS' } }),
    'Storage account "imageswe1" is "Premium_LRS": pools take VHDs of standard accounts only. Take a standard account, or leave "batch-account" out if the VHDs are for something else.',
  ],
  [
    'extensions on a VM for a pool',
    'batch-extensions',
    forBatch({}, { vm: { extensions: ['A', 'B'] } }),
    'VM "builder" has extensions (A and B): Batch wants images without any. Remove them before the capture, or set "remove-extensions: true", or leave "batch-account" out if the VHDs are for something else.',
  ],
  [
    'an account whose blobs cannot be changed',
    'account-immutability',
    { account: { isImmutable: true } },
    'Storage account "imageswe1" has version-level immutability: a VHD there may be neither completed nor removed. Take another account; it cannot be switched off.',
  ],
];

describe('a rule refuses', () => {
  test.each(refusals)('%s', (_name, rule, change, message) => {
    expect(findingsOf(change)).toEqual([{ rule, level: 'refusal', message }]);
  });

  test('a group of the VM and the snapshots under a read-only lock twice', () => {
    const found = findingsOf({ survey: lockedBy(['ReadOnly', group]) });
    expect(found.map(({ rule }) => rule)).toEqual(['lock-on-vm', 'lock-on-snapshots']);
  });

  test('an identity without data rights, which are named as such', () => {
    const scope = `${accountId}/blobServices/default/containers/vhds`;
    const value = [
      { actions: ['*'], notActions: [], dataActions: ['*'], notDataActions: ['*/delete'] },
    ];
    const permissions = new Map([[scope, { kind: 'found' as const, value }]]);
    expect(findingsOf({ survey: { permissions } })).toEqual([
      {
        rule: 'permissions',
        level: 'refusal',
        message: `The identity lacks Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete (data action) on "${scope}". Grant it "Storage Blob Data Contributor" there; "Contributor" and "Owner" do not reach blobs.`,
      },
    ]);
  });
});

/** What breaks a rule that warns. */
const warnings: readonly Row[] = [
  [
    'what is kept of a VM that may run in between',
    'keep-partial',
    { inputs: { keepPartial: true, generalize: 'none', sourcePower: 'keep' } },
    'Nothing that "keep-partial" keeps can be gone on with: only a VM that is generalized cannot run in between. Leave "keep-partial" out.',
  ],
  [
    'Trusted Launch',
    'trusted-launch',
    { vm: { securityType: 'TrustedLaunch' } },
    'VM "builder" has Trusted Launch: its vTPM and secure boot state are not part of the VHD. The VHD serves generation 2 images of the standard security type or "TrustedLaunchSupported".',
  ],
  [
    'extensions',
    'extensions',
    { vm: { extensions: ['A', 'B'] } },
    'VM "builder" has extensions (A and B): Batch wants images without any. Remove them before the capture, or set "remove-extensions: true".',
  ],
  [
    'what extensions leave in a copy',
    'extension-files',
    { inputs: { generalize: 'deprovision', source: 'copy' }, vm: { extensions: ['A', 'B'] } },
    'The copy of VM "builder" has none of its extensions (A and B). What they installed in the guest is in the image.',
  ],
  [
    'what extensions leave that are removed',
    'extension-files',
    { inputs: { removeExtensions: true }, vm: { extensions: ['A', 'B'] } },
    'The extensions of VM "builder" (A and B) are removed before the capture. What they installed in the guest stays in the image.',
  ],
  [
    'a purchase plan',
    'purchase-plan',
    { vm: { plan } },
    'VM "builder" comes from a Marketplace image: who uses the VHD must name its purchase plan "acme:server:lts" (it is in the manifest).',
  ],
  [
    'an account of another region',
    'region',
    { account: { location: 'eastus' } },
    'Storage account "imageswe1" is in "eastus", the VM in "westeurope": copies between regions are slow (7 MB/s was seen) and cost egress.',
  ],
  [
    'copies that outlast a job of a hosted runner',
    'time',
    { inputs: { identity: oidc }, osDisk: { sizeBytes: 2 * TEBIBYTE } },
    'The copies may take at least 9 h 42 min when every page holds data, and jobs of GitHub-hosted runners end after 6 hours. Take a self-hosted runner with a managed identity, or with "client-secret": the token by which a job asks for OIDC assertions lives about as long.',
  ],
  [
    'copies that outlast a job of a hosted runner, with an identity that is renewed otherwise',
    'time',
    {
      inputs: { identity: { ...oidc, kind: 'client-secret', clientSecret: 's' } },
      osDisk: { sizeBytes: 2 * TEBIBYTE },
    },
    'The copies may take at least 9 h 42 min when every page holds data, and jobs of GitHub-hosted runners end after 6 hours. Take a self-hosted runner.',
  ],
  [
    'copies that outlast it because one snapshot serves all',
    'time',
    {
      inputs: { identity: oidc, copyMethod: 'copy-blob', copies: { kind: 'replicas', count: 3 } },
      osDisk: { sizeBytes: TEBIBYTE },
    },
    'The copies may take at least 7 h 16 min when every page holds data, and jobs of GitHub-hosted runners end after 6 hours. Take a self-hosted runner with a managed identity, or with "client-secret": the token by which a job asks for OIDC assertions lives about as long.',
  ],
  [
    'copies that outlast an az session',
    'time',
    { inputs: { identity: { kind: 'ambient' } }, osDisk: { sizeBytes: TEBIBYTE / 4 } },
    'The copies may take at least 1 h 12 min when every page holds data, and an azure/login session by OIDC cannot be renewed after about an hour. Give "client-id" and "tenant-id" instead.',
  ],
  [
    'accounts that stay empty',
    'replica-per-account',
    { inputs: { copies: { kind: 'replicas', count: 1 } } },
    'Only 1 of 2 storage accounts get a VHD of the OS disk. Ask for more with "replicas" or "pool-nodes", or name fewer accounts.',
  ],
  [
    'a VM of a scale set',
    'scale-set',
    { vm: { scaleSetId } },
    `VM "builder" belongs to scale set "${scaleSetId}", which may replace it while it is captured. Take a VM of its own, or keep the scale set from acting for the run.`,
  ],
  [
    'customer-managed keys',
    'customer-managed-keys',
    { osDisk: { encryptionSetId } },
    `Disk "builder-os" is encrypted with customer-managed keys of "${encryptionSetId}": its temporary snapshot needs the same disk encryption set, in the same region, and its VHD is encrypted with the keys of the storage account instead. Give the account such keys where the VHD needs them.`,
  ],
  [
    'a disk that limits its export',
    'export-limits',
    { osDisk: { exportLimits: ['networkAccessPolicy DenyAll', 'publicNetworkAccess Disabled'] } },
    'Disk "builder-os" limits its export (networkAccessPolicy DenyAll and publicNetworkAccess Disabled), but its temporary snapshot is open to whoever holds the SAS, from all networks, until the copies are done. Do not capture it where that must not be.',
  ],
  [
    'a premium account',
    'account-premium',
    { account: { sku: 'Premium_LRS' } },
    'Storage account "imageswe1" is "Premium_LRS": pools of Azure Batch took VHDs from standard accounts only. Take a standard account if they are for Batch.',
  ],
  [
    'soft delete',
    'soft-delete',
    {
      survey: {
        blobServices: new Map([
          [accountId, { kind: 'found' as const, value: { softDeleteDays: 7 } }],
        ]),
      },
    },
    'Storage account "imageswe1" keeps deleted blobs for 7 days (soft delete): an unfinished or overwritten VHD stays billed for so long. Take an account without it if that costs too much.',
  ],
  [
    'a count of VHDs that serves a pool of so many Linux nodes',
    'batch-nodes',
    forBatch({}, { inputs: { copies: { kind: 'replicas', count: 3 } } }),
    '3 VHDs serve pools of at most 120 nodes (40 Linux nodes each): larger ones are made only in part. Give "pool-nodes" instead of "replicas" to have enough.',
  ],
  [
    'a single VHD that serves a pool of so many Windows nodes',
    'batch-nodes',
    forBatch(
      {},
      {
        inputs: { copies: { kind: 'replicas', count: 1 } },
        vm: { osType: 'Windows' },
        accounts: [accountOf('imageswe1')],
      },
    ),
    '1 VHD serves pools of at most 20 nodes (20 Windows nodes each): larger ones are made only in part. Give "pool-nodes" instead of "replicas" to have enough.',
  ],
  [
    'a size without a temporary disk, for a pool',
    'batch-temporary-disk',
    forBatch({}, { vm: { size: 'Standard_D2s_v5' }, survey: withSize(false) }),
    'VM "builder" is of size "Standard_D2s_v5", which has no temporary disk: pools expect the image to leave that in its usual place. Build the image on a size that has one, or leave "batch-account" out if the VHDs are for something else.',
  ],
  [
    'a size that cannot be read, for a pool',
    'batch-temporary-disk',
    forBatch({}, { survey: { vmSize: failed } }),
    'Whether size "Standard_D2ds_v5" has a temporary disk, which pools expect, cannot be read: AuthorizationFailed: Not allowed. Grant "Microsoft.Compute/skus/read" on the subscription to have it checked.',
  ],
  [
    'locks that cannot be read',
    'locks-unknown',
    { survey: { locks: new Map([[group, failed]]) } },
    `The locks on "${group}" cannot be read, so they were not checked beforehand: AuthorizationFailed: Not allowed. Grant the identity "Microsoft.Authorization/locks/read" (docs/permissions.md).`,
  ],
  [
    'permissions that cannot be read',
    'permissions-unknown',
    { survey: { permissions: new Map([['/scope', failed]]) } },
    'The identity\'s permissions on "/scope" cannot be read, so they were not checked beforehand: AuthorizationFailed: Not allowed. Grant the identity "Microsoft.Authorization/permissions/read" (docs/permissions.md).',
  ],
  [
    'rights that Azure may ask for',
    'permissions-optional',
    permitted('Microsoft.Compute/virtualMachines/*/action'),
    `The identity lacks Microsoft.Compute/virtualMachines/instanceView/read and Microsoft.Compute/locations/operations/read on "${vmOf().id}". The run begins without, and may need it later: grant the identity the custom role in the log, or that of docs/permissions.md.`,
  ],
];

describe('a rule warns of', () => {
  test.each(warnings)('%s', (_name, rule, change, message) => {
    expect(findingsOf(change, rule)).toEqual([{ rule, level: 'warning', message }]);
  });
});

/** What breaks a rule that notes. */
const notes: readonly Row[] = [
  [
    'a guest that was deprovisioned before',
    'guest-record',
    {
      inputs: { generalize: 'deprovision' },
      vm: { powerState: 'stopped', guestRecord: done },
    },
    'The guest of VM "builder" was deprovisioned by an earlier run and has not started since, as its serial console tells: this one goes on from there.',
  ],
  [
    'a guest that is being deprovisioned',
    'guest-record',
    {
      inputs: { generalize: 'deprovision' },
      vm: { agent: 'notReady', guestRecord: working },
    },
    'The guest of VM "builder" is being deprovisioned by an earlier run, as its serial console tells: this one waits for its end.',
  ],
  [
    'encryption at host',
    'encryption-at-host',
    { vm: { isEncryptedAtHost: true } },
    'VM "builder" is encrypted at its host, which does not show in an export: its VHD is encrypted by the storage account alone. Ask for encryption at host again where VMs are made of it.',
  ],
  [
    'an account without keys',
    'account-sas',
    { account: { allowsSharedKey: false } },
    'Storage account "imageswe1" refuses account keys, and SAS signed with them: the run takes no such SAS, but a Marketplace offer needs one that lasts for weeks. Take another account if the VHDs are for one.',
  ],
  [
    'a SAS policy',
    'account-sas',
    { account: { sasPeriod: '1.00:00:00' } },
    'Storage account "imageswe1" wants SAS of at most 1.00:00:00 (d.hh:mm:ss): the run takes no such SAS, but a Marketplace offer needs one that lasts for weeks. Take another account if the VHDs are for one.',
  ],
];

describe('a rule notes', () => {
  test.each(notes)('%s', (_name, rule, change, message) => {
    expect(findingsOf(change, rule)).toEqual([{ rule, level: 'note', message }]);
  });
});

describe('nothing is found of', () => {
  const notAsked = {
    dataDisks: [{ ...(dataDisk ?? { ...osDisk, lun: 2 }), unmanagedUri: 'https://x' }],
  };
  test.each<readonly [string, Change]>([
    ['a VM whose last operation failed', { vm: { provisioningState: 'Failed' } }],
    ['a running VM that is kept as it runs', { inputs: { ...specialized, sourcePower: 'keep' } }],
    ['a running VM that is started again', { inputs: { ...specialized, sourcePower: 'restart' } }],
    [
      'a protected VM that is not generalized',
      {
        inputs: { generalize: 'none', sourcePower: 'keep' },
        vm: { tags: { 'vm-to-vhd': 'protected' } },
      },
    ],
    ['a VM with another tag', { vm: { tags: { 'vm-to-vhd': 'yes' } } }],
    [
      'a read-only lock on a VM that is copied',
      {
        inputs: { generalize: 'deprovision', source: 'copy' },
        survey: lockedBy(['ReadOnly', vmOf().id]),
      },
    ],
    [
      'a protected VM that is copied',
      {
        inputs: { generalize: 'deprovision', source: 'copy' },
        vm: { tags: { 'vm-to-vhd': 'protected' } },
      },
    ],
    [
      'a stopped VM that is generalized already',
      {
        inputs: { generalize: 'deprovision' },
        vm: { powerState: 'stopped', agent: 'unknown', isGeneralized: true },
      },
    ],
    [
      'a stopped VM for a specialized image',
      { inputs: specialized, vm: { powerState: 'stopped' } },
    ],
    [
      'a generalized VM for a generalized image',
      { vm: { isGeneralized: true, powerState: 'stopped' } },
    ],
    ['an unmanaged disk that is left out', { inputs: { dataDisks: 'none' }, vm: notAsked }],
    ['a size with a temporary disk, for a pool', forBatch({}, { survey: withSize(true) })],
    [
      'a size that is not offered any more, for a pool',
      forBatch({}, { survey: { vmSize: missing } }),
    ],
    ['LUNs that are there', { inputs: { dataDisks: [2] } }],
    ['a disk that just fits', { osDisk: { sizeBytes: 8 * TEBIBYTE - 512 } }],
    ['a disk that one VM has', { osDisk: { diskState: 'Reserved' } }],
    [
      'a read-only lock on a VM that is past being touched',
      {
        vm: { isGeneralized: true, powerState: 'stopped' },
        survey: lockedBy(['ReadOnly', vmOf().id]),
      },
    ],
    [
      'a read-only lock on a VM that is kept as it runs',
      {
        inputs: { ...specialized, sourcePower: 'keep' },
        survey: lockedBy(['ReadOnly', vmOf().id]),
      },
    ],
    ['a lock against deletion on the VM alone', { survey: lockedBy(['CanNotDelete', vmOf().id]) }],
    [
      'a lock against deletion where the snapshots are kept',
      {
        inputs: { ...specialized, sourcePower: 'keep', keepSnapshots: true },
        survey: lockedBy(['CanNotDelete', group]),
      },
    ],
    [
      'locks beside the VM and its group',
      { survey: lockedBy(['ReadOnly', `${group}-2`], ['ReadOnly', accountId]) },
    ],
    [
      'a lock on the group of the VM against deletion of snapshots elsewhere',
      {
        inputs: { snapshotResourceGroup: 'temp' },
        survey: lockedBy(['CanNotDelete', group]),
      },
    ],
    [
      'a lock against deletion on a disk, and a read-only one on a disk that is left out',
      {
        inputs: { dataDisks: 'none' },
        survey: lockedBy(['CanNotDelete', diskId], ['ReadOnly', diskOf('builder-data').id]),
      },
    ],
    [
      'a container that is kept as it is, with every VHD in it already',
      {
        inputs: { ifExists: 'skip', dataDisks: 'none' },
        existing: replicasOf(planOf(worldOf()))
          .filter(({ disk }) => disk === 'os')
          .map(({ url }) => blobOf(url)),
        survey: withContainer({ hasImmutabilityPolicy: true, hasLegalHold: true }),
      },
    ],
    ['a Batch account whose pools take the VHDs', forBatch()],
    [
      'a Batch account whose subscription is written in capitals',
      forBatch({ id: poolsId.toUpperCase() }),
    ],
    [
      'soft delete that cannot be read',
      { survey: { blobServices: new Map([[accountId, failed]]) } },
    ],
    ['an account of the first kind', { account: { kind: 'Storage' } }],
    [
      'a container that is missing: it is made',
      { survey: { containers: new Map([[accountId, missing]]) } },
    ],
    [
      'a group for snapshots that exists',
      {
        inputs: { snapshotResourceGroup: 'temp' },
        survey: { snapshotGroup: { id: tempGroup, exists: { kind: 'found', value: true } } },
      },
    ],
    [
      'permissions that say nothing of data',
      {
        survey: {
          permissions: new Map([
            [
              `${accountId}/blobServices/default/containers/vhds`,
              {
                kind: 'found' as const,
                value: [
                  { actions: ['*'], notActions: [], dataActions: undefined, notDataActions: [] },
                ],
              },
            ],
          ]),
        },
      },
    ],
  ])('%s', (_name, change) => {
    expect(findingsOf(change)).toEqual([]);
  });

  test('a VM that is not there but this', () => {
    const survey = { vm: missing, disks: new Map(), layout: { disks: [] } };
    expect(findingsOf({ survey }).map(({ rule }) => rule)).toEqual(['vm-present']);
  });
});

describe('with blobs that are there', () => {
  const [os1, os2, os3, data] = replicasOf(planOf(worldOf())).map(({ url }) => url);
  const url = os1 ?? '';
  const all = [os1, os2, os3].map((each) => blobOf(each ?? ''));
  const dataBlob = blobOf(data ?? '', { lengthBytes: 4 * 1024 ** 3 + 512 });
  const pending: CopyState = {
    id: 'c',
    status: 'pending',
    description: undefined,
    copiedBytes: 0,
  };
  const overwrite = { ifExists: 'overwrite' } as const;
  const skip = { ifExists: 'skip' } as const;
  const length = 8 * 1024 ** 3 + 512;
  test.each<readonly [string, Partial<Inputs>, readonly BlobState[], readonly string[]]>([
    [
      'fail refuses each',
      {},
      [blobOf(url)],
      [
        `Blob "${url}" exists. Choose another "blob-name", or set "if-exists" to "skip" or "overwrite".`,
      ],
    ],
    ['overwrite takes a page blob', overwrite, [blobOf(url)], []],
    [
      'overwrite refuses a leased one',
      overwrite,
      [blobOf(url, { isLeased: true })],
      [`Blob "${url}" is leased and cannot be overwritten. Break the lease first.`],
    ],
    [
      'overwrite refuses one that is written',
      overwrite,
      [blobOf(url, { copy: pending })],
      [`Blob "${url}" is the destination of a pending copy. Wait for its end or abort it first.`],
    ],
    [
      'overwrite refuses another type',
      overwrite,
      [blobOf(url, { blobType: 'BlockBlob' })],
      [`Blob "${url}" is of type "BlockBlob", which no VHD can overwrite. Delete it first.`],
    ],
    ['skip takes a whole set', skip, [...all, dataBlob], []],
    [
      'skip takes copies that succeeded',
      skip,
      [...all.map((blob) => ({ ...blob, copy: { ...pending, status: 'success' } })), dataBlob],
      [],
    ],
    [
      'skip refuses a part of the set',
      skip,
      [blobOf(url)],
      [
        `Blob "${url}" exists, but other VHDs of the set do not: a set with VHDs of different moments is not one image. Delete it, or set "if-exists: overwrite".`,
      ],
    ],
    [
      'skip refuses another length',
      skip,
      [...all, { ...dataBlob, lengthBytes: 512 }],
      [
        `Blob "${data ?? ''}" exists, but is no finished VHD of this disk (PageBlob, 512 bytes instead of ${4 * 1024 ** 3 + 512}). Delete it, or set "if-exists: overwrite".`,
      ],
    ],
    [
      'skip refuses another type',
      skip,
      [...all.slice(1), blobOf(url, { blobType: 'BlockBlob' }), dataBlob],
      [
        `Blob "${url}" exists, but is no finished VHD of this disk (BlockBlob, ${length} bytes instead of ${length}). Delete it, or set "if-exists: overwrite".`,
      ],
    ],
    [
      'skip refuses a copy that has not ended',
      skip,
      [...all.slice(1), blobOf(url, { copy: pending }), dataBlob],
      [`Blob "${url}" is the destination of a pending copy. Wait for its end or abort it first.`],
    ],
    [
      'skip refuses a copy that failed',
      skip,
      [...all.slice(1), blobOf(url, { copy: { ...pending, status: 'failed' } }), dataBlob],
      [
        `Blob "${url}" exists, but is no finished VHD of this disk (PageBlob, ${length} bytes instead of ${length}). Delete it, or set "if-exists: overwrite".`,
      ],
    ],
  ])('%s', (_name, inputs, existing, messages) => {
    const expected = messages.map((message) => ({
      rule: 'blob-exists',
      level: 'refusal',
      message,
    }));
    expect(findingsOf({ inputs, existing })).toEqual(expected);
  });
});
