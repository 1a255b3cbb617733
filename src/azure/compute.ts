import { ActionError } from '../errors.ts';
import type { Disk, ListedSnapshot, Snapshot, VirtualMachine } from '../facts.ts';
import {
  briefPatience,
  diskPatience,
  finish,
  found,
  vmPatience,
  type ComputeClients,
} from './compute-clients.ts';
import {
  diskFromModel,
  listedSnapshotFromModel,
  snapshotFromModel,
  vmFromModel,
} from './compute-models.ts';

/** A snapshot to be made; its region is its disk's. */
export interface SnapshotRequest {
  readonly id: string;
  readonly diskId: string;
  readonly location: string;
  readonly sku: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Verbs on VMs, disks and snapshots. Each takes a resource ID and ends when Azure has done it. */
export interface Compute {
  /** Undefined when there is none. */
  getVm(id: string, signal: AbortSignal): Promise<VirtualMachine | undefined>;
  getDisk(id: string, signal: AbortSignal): Promise<Disk | undefined>;
  getSnapshot(id: string, signal: AbortSignal): Promise<Snapshot | undefined>;
  /** All snapshots of a subscription, or of one of its resource groups. */
  listSnapshots(
    subscriptionId: string,
    resourceGroup: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly ListedSnapshot[]>;
  powerOff(vmId: string, signal: AbortSignal): Promise<void>;
  deallocate(vmId: string, signal: AbortSignal): Promise<void>;
  start(vmId: string, signal: AbortSignal): Promise<void>;
  /** One-way: https://learn.microsoft.com/rest/api/compute/virtual-machines/generalize */
  generalize(vmId: string, signal: AbortSignal): Promise<void>;
  createSnapshot(request: SnapshotRequest, signal: AbortSignal): Promise<Snapshot>;
  /** Gives a snapshot these tags in the place of all others. */
  tagSnapshot(
    id: string,
    tags: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Snapshot>;
  /** The SAS of a read grant on a snapshot; mask it at once. */
  grantRead(snapshotId: string, durationInSeconds: number, signal: AbortSignal): Promise<string>;
  /** Done also when there is no grant or no snapshot any more. Says when Azure has accepted it. */
  revokeAccess(snapshotId: string, signal: AbortSignal, onAccepted?: () => void): Promise<void>;
  /** Done also when there is no snapshot any more. */
  deleteSnapshot(snapshotId: string, signal: AbortSignal): Promise<void>;
}

/** Compute over the official SDK. */
export function createCompute({ of: clientOf, at }: ComputeClients): Compute {
  const vmOptions = { updateIntervalInMs: vmPatience.intervalMs };
  const diskOptions = { updateIntervalInMs: diskPatience.intervalMs };

  return {
    async getVm(id, signal) {
      const { client, group, name } = at(id);
      const options = { expand: 'instanceView' as const, abortSignal: signal };
      const vm = await found(client.virtualMachines.get(group, name, options));
      return vm && vmFromModel(vm);
    },
    async getDisk(id, signal) {
      const { client, group, name } = at(id);
      const disk = await found(client.disks.get(group, name, { abortSignal: signal }));
      return disk && diskFromModel(disk);
    },
    async getSnapshot(id, signal) {
      const { client, group, name } = at(id);
      const snapshot = await found(client.snapshots.get(group, name, { abortSignal: signal }));
      return snapshot && snapshotFromModel(snapshot);
    },
    async listSnapshots(subscriptionId, resourceGroup, signal) {
      const { snapshots } = clientOf({ subscriptionId });
      const options = { abortSignal: signal };
      const pages =
        resourceGroup === undefined
          ? snapshots.list(options)
          : snapshots.listByResourceGroup(resourceGroup, options);
      const listed: ListedSnapshot[] = [];
      for await (const model of pages) listed.push(listedSnapshotFromModel(model));
      return listed;
    },
    async powerOff(vmId, signal) {
      const { client, group, name } = at(vmId);
      const options = { ...vmOptions, skipShutdown: false };
      await finish(client.virtualMachines.powerOff(group, name, options), vmPatience, signal);
    },
    async deallocate(vmId, signal) {
      const { client, group, name } = at(vmId);
      await finish(client.virtualMachines.deallocate(group, name, vmOptions), vmPatience, signal);
    },
    async start(vmId, signal) {
      const { client, group, name } = at(vmId);
      await finish(client.virtualMachines.start(group, name, vmOptions), vmPatience, signal);
    },
    async generalize(vmId, signal) {
      const { client, group, name } = at(vmId);
      await client.virtualMachines.generalize(group, name, { abortSignal: signal });
    },
    async createSnapshot(request, signal) {
      const { client, group, name } = at(request.id);
      const model = {
        location: request.location,
        sku: { name: request.sku },
        tags: { ...request.tags },
        creationData: { createOption: 'Copy', sourceResourceId: request.diskId },
        incremental: false,
        // Set rather than inherited: an export that only a private endpoint or a token opens cannot be copied server-side.
        networkAccessPolicy: 'AllowAll',
        publicNetworkAccess: 'Enabled',
        dataAccessAuthMode: 'None',
      };
      const poller = client.snapshots.createOrUpdate(group, name, model, diskOptions);
      return snapshotFromModel(await finish(poller, diskPatience, signal));
    },
    async tagSnapshot(id, tags, signal) {
      const { client, group, name } = at(id);
      const poller = client.snapshots.update(group, name, { tags: { ...tags } }, diskOptions);
      return snapshotFromModel(await finish(poller, diskPatience, signal));
    },
    async grantRead(snapshotId, durationInSeconds, signal) {
      const { client, group, name } = at(snapshotId);
      const grant = { access: 'Read', durationInSeconds };
      const poller = client.snapshots.grantAccess(group, name, grant, diskOptions);
      const { accessSAS } = await finish(poller, briefPatience, signal);
      if (accessSAS === undefined) {
        throw new ActionError(
          'azure',
          `Azure granted read access to snapshot "${name}" without giving its SAS. Run again; the grant was revoked.`,
        );
      }
      return accessSAS;
    },
    async revokeAccess(snapshotId, signal, onAccepted) {
      const { client, group, name } = at(snapshotId);
      const poller = client.snapshots.revokeAccess(group, name, diskOptions);
      await found(finish(poller, { ...briefPatience, onAccepted }, signal));
    },
    async deleteSnapshot(snapshotId, signal) {
      const { client, group, name } = at(snapshotId);
      const poller = client.snapshots.delete(group, name, diskOptions);
      await found(finish(poller, briefPatience, signal));
    },
  };
}
