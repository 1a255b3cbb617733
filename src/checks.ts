import { blobNameProblem } from './blob-name.ts';
import { listOf } from './errors.ts';
import type { Disk, Lookup, StorageAccount, VirtualMachine } from './facts.ts';
import type { Inputs } from './inputs.ts';
import { isGranted, requiredPermissions, type Requirement } from './permissions.ts';
import { chooseDataDisks, countReplicas, diskLabel, type Layout } from './plan.ts';
import { requireResourceId } from './resource-id.ts';
import { foundAccounts, foundDisks, type Survey } from './survey.ts';
import { TEBIBYTE } from './units.ts';
import { VHD_FOOTER_BYTES } from './vhd.ts';

/** A refusal ends the run before anything is touched; a warning goes to the log and the summary. */
export interface Finding {
  readonly rule: string;
  readonly level: 'refusal' | 'warning';
  /** What is wrong, the object quoted, and what to do next. */
  readonly message: string;
}

/** What a rule sees. */
interface Facts {
  readonly inputs: Inputs;
  readonly survey: Survey;
  readonly layout: Layout;
  readonly vm: VirtualMachine | undefined;
  readonly disks: readonly Disk[];
  readonly accounts: readonly StorageAccount[];
}

interface Rule {
  readonly id: string;
  readonly level: Finding['level'];
  /** Public documentation that the rule rests on. */
  readonly source: string;
  /** One message for each thing that breaks the rule. */
  readonly look: (facts: Facts) => readonly string[];
}

/** Judges a survey by every rule. */
export function check(inputs: Inputs, survey: Survey): readonly Finding[] {
  const facts: Facts = {
    inputs,
    survey,
    layout: survey.layout,
    vm: survey.vm.kind === 'found' ? survey.vm.value : undefined,
    disks: [...foundDisks(survey.disks).values()],
    accounts: foundAccounts(survey.accounts),
  };
  return rules.flatMap(({ id, level, look }) =>
    look(facts).map((message) => ({ rule: id, level, message })),
  );
}

const compute = 'https://learn.microsoft.com/azure/virtual-machines';
const storage = 'https://learn.microsoft.com/azure/storage';
const storageApi = 'https://learn.microsoft.com/rest/api/storageservices';

/** Kinds of account that have page blobs. */
const pageBlobKinds = ['Storage', 'StorageV2'];

