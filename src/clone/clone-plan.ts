import type { DiskRequest, VmRequest } from '../azure/clone-compute.ts';
import type { SnapshotRequest } from '../azure/compute.ts';
import type {
  InterfaceRequest,
  SecurityGroupRequest,
  VirtualNetworkRequest,
} from '../azure/network.ts';
import { listOf } from '../errors.ts';
import { diskLabel, type DiskKey } from '../layout.ts';
import { MADE_TAG } from '../marks.ts';
import { formatResourceId, requireResourceId } from '../resource-id.ts';
import type { Run } from '../run.ts';
import type { CloneFacts } from './clone-facts.ts';
import {
  COPY_ADDRESS_PREFIX,
  copyRules,
  describeOutbound,
  type CopyOutbound,
} from './copy-network.ts';

/** What the inputs say of a copy. */
export interface CloneWishes {
  /** Resource ID of the subnet that the copy goes to; undefined for a network of its own. */
  readonly copySubnet: string | undefined;
  readonly copyOutbound: CopyOutbound;
  readonly snapshotSku: string;
  /** Undefined: the source's. */
  readonly snapshotResourceGroup: string | undefined;
}

/** A disk of the source, the snapshot that is taken of it, and the disk that is made of that. */
export interface PlannedCopy {
  readonly key: DiskKey;
  readonly name: string;
  readonly snapshot: SnapshotRequest;
  readonly disk: DiskRequest;
}

