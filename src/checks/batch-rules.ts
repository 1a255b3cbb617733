import { listOf } from '../errors.ts';
import type { BatchAccount } from '../facts.ts';
import { countReplicas, nodesPerVhd } from '../layout.ts';
import { planPower } from '../plan.ts';
import { requireResourceId } from '../resource-id.ts';
import { notFound, reasonOf } from './lookups.ts';
import type { Facts, Rule } from './rule.ts';

const batch = 'https://learn.microsoft.com/azure/batch';
const otherwise = 'or leave "batch-account" out if the VHDs are for something else';

/** Rules of Azure Batch on VHDs for pools, with `batch-account`. */
export const batchRules: readonly Rule[] = [
  {
    id: 'batch-account-present',
    about: 'The Batch account is there and can be read.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/batchmanagement/batch-account/get',
    look: ({ survey, inputs }) =>
      survey.batchAccount === undefined
        ? []
        : notFound(
            survey.batchAccount,
            `Batch account "${inputs.batchAccount ?? ''}"`,
            'Check "batch-account", and that the identity has "Microsoft.Batch/batchAccounts/read" there.',
          ),
  },
  {
    id: 'batch-allocation-mode',
    about: 'Its pools are made in its own subscription.',
    level: 'refusal',
    source: `${batch}/accounts`,
    look: (facts) => {
      const account = batchAccountOf(facts);
      return account === undefined || account.poolAllocationMode === 'UserSubscription'
        ? []
        : [
            `Batch account "${account.name}" has the pool allocation mode "${account.poolAllocationMode}": only pools in its own subscription ("UserSubscription") take VHDs. Take an account of that mode, ${otherwise}.`,
          ];
    },
  },
  {
    id: 'batch-subscription',
    about: 'The storage accounts are in its subscription.',
    level: 'refusal',
    source: `${batch}/batch-custom-images`,
    look: (facts) => {
      const account = batchAccountOf(facts);
      if (account === undefined) return [];
      const own = subscriptionOf(account.id);
      return facts.accounts
        .filter(({ id }) => subscriptionOf(id) !== own)
        .map(
          ({ id, name }) =>
            `Storage account "${name}" is in subscription "${subscriptionOf(id)}", Batch account "${account.name}" in "${own}": pools take VHDs of their own subscription only. Take a storage account there, ${otherwise}.`,
        );
    },
  },
  {
    id: 'batch-region',
    about: 'The storage accounts are in its region.',
    level: 'refusal',
    source: `${batch}/batch-custom-images`,
    look: (facts) => {
      const account = batchAccountOf(facts);
      if (account === undefined) return [];
      return facts.accounts
        .filter(({ location }) => location !== account.location)
        .map(
          ({ name, location }) =>
            `Storage account "${name}" is in "${location}", Batch account "${account.name}" in "${account.location}": pools take VHDs of their own region only. Take a storage account there, ${otherwise}.`,
        );
    },
  },
  {
    id: 'batch-storage',
    about: 'The storage accounts are standard ones.',
    level: 'refusal',
    source: `${batch}/batch-custom-images`,
    look: ({ inputs, accounts }) =>
      accounts
        .filter(({ sku }) => inputs.batchAccount !== undefined && sku.startsWith('Premium'))
        .map(
          ({ name, sku }) =>
            `Storage account "${name}" is "${sku}": pools take VHDs of standard accounts only. Take a standard account, ${otherwise}.`,
        ),
  },
  {
    id: 'batch-extensions',
    about: 'The VM has no extensions, or they are removed.',
    level: 'refusal',
    source: `${batch}/batch-sig-images`,
    look: ({ vm, inputs }) =>
      vm !== undefined &&
      vm.extensions.length > 0 &&
      inputs.batchAccount !== undefined &&
      inputs.source === 'vm' &&
      !planPower(inputs, vm).removeExtensions
        ? [
            `VM "${vm.name}" has extensions (${listOf(vm.extensions)}): Batch wants images without any. Remove them before the capture, or set "remove-extensions: true", ${otherwise}.`,
          ]
        : [],
  },
  {
    id: 'batch-temporary-disk',
    about: 'The size of the VM has a temporary disk.',
    level: 'warning',
    source: `${batch}/batch-sig-images`,
    look: ({ vm, survey }) => {
      if (vm === undefined || survey.vmSize === undefined) return [];
      if (survey.vmSize.kind === 'failed') {
        return [
          `Whether size "${vm.size}" has a temporary disk, which pools expect, cannot be read: ${reasonOf(survey.vmSize)}. Grant "Microsoft.Compute/skus/read" on the subscription to have it checked.`,
        ];
      }
      return survey.vmSize.kind === 'missing' || survey.vmSize.value.hasTemporaryDisk
        ? []
        : [
            `VM "${vm.name}" is of size "${vm.size}", which has no temporary disk: pools expect the image to leave that in its usual place. Build the image on a size that has one, ${otherwise}.`,
          ];
    },
  },
  {
    id: 'batch-nodes',
    about: 'For how many nodes the VHDs do.',
    level: 'warning',
    source: `${batch}/batch-custom-images`,
    look: ({ vm, inputs }) => {
      if (vm === undefined || inputs.batchAccount === undefined) return [];
      if (inputs.copies.kind === 'pool-nodes') return [];
      const count = countReplicas(inputs.copies, vm.osType);
      const each = nodesPerVhd[vm.osType];
      return [
        `${count} VHD${count === 1 ? ' serves' : 's serve'} pools of at most ${count * each} nodes (${each} ${vm.osType} nodes each): larger ones are made only in part. Give "pool-nodes" instead of "replicas" to have enough.`,
      ];
    },
  },
];

function batchAccountOf({ survey }: Facts): BatchAccount | undefined {
  return survey.batchAccount?.kind === 'found' ? survey.batchAccount.value : undefined;
}

function subscriptionOf(id: string): string {
  return requireResourceId(id).subscriptionId.toLowerCase();
}