const rules: readonly Rule[] = [
  {
    id: 'vm-present',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/virtual-machines/get',
    look: ({ inputs, survey }) =>
      notFound(
        survey.vm,
        `VM "${inputs.vm.name}" in resource group "${inputs.vm.resourceGroup}" of subscription "${inputs.vm.subscriptionId}"`,
        'Check "vm-name", "resource-group" and "subscription-id".',
      ),
  },
  {
    id: 'vm-settled',
    level: 'refusal',
    source: `${compute}/states-billing`,
    look: ({ vm }) =>
      vm && !['Succeeded', 'Failed'].includes(vm.provisioningState)
        ? [
            `VM "${vm.name}" is in provisioning state "${vm.provisioningState}": another operation works on it. Wait for its end and run again.`,
          ]
        : [],
  },
  {
    id: 'vm-in-transition',
    level: 'refusal',
    source: `${compute}/states-billing`,
    look: ({ vm }) =>
      vm && ['starting', 'stopping', 'deallocating'].includes(vm.powerState)
        ? [`VM "${vm.name}" is ${vm.powerState}. Wait until it runs or is stopped and run again.`]
        : [],
  },
  {
    id: 'crash-consistent',
    level: 'refusal',
    source: `${compute}/linux/download-vhd`,
    look: ({ vm, inputs }) =>
      vm?.powerState === 'running' &&
      inputs.generalize === 'none' &&
      inputs.sourcePower === 'deallocate'
        ? [
            `VM "${vm.name}" is running: with "generalize: none" a snapshot of it is only crash-consistent. Stop it first, or set "source-power: restart" (stopped for the snapshots and started again) or "source-power: keep" (taken as it runs).`,
          ]
        : [],
  },
  {
    id: 'generalized-but-specialized-asked',
    level: 'refusal',
    source: `${compute}/generalize`,
    look: ({ vm, inputs }) =>
      vm?.isGeneralized === true && inputs.generalize === 'none'
        ? [
            `VM "${vm.name}" is marked generalized: it gives no specialized image. Set "generalize: mark".`,
          ]
        : [],
  },
  {
    id: 'ephemeral-os-disk',
    level: 'refusal',
    source: `${compute}/ephemeral-os-disks`,
    look: ({ vm }) =>
      vm?.osDisk.isEphemeral === true
        ? [
            `VM "${vm.name}" has an ephemeral OS disk, which can be neither deallocated nor snapshot. Make the VM anew with a managed OS disk.`,
          ]
        : [],
  },
  {
    id: 'unmanaged-disk',
    level: 'refusal',
    source: `${compute}/unmanaged-disks-deprecation`,
    look: ({ vm, inputs }) =>
      chosenDisks(vm, inputs)
        .filter(({ unmanagedUri }) => unmanagedUri !== undefined)
        .map(
          ({ name }) =>
            `Disk "${name}" of VM "${vm?.name ?? ''}" is unmanaged: it is a page blob and has no snapshots. Convert the VM to managed disks (az vm convert).`,
        ),
  },
  {
    id: 'disk-present',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/disks/get',
    look: ({ survey }) =>
      [...survey.disks].flatMap(([key, disk]) =>
        notFound(disk, `Disk "${diskLabel(key)}" of the VM`, 'Check that it is still attached.'),
      ),
  },
  {
    id: 'data-disk-lun',
    level: 'refusal',
    source: `${compute}/managed-disks-overview`,
    look: ({ vm, inputs }) => {
      if (vm === undefined) return [];
      const luns = vm.dataDisks.map(({ lun }) => String(lun));
      const has = luns.length === 0 ? 'it has no data disks' : `it has ${listOf(luns)}`;
      return chooseDataDisks(inputs.dataDisks, vm).missing.map(
        (lun) => `VM "${vm.name}" has no data disk at LUN "${lun}": ${has}. Correct "data-disks".`,
      );
    },
  },
  {
    id: 'guest-encryption',
    level: 'refusal',
    source: `${compute}/disk-encryption-overview`,
    look: ({ vm, disks }) => {
      const named = disks
        .filter(({ isGuestEncrypted }) => isGuestEncrypted)
        .map(({ name }) => name);
      const os = vm?.osDisk.isGuestEncrypted === true ? [vm.osDisk.name] : [];
      return [...new Set([...os, ...named])].map(
        (name) =>
          `Disk "${name}" is encrypted by Azure Disk Encryption: its VHD would stay encrypted. Decrypt it first (az vm encryption disable).`,
      );
    },
  },
  {
    id: 'confidential-vm',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/confidential-computing/confidential-vm-faq',
    look: ({ vm }) =>
      vm?.securityType === 'ConfidentialVM'
        ? [
            `VM "${vm.name}" is a confidential VM: a VHD of its disk does not boot anywhere else. Capture it into a gallery instead.`,
          ]
        : [],
  },
  {
    id: 'trusted-launch',
    level: 'warning',
    source: `${compute}/trusted-launch`,
    look: ({ vm }) =>
      vm?.securityType === 'TrustedLaunch'
        ? [
            `VM "${vm.name}" has Trusted Launch: its vTPM and secure boot state are not part of the VHD. The VHD serves generation 2 images of the standard security type or "TrustedLaunchSupported".`,
          ]
        : [],
  },
  {
    id: 'disk-size',
    level: 'refusal',
    source: `${storageApi}/put-blob`,
    look: ({ disks }) =>
      disks
        .filter(({ sizeBytes }) => sizeBytes + VHD_FOOTER_BYTES > 8 * TEBIBYTE)
        .map(
          ({ name }) =>
            `Disk "${name}" with its VHD footer is larger than 8 TiB, the limit of a page blob. Leave it out with "data-disks".`,
        ),
  },
  {
    id: 'disk-format',
    level: 'refusal',
    source: `${compute}/disks-incremental-snapshots`,
    look: ({ disks }) =>
      disks
        .filter(
          ({ sku, logicalSectorSizeBytes }) =>
            /^(UltraSSD|PremiumV2)_/.test(sku) || logicalSectorSizeBytes !== 512,
        )
        .map(
          ({ name, sku }) =>
            `Disk "${name}" (${sku}) is exported as VHDX or by incremental snapshots only, not as a VHD. Leave it out with "data-disks".`,
        ),
  },
  {
    id: 'shared-disk',
    level: 'refusal',
    source: `${compute}/disks-shared`,
    look: ({ disks }) =>
      disks
        .filter(({ maxShares }) => maxShares > 1)
        .map(
          ({ name }) =>
            `Disk "${name}" is shared by several VMs: its VHD would not be consistent. Leave it out with "data-disks".`,
        ),
  },
  {
    id: 'disk-access-open',
    level: 'refusal',
    source: `${compute}/linux/download-vhd`,
    look: ({ disks }) =>
      disks
        .filter(({ diskState }) => diskState.startsWith('ActiveSAS'))
        .map(
          ({ name }) =>
            `Disk "${name}" has an active SAS of somebody else. End it first (az disk revoke-access).`,
        ),
  },
  {
    id: 'extensions',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-sig-images',
    look: ({ vm }) =>
      vm !== undefined && vm.extensions.length > 0
        ? [
            `VM "${vm.name}" has extensions (${listOf(vm.extensions)}): Batch wants images without any. Remove them before the capture.`,
          ]
        : [],
  },
  {
    id: 'purchase-plan',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-sig-images',
    look: ({ vm }) =>
      vm?.plan === undefined
        ? []
        : [
            `VM "${vm.name}" comes from a Marketplace image: who uses the VHD must name its purchase plan "${vm.plan.publisher}:${vm.plan.product}:${vm.plan.name}" (it is in the manifest).`,
          ],
  },
  {
    id: 'account-present',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/storagerp/storage-accounts',
    look: ({ survey, inputs }) =>
      survey.accounts.flatMap(({ asked, account }) =>
        notFound(
          account,
          `Storage account "${asked}" in subscription "${inputs.vm.subscriptionId}"`,
          account.kind === 'failed'
            ? 'Give "storage-accounts" as resource IDs, or grant "Reader" on the subscription.'
            : 'Check "storage-accounts"; an account of another subscription is given by its resource ID.',
        ),
      ),
  },
  {
    id: 'account-kind',
    level: 'refusal',
    source: `${storage}/common/storage-account-overview`,
    look: ({ accounts }) =>
      accounts
        .filter(({ kind, isHnsEnabled }) => !pageBlobKinds.includes(kind) || isHnsEnabled)
        .map(({ name, kind, isHnsEnabled }) => {
          const why = isHnsEnabled ? 'a hierarchical namespace' : `the kind "${kind}"`;
          return `Storage account "${name}" has ${why} and so no page blobs. Take a general-purpose account (StorageV2) without it.`;
        }),
  },
  {
    id: 'account-copy-scope',
    level: 'refusal',
    source: `${storage}/common/security-restrict-copy-operations`,
    look: ({ accounts }) =>
      accounts
        .filter(({ allowedCopyScope }) => allowedCopyScope !== undefined)
        .map(
          ({ name, allowedCopyScope = '' }) =>
            `Storage account "${name}" takes copies from "${allowedCopyScope}" sources only; disk exports belong to none. Lift "allowedCopyScope" or take another account.`,
        ),
  },
  {
    id: 'account-settled',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/storagerp/storage-accounts/get-properties',
    look: ({ accounts }) =>
      accounts
        .filter(({ provisioningState }) => provisioningState !== 'Succeeded')
        .map(
          ({ name, provisioningState }) =>
            `Storage account "${name}" is in provisioning state "${provisioningState}". Wait and run again.`,
        ),
  },
  {
    id: 'container-reachable',
    level: 'refusal',
    source: `${storageApi}/get-container-properties`,
    look: ({ survey, accounts, inputs }) =>
      accounts.flatMap(({ id, name }) => {
        const container = survey.containers.get(id);
        if (container?.kind !== 'failed') return [];
        const what = `Container "${inputs.container}" of storage account "${name}" cannot be read`;
        return [`${what}: ${reasonOf(container)}. ${dataPlaneRemedy(container.code)}`];
      }),
  },
  {
    id: 'region',
    level: 'warning',
    source: `${storageApi}/copy-blob`,
    look: ({ vm, accounts }) =>
      accounts
        .filter(({ location }) => vm !== undefined && location !== vm.location)
        .map(
          ({ name, location }) =>
            `Storage account "${name}" is in "${location}", the VM in "${vm?.location ?? ''}": copies between regions are slow (7 MB/s was seen) and cost egress.`,
        ),
  },
  {
    id: 'replica-per-account',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-custom-images',
    look: ({ vm, inputs, accounts }) => {
      if (vm === undefined || accounts.length === 0) return [];
      const count = countReplicas(inputs.copies, vm.osType);
      return count < accounts.length
        ? [
            `${count} replicas do not reach all ${accounts.length} storage accounts: the last ones stay empty.`,
          ]
        : [];
    },
  },
  {
    id: 'blob-name',
    level: 'refusal',
    source: `${storageApi}/naming-and-referencing-containers--blobs--and-metadata`,
    look: ({ layout }) =>
      layout.disks.flatMap((disk) =>
        disk.replicas.flatMap(({ blobName }) => {
          const problem = blobNameProblem(blobName);
          return problem === undefined
            ? []
            : [`Blob name "${blobName}" ${problem}. Change "blob-name".`];
        }),
      ),
  },
  {
    id: 'blob-name-twice',
    level: 'refusal',
    source: `${storageApi}/naming-and-referencing-containers--blobs--and-metadata`,
    look: ({ layout }) => {
      const urls = layout.disks.flatMap((disk) => disk.replicas.map(({ url }) => url));
      const twice = new Set(urls.filter((url, index) => urls.indexOf(url) !== index));
      return [...twice].map(
        (url) =>
          `Several VHDs would get the same name "${url}". Put {disk} and {replica} into "blob-name".`,
      );
    },
  },
  {
    id: 'blob-exists',
    level: 'refusal',
    source: `${storageApi}/copy-blob`,
    look: lookAtExistingBlobs,
  },
  {
    id: 'snapshot-group',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/resources/resource-groups/get',
    look: ({ survey, inputs }) => {
      const name = inputs.snapshotResourceGroup ?? '';
      const exists = survey.snapshotGroup?.exists;
      if (exists === undefined) return [];
      const missing = exists.kind === 'found' && !exists.value;
      return notFound(
        missing ? { kind: 'missing' } : exists,
        `Resource group "${name}" for the snapshots`,
        'Make it, or correct "snapshot-resource-group".',
      );
    },
  },
  {
    id: 'snapshot-name',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/snapshots/create-or-update',
    look: ({ survey }) =>
      [...survey.snapshots]
        .filter(([, snapshot]) => snapshot.kind === 'found')
        .map(
          ([id]) =>
            `Snapshot "${requireResourceId(id).name}" is there already. Delete it if nothing needs it, or run the workflow anew.`,
        ),
  },
  {
    id: 'permissions',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/role-based-access-control/custom-roles',
    look: lookAtPermissions,
  },
  {
    id: 'permissions-unknown',
    level: 'warning',
    source: 'https://learn.microsoft.com/rest/api/authorization/permissions',
    look: ({ survey }) =>
      [...survey.permissions]
        .filter(([, permissions]) => permissions.kind !== 'found')
        .map(
          ([scope]) =>
            `The identity's permissions on "${scope}" cannot be read, so they were not checked beforehand.`,
        ),
  },
];

