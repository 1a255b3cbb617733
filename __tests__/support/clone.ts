import type { CloneDisk, CloneFacts } from '../../src/clone/clone-facts.ts';
import {
  planClone,
  resourceIds,
  type ClonePlan,
  type CloneWishes,
} from '../../src/clone/clone-plan.ts';
import type { CloneSurvey } from '../../src/clone/clone-survey.ts';
import { group, runOf, vmOf } from './facts.ts';

/** A disk of the VM "builder". */
export function cloneDiskOf(key: 'os' | number, overrides: Partial<CloneDisk> = {}): CloneDisk {
  const name = key === 'os' ? 'builder-os' : `builder-data${key}`;
  return {
    key,
    name,
    diskId: `${group}/providers/Microsoft.Compute/disks/${name}`,
    caching: key === 'os' ? 'ReadWrite' : 'ReadOnly',
    isDeletedWithVm: false,
    sku: 'Premium_LRS',
    zones: [],
    isGuestEncrypted: false,
    encryption: undefined,
    ...overrides,
  };
}

/** The running VM "builder" with a data disk at LUN 2. */
export function cloneFactsOf(overrides: Partial<CloneFacts> = {}): CloneFacts {
  const { id, vmId, name, location, osType, powerState, isGeneralized, plan } = vmOf();
  return {
    ...{ id, vmId, name, location, osType, powerState, isGeneralized, plan },
    size: 'Standard_D2s_v5',
    sizeProperties: undefined,
    zones: [],
    securityType: undefined,
    secureBoot: undefined,
    vTpm: undefined,
    encryptionAtHost: undefined,
    diskController: undefined,
    licenseType: undefined,
    disks: [cloneDiskOf('os'), cloneDiskOf(2)],
    interfaces: [
      {
        id: `${group}/providers/Microsoft.Network/networkInterfaces/builder-nic`,
        isDeletedWithVm: false,
      },
    ],
    notCarried: [],
    edgeZone: undefined,
    ...overrides,
  };
}

/** What the inputs say of a copy by default. */
export function wishesOf(overrides: Partial<CloneWishes> = {}): CloneWishes {
  return {
    copySubnet: undefined,
    copyOutbound: 'azure',
    snapshotSku: 'Standard_LRS',
    snapshotResourceGroup: undefined,
    ...overrides,
  };
}

/** The plan of a copy. */
export function clonePlanOf(facts = cloneFactsOf(), wishes = wishesOf()): ClonePlan {
  return planClone(facts, wishes, { team: 'images', 'vm-to-vhd-key': runOf().key }, runOf());
}

/** What a survey of the VM "builder" finds for a copy, where nothing stands in its way. */
export function cloneSurveyOf(
  facts = cloneFactsOf(),
  overrides: Partial<CloneSurvey> = {},
  wishes = wishesOf(),
): CloneSurvey {
  const plan = clonePlanOf(facts, wishes);
  const found = <T>(value: T): { kind: 'found'; value: T } => ({ kind: 'found', value });
  const ids = [...resourceIds(plan), ...plan.disks.map(({ snapshot }) => snapshot.id)];
  return {
    facts: found(facts),
    plan,
    size: found({
      name: facts.size,
      family: 'standardDSv5Family',
      vCpus: 2,
      hasTemporaryDisk: false,
      restrictions: [],
    }),
    usages: found([
      { name: 'cores', used: 10, limit: 100 },
      { name: 'standardDSv5Family', used: 8, limit: 10 },
      { name: 'standardEv5Family', used: 10, limit: 10 },
    ]),
    subnet: undefined,
    names: new Map(ids.map((id) => [id, { kind: 'missing' as const }])),
    ...overrides,
  };
}
