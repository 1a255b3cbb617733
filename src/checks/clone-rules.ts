import { listOf } from '../errors.ts';
import type { CloneDisk, CloneFacts, Usage, VmSize } from '../clone/clone-facts.ts';
import type { CloneSurvey } from '../clone/clone-survey.ts';
import type { Lookup } from '../facts.ts';
import { requireResourceId } from '../resource-id.ts';
import { notFound, reasonOf } from './lookups.ts';
import type { Facts, Rule } from './rule.ts';

const compute = 'https://learn.microsoft.com/azure/virtual-machines';
const instead = 'or capture the VM itself ("source: vm")';

/** Rules on copying a VM, with `source: copy`. */
export const cloneRules: readonly Rule[] = [
  {
    id: 'copy-readable',
    about: 'What the copy is made like can be read.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/virtual-machines/get',
    look: ({ survey, vm }) =>
      survey.clone === undefined || vm === undefined
        ? []
        : notFound(
            survey.clone.facts,
            `VM "${vm.name}" with all its disks`,
            'A copy needs every disk of the VM, also those that are not captured: let the identity read them.',
          ),
  },
  {
    id: 'copy-of-generalized',
    about: 'The VM is not generalized.',
    level: 'refusal',
    source: `${compute}/generalize`,
    look: onFacts(({ name, isGeneralized }) =>
      isGeneralized
        ? [
            `VM "${name}" is marked generalized: a copy of it would begin its first start anew. Set "source: vm".`,
          ]
        : [],
    ),
  },
  {
    id: 'copy-disk-kind',
    about: 'Every disk of the VM can be copied.',
    level: 'refusal',
    source: `${compute}/disks-incremental-snapshots`,
    look: onDisks((disk, { name }) => {
      const hindrance = hindranceOf(disk);
      return hindrance === undefined
        ? undefined
        : `Disk "${disk.name}" of VM "${name}" ${hindrance}, so that the VM cannot be copied: a guest whose disk is missing may not start. Detach it for the run, ${instead}.`;
    }),
  },
  {
    id: 'copy-edge-zone',
    about: 'The VM is not in an edge zone.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/extended-zones/overview',
    look: onFacts(({ name, edgeZone }) =>
      edgeZone === undefined
        ? []
        : [`VM "${name}" is in edge zone "${edgeZone}", where no copy is made. Set "source: vm".`],
    ),
  },
  {
    id: 'copy-size',
    about: 'The size of the VM is to be had once more.',
    level: 'refusal',
    source:
      'https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available',
    look: onFacts((facts, { size }) => lookAtSize(facts, size)),
  },
  {
    id: 'copy-quota',
    about: 'The quota has cores left for the copy.',
    level: 'refusal',
    source: `${compute}/quotas`,
    look: onFacts((facts, { size, usages }) => lookAtQuota(facts, size, usages)),
  },
  {
    id: 'copy-quota-unknown',
    about: 'Size and quota can be read.',
    level: 'warning',
    source: `${compute}/quotas`,
    look: onFacts(({ size }, survey) =>
      [survey.size, survey.usages].some((lookup) => lookup?.kind === 'failed')
        ? [
            `Whether size "${size}" is to be had, and how much of the quota is left, cannot be read, so it was not checked beforehand. Grant "Microsoft.Compute/skus/read" and "Microsoft.Compute/locations/usages/read" on the subscription to have it checked.`,
          ]
        : [],
    ),
  },
  {
    id: 'copy-subnet',
    about: 'The subnet that `copy-subnet` names is there, and in the region of the VM.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/virtual-network/virtual-network-network-interface',
    look: onFacts((facts, survey) => lookAtSubnet(facts, survey)),
  },
  {
    id: 'copy-names',
    about: 'The names of the temporary resources are free.',
    level: 'refusal',
    source:
      'https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules',
    look: onFacts((_facts, { names }) =>
      [...names].flatMap(([id, lookup]) => {
        if (lookup.kind === 'missing') return [];
        return lookup.kind === 'found'
          ? [`"${id}", which the copy needs, exists already. Run again: the run gets other names.`]
          : [
              `Whether "${id}", which the copy needs, exists cannot be read: ${reasonOf(lookup)}. Grant the identity the rights for copies (docs/permissions.md).`,
            ];
      }),
    ),
  },
];