/** With `skip` it is all or none: VHDs of one image set must come from the same snapshots. */
function lookAtExistingBlobs({ survey, inputs, layout }: Facts): readonly string[] {
  const replicas = layout.disks.flatMap((disk) =>
    disk.replicas.map((replica) => ({
      ...replica,
      lengthBytes: disk.sizeBytes + VHD_FOOTER_BYTES,
    })),
  );
  const present = replicas.flatMap((replica) => {
    const blob = survey.blobs.get(replica.url);
    return blob?.kind === 'found' ? [{ ...replica, blob: blob.value }] : [];
  });
  return present.flatMap(({ url, blob, lengthBytes }) => {
    const what = `Blob "${url}"`;
    if (inputs.ifExists === 'fail') {
      return [
        `${what} exists. Choose another "blob-name", or set "if-exists" to "skip" or "overwrite".`,
      ];
    }
    if (inputs.ifExists === 'overwrite') {
      if (blob.isLeased)
        return [`${what} is leased and cannot be overwritten. Break the lease first.`];
      if (blob.copy?.status === 'pending') {
        return [
          `${what} is the destination of a pending copy. Wait for its end or abort it first.`,
        ];
      }
      return blob.blobType === 'PageBlob'
        ? []
        : [`${what} is of type "${blob.blobType}", which no VHD can overwrite. Delete it first.`];
    }
    if (present.length < replicas.length) {
      return [
        `${what} exists, but other VHDs of the set do not: a set with VHDs of different moments is not one image. Delete it, or set "if-exists: overwrite".`,
      ];
    }
    if (
      blob.blobType !== 'PageBlob' ||
      blob.lengthBytes !== lengthBytes ||
      isUnfinished(blob.copy?.status)
    ) {
      return [
        `${what} exists, but is no finished VHD of this disk (${blob.blobType}, ${blob.lengthBytes} bytes instead of ${lengthBytes}). Delete it, or set "if-exists: overwrite".`,
      ];
    }
    return [];
  });
}