/** Every temporary thing that a copy of a VM is made of. */
export interface ClonePlan {
  readonly source: Pick<CloneFacts, 'id' | 'vmId' | 'name'>;
  /** The run's, which is also in the tags of everything. */
  readonly key: string;
  readonly disks: readonly PlannedCopy[];
  readonly securityGroup: SecurityGroupRequest;
  /** Undefined where the copy goes to a subnet that is there. */
  readonly network: VirtualNetworkRequest | undefined;
  readonly networkInterface: InterfaceRequest;
  readonly vm: VmRequest;
  /** Sentences for the log: how the disks belong together, what the copy reaches, what it does not get. */
  readonly notes: readonly string[];
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const MAX_VM_NAME = 64;
const MAX_NAME = 80;
const SUBNET = 'copy';

/**
 * Names everything that a copy of a VM is made of. All its disks are copied, also those that are not captured: a
 * guest whose disk is missing may hang while it boots. `tags` are the run's.
 */
export function planClone(
  facts: CloneFacts,
  wishes: CloneWishes,
  tags: Readonly<Record<string, string>>,
  run: Run,
): ClonePlan {
  const { location } = facts;
  const marked = { ...tags, [MADE_TAG]: run.startedAt };
  const idOf = idMaker(facts, wishes, run);
  const subnetId = wishes.copySubnet ?? `${idOf.network}/subnets/${SUBNET}`;
  const common = { location, tags: marked };
  const disks = planDisks(facts, wishes, idOf, marked);
  return {
    source: { id: facts.id, vmId: facts.vmId, name: facts.name },
    key: run.key,
    disks,
    securityGroup: { ...common, id: idOf.securityGroup, rules: copyRules(wishes.copyOutbound) },
    network:
      wishes.copySubnet === undefined
        ? {
            ...{ ...common, id: idOf.network, subnetName: SUBNET },
            addressPrefix: COPY_ADDRESS_PREFIX,
            hasOutbound: wishes.copyOutbound === 'azure',
          }
        : undefined,
    networkInterface: {
      ...{ ...common, id: idOf.networkInterface, subnetId },
      securityGroupId: idOf.securityGroup,
    },
    vm: planVm(facts, disks, { id: idOf.vm, interfaceId: idOf.networkInterface, tags: marked }),
    notes: [
      describeConsistency(facts),
      describeOutbound(wishes.copyOutbound, wishes.copySubnet),
      ...(facts.notCarried.length === 0
        ? []
        : [`The copy does not get ${listOf(facts.notCarried)} of VM "${facts.name}".`]),
    ],
  };
}

/** Every resource of the plan but the snapshots. */
export function resourceIds(plan: ClonePlan): readonly string[] {
  const { vm, networkInterface, securityGroup, network, disks } = plan;
  const networks = network === undefined ? [] : [network.id];
  return [
    ...[vm.id, networkInterface.id, ...disks.map(({ disk }) => disk.id)],
    ...[securityGroup.id, ...networks],
  ];
}

interface Ids {
  readonly vm: string;
  readonly networkInterface: string;
  readonly network: string;
  readonly securityGroup: string;
  readonly disk: (label: string) => string;
  readonly snapshot: (label: string) => string;
}

function idMaker(facts: CloneFacts, wishes: CloneWishes, { key }: Run): Ids {
  const { subscriptionId, resourceGroup } = requireResourceId(facts.id);
  const at = { subscriptionId, resourceGroup: wishes.snapshotResourceGroup ?? resourceGroup };
  const idOf = (type: string, tail: string, max = MAX_NAME): string =>
    formatResourceId({ ...at, type, name: temporaryName(facts.name, `${tail}-${key}`, max) });
  return {
    vm: idOf('Microsoft.Compute/virtualMachines', 'copy', MAX_VM_NAME),
    networkInterface: idOf('Microsoft.Network/networkInterfaces', 'copy-nic'),
    network: idOf('Microsoft.Network/virtualNetworks', 'copy-vnet'),
    securityGroup: idOf('Microsoft.Network/networkSecurityGroups', 'copy-nsg'),
    disk: (label) => idOf('Microsoft.Compute/disks', `copy-${label}`),
    // The snapshots that are captured are called after the VM and the disk alone.
    snapshot: (label) => idOf('Microsoft.Compute/snapshots', `source-${label}`),
  };
}

/** Letters, digits, underscores and hyphens; the run's key at the end keeps names apart that are cut. */
function temporaryName(vm: string, tail: string, max: number): string {
  return `${vm.replace(/[^\w-]/g, '-').slice(0, max - tail.length - 1)}-${tail}`;
}

function planDisks(
  facts: CloneFacts,
  { snapshotSku }: CloneWishes,
  idOf: Ids,
  tags: Readonly<Record<string, string>>,
): readonly PlannedCopy[] {
  const { location } = facts;
  return facts.disks.flatMap(({ key, name, diskId, sku, zones, encryption }) => {
    if (diskId === undefined) return [];
    const label = diskLabel(key);
    const snapshotId = idOf.snapshot(label);
    const snapshot = { id: snapshotId, diskId, location, sku: snapshotSku, tags };
    const disk = { id: idOf.disk(label), snapshotId, location, zones, sku, encryption, tags };
    return [{ key, name, snapshot, disk }];
  });
}

function planVm(
  facts: CloneFacts,
  disks: readonly PlannedCopy[],
  own: Pick<VmRequest, 'id' | 'interfaceId' | 'tags'>,
): VmRequest {
  const { location, zones, size, sizeProperties, osType, plan, licenseType } = facts;
  const { securityType, secureBoot, vTpm, encryptionAtHost, diskController } = facts;
  const cachingOf = new Map(facts.disks.map(({ key, caching }) => [key, caching]));
  return {
    ...own,
    ...{ location, zones, size, sizeProperties, osType, plan, licenseType },
    ...{ securityType, secureBoot, vTpm, encryptionAtHost, diskController },
    disks: disks.map(({ key, disk }) => ({
      ...{ key, diskId: disk.id },
      caching: cachingOf.get(key) ?? 'None',
    })),
  };
}

/** https://learn.microsoft.com/azure/virtual-machines/linux/download-vhd */
function describeConsistency({ name, powerState, disks }: CloneFacts): string {
  if (powerState === 'stopped' || powerState === 'deallocated') {
    return `VM "${name}" is ${powerState}: the copy has its disks as it left them.`;
  }
  const several = disks.length > 1 ? ', each disk at a moment of its own, some seconds apart' : '';
  return `VM "${name}" is ${powerState} and stays so: the copy is crash-consistent${several}. It starts as after a power failure.`;
}
