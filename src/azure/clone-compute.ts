import type * as sdk from '@azure/arm-compute';
import type { AgentReport, CloneFacts, Usage, VmSize } from '../clone/clone-facts.ts';
import type { OsType, PurchasePlan } from '../facts.ts';
import {
  agentReportFromModel,
  cloneFactsFromModels,
  usageFromModel,
  vmSizeFromModel,
} from './clone-models.ts';
import { diskPatience, finish, found, vmPatience, type ComputeClients } from './compute-clients.ts';

/** A disk to be made of a snapshot, with whose size, operating system and security type it comes. */
export interface DiskRequest {
  readonly id: string;
  readonly snapshotId: string;
  readonly location: string;
  readonly zones: readonly string[];
  readonly sku: string;
  readonly encryption: { readonly type: string; readonly setId: string } | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** A VM to be made of disks that are there. */
export interface VmRequest {
  readonly id: string;
  readonly location: string;
  readonly zones: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly size: string;
  readonly sizeProperties: CloneFacts['sizeProperties'];
  readonly osType: OsType;
  readonly securityType: string | undefined;
  readonly secureBoot: boolean | undefined;
  readonly vTpm: boolean | undefined;
  readonly encryptionAtHost: boolean | undefined;
  readonly diskController: string | undefined;
  readonly plan: PurchasePlan | undefined;
  readonly licenseType: string | undefined;
  readonly disks: readonly AttachedCopy[];
  readonly interfaceId: string;
}

/** A disk in its place. */
export interface AttachedCopy {
  readonly key: 'os' | number;
  readonly diskId: string;
  readonly caching: string;
}

/** Verbs that a copy of a VM takes. Each ends when Azure has done it. */
export interface CloneCompute {
  /** Undefined when there is no such VM. */
  getFacts(vmId: string, signal: AbortSignal): Promise<CloneFacts | undefined>;
  getAgent(vmId: string, signal: AbortSignal): Promise<AgentReport | undefined>;
  createDisk(request: DiskRequest, signal: AbortSignal): Promise<void>;
  /** It starts at once; its guest is still booting when this ends. */
  createVm(request: VmRequest, signal: AbortSignal): Promise<void>;
  /** A size as the subscription gets it in a region; undefined where it does not exist. */
  getSize(
    subscriptionId: string,
    location: string,
    size: string,
    signal: AbortSignal,
  ): Promise<VmSize | undefined>;
  /** The quotas of a region: https://learn.microsoft.com/azure/virtual-machines/quotas */
  listUsages(
    subscriptionId: string,
    location: string,
    signal: AbortSignal,
  ): Promise<readonly Usage[]>;
}

/** CloneCompute over the official SDK. */
export function createCloneCompute({ of: clientOf, at }: ComputeClients): CloneCompute {
  const getVm = (id: string, signal: AbortSignal): Promise<sdk.VirtualMachine | undefined> => {
    const { client, group, name } = at(id);
    const options = { expand: 'instanceView' as const, abortSignal: signal };
    return found(client.virtualMachines.get(group, name, options));
  };

  return {
    async getFacts(vmId, signal) {
      const vm = await getVm(vmId, signal);
      if (vm === undefined) return undefined;
      const disks = await Promise.all(
        diskIdsOf(vm).map(async (id) => {
          const { client, group, name } = at(id);
          const disk = await client.disks.get(group, name, { abortSignal: signal });
          return [id.toLowerCase(), disk] as const;
        }),
      );
      return cloneFactsFromModels(vm, new Map(disks));
    },
    async getAgent(vmId, signal) {
      const vm = await getVm(vmId, signal);
      return vm && agentReportFromModel(vm);
    },
    async createDisk(request, signal) {
      const { client, group, name } = at(request.id);
      const options = { updateIntervalInMs: diskPatience.intervalMs };
      const poller = client.disks.createOrUpdate(group, name, diskModel(request), options);
      await finish(poller, diskPatience, signal);
    },
    async createVm(request, signal) {
      const { client, group, name } = at(request.id);
      const options = { updateIntervalInMs: vmPatience.intervalMs };
      const model = vmModel(request);
      const poller = client.virtualMachines.createOrUpdate(group, name, model, options);
      await finish(poller, vmPatience, signal);
    },
    async getSize(subscriptionId, location, size, signal) {
      const { resourceSkus } = clientOf({ subscriptionId });
      const options = { filter: `location eq '${location}'`, abortSignal: signal };
      for await (const sku of resourceSkus.list(options)) {
        const offered = vmSizeFromModel(sku);
        if (offered?.name.toLowerCase() === size.toLowerCase()) return offered;
      }
      return undefined;
    },
    async listUsages(subscriptionId, location, signal) {
      const { usage } = clientOf({ subscriptionId });
      const usages: Usage[] = [];
      for await (const model of usage.list(location, { abortSignal: signal })) {
        usages.push(usageFromModel(model));
      }
      return usages;
    },
  };
}

function diskIdsOf({ storageProfile }: sdk.VirtualMachine): readonly string[] {
  const attached = [storageProfile?.osDisk, ...(storageProfile?.dataDisks ?? [])];
  return attached.flatMap((disk) => disk?.managedDisk?.id ?? []);
}

/**
 * The security type is the snapshot's: Azure refuses it beside `Copy`, see
 * https://github.com/Azure/azure-cli/issues/22561
 */
function diskModel(request: DiskRequest): sdk.Disk {
  const { location, zones, sku, tags, encryption, snapshotId } = request;
  return {
    location,
    tags: { ...tags },
    sku: { name: sku },
    ...(zones.length > 0 && { zones: [...zones] }),
    creationData: { createOption: 'Copy', sourceResourceId: snapshotId },
    ...(encryption !== undefined && {
      encryption: { type: encryption.type, diskEncryptionSetId: encryption.setId },
    }),
  };
}

/** Everything that the VM is made of goes with it when it is deleted. */
function vmModel(request: VmRequest): sdk.VirtualMachine {
  const { location, zones, tags, plan, licenseType, size, sizeProperties, interfaceId } = request;
  return {
    location,
    tags: { ...tags },
    ...(zones.length > 0 && { zones: [...zones] }),
    ...(plan !== undefined && { plan: { ...plan } }),
    ...(licenseType !== undefined && { licenseType }),
    hardwareProfile: {
      vmSize: size,
      ...(sizeProperties !== undefined && {
        vmSizeProperties: sizePropertiesModel(sizeProperties),
      }),
    },
    ...securityModel(request),
    storageProfile: storageModel(request),
    networkProfile: {
      networkInterfaces: [{ id: interfaceId, primary: true, deleteOption: 'Delete' }],
    },
    diagnosticsProfile: { bootDiagnostics: { enabled: true } },
  };
}

function sizePropertiesModel({
  vCpusAvailable,
  vCpusPerCore,
}: NonNullable<CloneFacts['sizeProperties']>): sdk.VMSizeProperties {
  return {
    ...(vCpusAvailable !== undefined && { vCPUsAvailable: vCpusAvailable }),
    ...(vCpusPerCore !== undefined && { vCPUsPerCore: vCpusPerCore }),
  };
}

function securityModel(request: VmRequest): Pick<sdk.VirtualMachine, 'securityProfile'> {
  const { securityType, secureBoot, vTpm, encryptionAtHost } = request;
  const uefiSettings = {
    ...(secureBoot !== undefined && { secureBootEnabled: secureBoot }),
    ...(vTpm !== undefined && { vTpmEnabled: vTpm }),
  };
  const securityProfile = {
    ...(securityType !== undefined && { securityType }),
    ...(encryptionAtHost !== undefined && { encryptionAtHost }),
    ...(Object.keys(uefiSettings).length > 0 && { uefiSettings }),
  };
  return Object.keys(securityProfile).length > 0 ? { securityProfile } : {};
}

function storageModel({ disks, osType, diskController }: VmRequest): sdk.StorageProfile {
  const attach = ({ diskId, caching }: AttachedCopy): Omit<sdk.OSDisk, 'osType'> => ({
    caching: caching as sdk.CachingTypes,
    createOption: 'Attach',
    deleteOption: 'Delete',
    managedDisk: { id: diskId },
  });
  const osDisk = disks.find(({ key }) => key === 'os');
  return {
    ...(diskController !== undefined && { diskControllerType: diskController }),
    ...(osDisk !== undefined && { osDisk: { osType, ...attach(osDisk) } }),
    dataDisks: disks.flatMap((disk) =>
      disk.key === 'os' ? [] : [{ lun: disk.key, ...attach(disk) }],
    ),
  };
}