/** A rule on a VM that is copied, and could be read. */
function onFacts(
  look: (facts: CloneFacts, survey: CloneSurvey) => readonly string[],
): (facts: Facts) => readonly string[] {
  return ({ survey: { clone } }) =>
    clone?.facts.kind === 'found' ? look(clone.facts.value, clone) : [];
}

function onDisks(
  look: (disk: CloneDisk, facts: CloneFacts) => string | undefined,
): (facts: Facts) => readonly string[] {
  return onFacts((facts) => facts.disks.flatMap((disk) => look(disk, facts) ?? []));
}

function hindranceOf({ diskId, sku, isGuestEncrypted }: CloneDisk): string | undefined {
  if (diskId === undefined) return 'is no managed disk, which has no snapshots';
  if (/^(UltraSSD|PremiumV2)_/.test(sku)) return `(${sku}) has incremental snapshots only`;
  if (isGuestEncrypted) return 'is encrypted by Azure Disk Encryption for this VM';
  return undefined;
}

function lookAtSize(
  { size, location, zones }: CloneFacts,
  lookup: CloneSurvey['size'],
): readonly string[] {
  if (lookup?.kind === 'missing') {
    return [
      `Size "${size}" is not offered in "${location}" any more, so that no copy can be made there. Resize the VM, ${instead}.`,
    ];
  }
  if (lookup?.kind !== 'found') return [];
  const restriction = lookup.value.restrictions.find(
    (one) => one.zones.length === 0 || one.zones.some((zone) => zones.includes(zone)),
  );
  if (restriction === undefined) return [];
  const where = restriction.zones.length === 0 ? `"${location}"` : `zone ${listOf(zones)}`;
  return [
    `Size "${size}" is not to be had in ${where} (${restriction.reason}), so that no copy can be made there. Ask for it, resize the VM, ${instead}.`,
  ];
}

/** The copy runs beside the VM: it takes as much again of the quotas of its family and its region. */
function lookAtQuota(
  { size, location }: CloneFacts,
  sizeLookup: Lookup<VmSize> | undefined,
  usageLookup: Lookup<readonly Usage[]> | undefined,
): readonly string[] {
  if (sizeLookup?.kind !== 'found' || usageLookup?.kind !== 'found') return [];
  const { family, vCpus } = sizeLookup.value;
  const names = [family, 'cores', 'virtualMachines'];
  return usageLookup.value
    .filter(({ name }) => names.some((known) => known.toLowerCase() === name.toLowerCase()))
    .flatMap(({ name, used, limit }) => {
      const needed = name.toLowerCase() === 'virtualmachines' ? 1 : vCpus;
      return used + needed <= limit
        ? []
        : [
            `A copy of size "${size}" needs ${needed} of quota "${name}" in "${location}", where ${used} of ${limit} are used. Ask for a larger quota, stop what is not needed, ${instead}.`,
          ];
    });
}

function lookAtSubnet(
  { name, id, location }: CloneFacts,
  { subnet, plan }: CloneSurvey,
): readonly string[] {
  if (subnet === undefined || plan === undefined) return [];
  const asked = plan.networkInterface.subnetId;
  if (subnet.kind !== 'found') {
    return notFound(subnet, `Subnet "${asked}"`, 'Check "copy-subnet".');
  }
  const { subscriptionId } = requireResourceId(id);
  const isSame = (left: string, right: string): boolean =>
    left.replaceAll(' ', '').toLowerCase() === right.replaceAll(' ', '').toLowerCase();
  if (!isSame(subnet.value.location, location)) {
    return [
      `Subnet "${asked}" is in "${subnet.value.location}", VM "${name}" in "${location}": the copy needs a subnet of the VM's region. Correct "copy-subnet".`,
    ];
  }
  return isSame(asked.split('/')[2] ?? '', subscriptionId)
    ? []
    : [
        `Subnet "${asked}" is in another subscription than VM "${name}": a network interface and its subnet are in the same one. Correct "copy-subnet".`,
      ];
}
