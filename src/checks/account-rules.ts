import { listOf } from '../errors.ts';
import { copySeconds } from '../expected-work.ts';
import { countReplicas } from '../layout.ts';
import { countExports, isComplete } from '../plan.ts';
import { foundBlobs } from '../survey.ts';
import { formatSeconds } from '../units.ts';
import { notFound, reasonOf } from './lookups.ts';
import type { Facts, Rule } from './rule.ts';

const storage = 'https://learn.microsoft.com/azure/storage';
const storageApi = 'https://learn.microsoft.com/rest/api/storageservices';
const AZ_SESSION_SECONDS = 50 * 60;
const HOSTED_JOB_SECONDS = 5.5 * 3600;

/** Kinds of account that have page blobs. */
const pageBlobKinds = ['Storage', 'StorageV2'];

/** Rules on the storage accounts. */
export const accountRules: readonly Rule[] = [
  {
    id: 'account-present',
    about: 'Every storage account is there and can be read.',
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
    about: 'Every account has page blobs: a general-purpose one without a hierarchical namespace.',
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
    about: 'No account limits where copies come from.',
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
    id: 'account-immutability',
    about: 'No account has version-level immutability.',
    level: 'refusal',
    source: `${storage}/blobs/immutable-storage-overview`,
    look: ({ accounts }) =>
      accounts
        .filter(({ isImmutable }) => isImmutable)
        .map(
          ({ name }) =>
            `Storage account "${name}" has version-level immutability: a VHD there may be neither completed nor removed. Take another account; it cannot be switched off.`,
        ),
  },
  {
    id: 'container-immutability',
    about: 'No container is under an immutability policy or a legal hold.',
    level: 'refusal',
    source: `${storage}/blobs/immutable-storage-overview`,
    look: ({ survey, accounts, inputs, layout }) =>
      accounts.flatMap(({ id, name }) => {
        const container = survey.containers.get(id);
        if (container?.kind !== 'found') return [];
        if (isComplete(inputs, layout, foundBlobs(survey.blobs))) return [];
        const { hasImmutabilityPolicy, hasLegalHold } = container.value;
        const reasons = [
          ...(hasImmutabilityPolicy ? ['an immutability policy'] : []),
          ...(hasLegalHold ? ['a legal hold'] : []),
        ];
        if (reasons.length === 0) return [];
        return [
          `Container "${inputs.container}" of storage account "${name}" is under ${listOf(reasons)}: a VHD there may be neither completed nor removed. Name another one in "container".`,
        ];
      }),
  },
  {
    id: 'account-settled',
    about: 'No account is being made or moved.',
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
    about:
      'The runner reaches every container, through firewalls and private endpoints, and may read it.',
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
    id: 'account-premium',
    about: 'Accounts that pools of Batch took no VHDs of.',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-custom-images',
    look: ({ inputs, accounts }) =>
      accounts
        .filter(({ kind }) => inputs.batchAccount === undefined && pageBlobKinds.includes(kind))
        .filter(({ sku }) => sku.startsWith('Premium'))
        .map(
          ({ name, sku }) =>
            `Storage account "${name}" is "${sku}": pools of Azure Batch took VHDs from standard accounts only. Take a standard account if they are for Batch.`,
        ),
  },
  {
    id: 'account-sas',
    about: 'Accounts that limit the SAS that a Marketplace offer needs: account keys, SAS policy.',
    level: 'note',
    source: `${storage}/common/shared-key-authorization-prevent`,
    look: ({ accounts }) =>
      accounts.flatMap(({ name, allowsSharedKey, sasPeriod }) => {
        const limits = [
          ...(allowsSharedKey ? [] : ['refuses account keys, and SAS signed with them']),
          ...(sasPeriod === undefined ? [] : [`wants SAS of at most ${sasPeriod} (d.hh:mm:ss)`]),
        ];
        if (limits.length === 0) return [];
        return [
          `Storage account "${name}" ${listOf(limits)}: the run takes no such SAS, but a Marketplace offer needs one that lasts for weeks. Take another account if the VHDs are for one.`,
        ];
      }),
  },
  {
    id: 'soft-delete',
    about: 'Accounts that keep deleted blobs, at a cost.',
    level: 'warning',
    source: `${storage}/blobs/soft-delete-blob-overview`,
    look: ({ survey, accounts }) =>
      accounts.flatMap(({ id, name }) => {
        const service = survey.blobServices.get(id);
        if (service?.kind !== 'found' || service.value.softDeleteDays === 0) return [];
        return [
          `Storage account "${name}" keeps deleted blobs for ${service.value.softDeleteDays} days (soft delete): an unfinished or overwritten VHD stays billed for so long. Take an account without it if that costs too much.`,
        ];
      }),
  },
  {
    id: 'region',
    about: 'The accounts are in the region of the VM.',
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
    id: 'time',
    about:
      'The copies end within the session of azure/login, the life of the token by which a job asks for OIDC assertions, and the limit of a job.',
    level: 'warning',
    source: 'https://docs.github.com/actions/reference/limits',
    look: (facts) => {
      const { kind } = facts.inputs.identity;
      const seconds = leastCopySeconds(facts);
      const hours = `at least ${formatSeconds(seconds)} when every page holds data`;
      const other =
        kind === 'oidc'
          ? ' with a managed identity, or with "client-secret": the token by which a job asks for OIDC assertions lives about as long'
          : '';
      return [
        ...(kind === 'ambient' && seconds > AZ_SESSION_SECONDS
          ? [
              `The copies may take ${hours}, and an azure/login session by OIDC cannot be renewed after about an hour. Give "client-id" and "tenant-id" instead.`,
            ]
          : []),
        ...(seconds > HOSTED_JOB_SECONDS
          ? [
              `The copies may take ${hours}, and jobs of GitHub-hosted runners end after 6 hours. Take a self-hosted runner${other}.`,
            ]
          : []),
      ];
    },
  },
  {
    id: 'replica-per-account',
    about: 'Every account gets a VHD.',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-custom-images',
    look: ({ vm, inputs, accounts }) => {
      if (vm === undefined || accounts.length === 0) return [];
      const count = countReplicas(inputs.copies, vm.osType);
      return count < accounts.length
        ? [
            `Only ${count} of ${accounts.length} storage accounts get a VHD of the OS disk. Ask for more with "replicas" or "pool-nodes", or name fewer accounts.`,
          ]
        : [];
    },
  },
];

function dataPlaneRemedy(code: string | undefined): string {
  return code === 'AuthorizationPermissionMismatch'
    ? 'Grant the identity "Storage Blob Data Contributor" on the account, which has Microsoft.Storage/storageAccounts/blobServices/containers/read; a new role assignment needs some minutes.'
    : 'The runner must reach the blob endpoint of the account: check its firewall, private endpoints and DNS.';
}

/** Of the disk that takes longest. */
function leastCopySeconds({ inputs, layout, vm }: Facts): number {
  const seconds = layout.disks.map((disk) => {
    const exports = vm === undefined ? 1 : countExports(inputs, vm, disk);
    return copySeconds(disk.sizeBytes, disk.replicas.length, exports);
  });
  return Math.max(0, ...seconds);
}
