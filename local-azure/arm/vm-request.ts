import { invalidParameter } from './arm-error.ts';
import {
  listAt,
  missingParameter,
  readTags,
  requireLocation,
  textAt,
  valueAt,
} from './request-body.ts';
import type { DeleteOption, VmInterface } from './vm-model.ts';

/** A disk that a PUT of a VM attaches. */
export interface DiskAttachment {
  readonly place: 'os' | number;
  readonly diskId: string;
  readonly name: string | undefined;
  readonly caching: 'None' | 'ReadOnly' | 'ReadWrite' | undefined;
  readonly deleteOption: DeleteOption;
}

/** What a PUT of a VM asks for. */
export interface VmRequest {
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly zones: readonly string[];
  readonly plan: Readonly<Record<string, string>> | undefined;
  readonly identity: Readonly<Record<string, unknown>> | undefined;
  readonly size: string;
  readonly osType: 'Linux' | 'Windows';
  readonly securityType: string | undefined;
  readonly diskController: string | undefined;
  readonly hasBootDiagnostics: boolean;
  readonly disks: readonly DiskAttachment[];
  readonly interfaces: readonly VmInterface[];
  /** Shown as they were given. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const namePattern = /^[^_\W][\w.-]{0,63}(?<![-.])$/;

const shown = [
  'securityProfile',
  'licenseType',
  'diagnosticsProfile',
  'additionalCapabilities',
  'priority',
  'evictionPolicy',
  'availabilitySet',
];

/** Checks the name and body of a PUT; 400 for what Azure refuses, and for a VM that is not made of disks. */
export function readVmRequest(name: string, body: unknown): VmRequest {
  if (!namePattern.test(name)) {
    throw invalidParameter(
      "The entity name 'vm.name' is invalid according to its validation rule: ^[^_\\W][\\w-._]{0,79}(?<![-.])$.",
    );
  }
  const location = requireLocation(body);
  const at = (...path: readonly string[]) => textAt(body, 'properties', ...path);
  const size = at('hardwareProfile', 'vmSize');
  if (size === undefined) throw missingParameter('vm.properties.hardwareProfile.vmSize');
  const osType = at('storageProfile', 'osDisk', 'osType');
  const disks = readDisks(body);
  if (osType !== 'Linux' && osType !== 'Windows') throw missingParameter('osDisk.osType');
  // Users report these words for a specialized disk.
  if (valueAt(body, 'properties', 'osProfile') !== undefined) {
    throw invalidParameter("Parameter 'osProfile' is not allowed.");
  }
  const given = (valueAt(body, 'properties') ?? {}) as Readonly<Record<string, unknown>>;
  return {
    ...{ location, size, osType, disks },
    tags: readTags(body) ?? {},
    zones: listAt(body, 'zones').map(String),
    plan: valueAt(body, 'plan') as VmRequest['plan'],
    identity: valueAt(body, 'identity') as VmRequest['identity'],
    securityType: at('securityProfile', 'securityType'),
    diskController: at('storageProfile', 'diskControllerType'),
    hasBootDiagnostics:
      valueAt(body, 'properties', 'diagnosticsProfile', 'bootDiagnostics', 'enabled') === true,
    interfaces: readInterfaces(body),
    properties: Object.fromEntries(
      shown.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])),
    ),
  };
}

function readDisks(body: unknown): readonly DiskAttachment[] {
  const profile = valueAt(body, 'properties', 'storageProfile');
  const osDisk = valueAt(profile, 'osDisk');
  if (osDisk === undefined) throw missingParameter('vm.properties.storageProfile.osDisk');
  const disks = [
    readDisk(osDisk, 'os'),
    ...listAt(profile, 'dataDisks').map((disk) => {
      const lun = valueAt(disk, 'lun');
      if (typeof lun !== 'number') throw missingParameter('dataDisk.lun');
      return readDisk(disk, lun);
    }),
  ];
  const places = new Set<unknown>();
  for (const { place } of disks) {
    if (places.has(place)) {
      throw invalidParameter(`The value '${place}' of parameter 'dataDisk.lun' is invalid.`);
    }
    places.add(place);
  }
  return disks;
}

function readDisk(disk: unknown, place: 'os' | number): DiskAttachment {
  const createOption = textAt(disk, 'createOption');
  const diskId = textAt(disk, 'managedDisk', 'id');
  // Other ways of making a VM are Azure's, but not the local Azure's.
  if (createOption?.toLowerCase() !== 'attach') {
    throw invalidParameter(
      `The value '${createOption ?? ''}' of parameter 'createOption' is invalid.`,
    );
  }
  if (diskId === undefined) throw missingParameter('managedDisk.id');
  return {
    ...{ place, diskId },
    name: textAt(disk, 'name'),
    caching: textAt(disk, 'caching') as DiskAttachment['caching'],
    deleteOption: readDeleteOption(textAt(disk, 'deleteOption')) ?? 'Detach',
  };
}

function readInterfaces(body: unknown): readonly VmInterface[] {
  const given = listAt(body, 'properties', 'networkProfile', 'networkInterfaces');
  if (given.length === 0) {
    throw missingParameter('vm.properties.networkProfile.networkInterfaces');
  }
  return given.map((one) => {
    const deleteOption = readDeleteOption(textAt(one, 'properties', 'deleteOption'));
    const primary = valueAt(one, 'properties', 'primary');
    return {
      id: textAt(one, 'id') ?? '',
      ...(deleteOption === undefined ? {} : { deleteOption }),
      ...(typeof primary === 'boolean' ? { primary } : {}),
    };
  });
}

function readDeleteOption(text: string | undefined): DeleteOption | undefined {
  if (text === undefined || text === 'Delete' || text === 'Detach') return text;
  throw invalidParameter(`The value '${text}' of parameter 'deleteOption' is invalid.`);
}
