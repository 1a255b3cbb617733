import type { ScenarioVirtualMachine } from '../scenario.ts';

/** What happens to a disk or interface when its VM is deleted. */
export type DeleteOption = 'Delete' | 'Detach';

/** A network interface as its VM names it. */
export interface VmInterface {
  readonly id: string;
  readonly deleteOption?: DeleteOption;
  readonly primary?: boolean;
}

/** What a VM is, apart from its disks and what happens to it. */
export interface VmModel {
  readonly size: string;
  readonly osType: 'Linux' | 'Windows';
  readonly hyperVGeneration: 'V1' | 'V2';
  /** What the system calls itself: a copy has the name of its source. */
  readonly computerName: string;
  readonly securityType: string | undefined;
  readonly zones: readonly string[];
  readonly plan: Readonly<Record<string, string>> | undefined;
  readonly identity: Readonly<Record<string, unknown>> | undefined;
  readonly diskController: string | undefined;
  readonly hasBootDiagnostics: boolean;
  readonly interfaces: readonly VmInterface[];
  /** The properties that are shown as they were given: securityProfile, licenseType, osProfile and the like. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The model of a VM of the scenario. */
export function modelOf(scenario: ScenarioVirtualMachine, interfaceId: string): VmModel {
  const { nicDeleteOption, identity, zone, licenseType, bootDiagnostics } = scenario;
  return {
    size: scenario.size ?? 'Standard_D2s_v5',
    osType: scenario.osType,
    hyperVGeneration: scenario.hyperVGeneration ?? 'V2',
    computerName: scenario.name,
    securityType: scenario.securityType,
    zones: zone === undefined ? [] : [zone],
    plan: scenario.plan,
    identity: identity === true ? { type: 'SystemAssigned' } : undefined,
    diskController: scenario.diskController,
    hasBootDiagnostics: bootDiagnostics === 'managed',
    interfaces: [
      { id: interfaceId, ...(nicDeleteOption && { deleteOption: nicDeleteOption, primary: true }) },
    ],
    properties: {
      osProfile: buildOsProfile(scenario),
      ...buildSecurityProfile(scenario),
      ...(licenseType === undefined ? {} : { licenseType }),
      ...(bootDiagnostics === undefined
        ? {}
        : { diagnosticsProfile: { bootDiagnostics: { enabled: bootDiagnostics === 'managed' } } }),
      ...scenario.properties,
    },
  };
}

function buildSecurityProfile(scenario: ScenarioVirtualMachine): Record<string, unknown> {
  const { securityType, secureBoot, encryptionAtHost } = scenario;
  if (securityType === undefined && encryptionAtHost === undefined) return {};
  const uefiSettings = { secureBootEnabled: secureBoot ?? true, vTpmEnabled: true };
  return {
    securityProfile: {
      ...(securityType === undefined
        ? {}
        : { ...(secureBoot === undefined ? {} : { uefiSettings }), securityType }),
      ...(encryptionAtHost === undefined ? {} : { encryptionAtHost }),
    },
  };
}

function buildOsProfile(scenario: ScenarioVirtualMachine): Record<string, unknown> {
  const common = { provisionVMAgent: scenario.agent !== 'absent' };
  const patches = { patchMode: 'ImageDefault', assessmentMode: 'ImageDefault' };
  return {
    computerName: scenario.name,
    adminUsername: 'azureuser',
    ...(scenario.osType === 'Linux'
      ? {
          linuxConfiguration: {
            disablePasswordAuthentication: true,
            ...common,
            patchSettings: patches,
          },
        }
      : { windowsConfiguration: { ...common, enableAutomaticUpdates: true } }),
    secrets: [],
    allowExtensionOperations: true,
    requireGuestProvisionSignal: true,
  };
}