function isUnfinished(copyStatus: string | undefined): boolean {
  return copyStatus !== undefined && copyStatus !== 'success';
}

function lookAtPermissions({ survey, inputs, vm, layout }: Facts): readonly string[] {
  if (vm === undefined) return [];
  const missing = new Map<string, Requirement[]>();
  for (const requirement of requiredPermissions(inputs, vm, layout)) {
    const permissions = survey.permissions.get(requirement.scope);
    if (permissions?.kind !== 'found') continue;
    if (isGranted(requirement, permissions.value) !== false) continue;
    missing.set(requirement.scope, [...(missing.get(requirement.scope) ?? []), requirement]);
  }
  return [...missing].map(
    ([scope, rights]) =>
      `The identity lacks ${listOf(rights.map(nameRight))} on "${scope}". ${remedyForRights(rights)}`,
  );
}

function nameRight({ kind, name }: Requirement): string {
  return kind === 'action' ? name : `${name} (data action)`;
}

function remedyForRights(rights: readonly Requirement[]): string {
  return rights.every(({ kind }) => kind === 'dataAction')
    ? 'Grant it "Storage Blob Data Contributor" there; "Contributor" and "Owner" do not reach blobs.'
    : 'Grant it a role that has them (docs/permissions.md).';
}

/** The disks that the run would capture, as the VM tells them. */
function chosenDisks(
  vm: VirtualMachine | undefined,
  inputs: Inputs,
): readonly VirtualMachine['dataDisks'][number][] {
  if (vm === undefined) return [];
  const { luns } = chooseDataDisks(inputs.dataDisks, vm);
  const osDisk = { ...vm.osDisk, lun: -1 };
  return [osDisk, ...vm.dataDisks.filter(({ lun }) => luns.includes(lun))];
}

function notFound<T>(lookup: Lookup<T>, what: string, next: string): readonly string[] {
  switch (lookup.kind) {
    case 'found':
      return [];
    case 'missing':
      return [`${what} does not exist. ${next}`];
    case 'failed':
      return [`${what} cannot be read: ${reasonOf(lookup)}. ${next}`];
  }
}

function reasonOf({ code, message }: { code: string | undefined; message: string }): string {
  const text = message.replace(/\.$/, '');
  return code === undefined ? text : `${code}: ${text}`;
}

function dataPlaneRemedy(code: string | undefined): string {
  return code === 'AuthorizationPermissionMismatch'
    ? 'Grant the identity "Storage Blob Data Contributor" on the account; a new role assignment needs some minutes.'
    : 'The runner must reach the blob endpoint of the account: check its firewall, private endpoints and DNS.';
}
