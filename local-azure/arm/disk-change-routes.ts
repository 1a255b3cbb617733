import type { Express } from 'express';
import { acceptOperation, setProviderQuota } from './accept.ts';
import type { Acceptance } from './accept.ts';
import { ArmError, operationNotAllowed } from './arm-error.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { readDiskRequest } from './disk-request.ts';
import type { DiskRequest } from './disk-request.ts';
import { createDisk } from './disk-source.ts';
import { openResource, requireLinkedAction } from './gate.ts';
import type { Target } from './gate.ts';
import type { ManagedDisk } from './managed-disk.ts';
import { requirePolicies } from './policies.ts';

const type = 'Microsoft.Compute/disks';

/** Routes that make and delete managed disks. */
export function addDiskChangeRoutes(app: Express, arm: Arm): void {
  const disk = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}/:name`;
  app.put(disk, handle(arm, putDisk));
  app.delete(disk, handle(arm, deleteDisk));
}

async function putDisk(arm: Arm, call: Call): Promise<void> {
  const target = openResource(arm, call, type, 'write');
  const request = readDiskRequest(target.name, call.request.body);
  requirePolicies(arm, target, request.tags);
  if (request.sourceId !== undefined) {
    const kind = /\/snapshots\/[^/]+$/i.test(request.sourceId) ? 'snapshots' : 'disks';
    requireLinkedAction(
      call.principal,
      { action: `${type}/write`, scope: target.id },
      { action: `Microsoft.Compute/${kind}/beginGetAccess/action`, scope: request.sourceId },
    );
  }
  setProviderQuota(call, 'CreateUpdateDisks3Min;999', 'CreateUpdateDisks30Min;7999');
  const existing = arm.world.resources.disk(target.id);
  if (existing !== undefined) requireSameSource(existing, request);
  const disk = existing ?? (await createDisk(arm, target.id, request));
  arm.world.resources.put(disk);
  disk.provisioningState = 'Updating';
  const plan = {
    kind: 'disk' as const,
    succeed: () => {
      disk.tags = request.tags;
      disk.provisioningState = 'Succeeded';
      return disk.body;
    },
    fail: () => {
      disk.provisioningState = 'Failed';
    },
  };
  acceptOperation(arm, call, plan, { ...acceptanceOf(target, disk, 2), body: disk.body });
}

function deleteDisk(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'delete');
  const disk = arm.world.resources.disk(target.id);
  if (disk === undefined) {
    call.response.status(204).end();
    return;
  }
  requireDeletable(disk, target.name);
  setProviderQuota(call, 'DeleteDisks3Min;2999', 'DeleteDisks30Min;23999');
  disk.provisioningState = 'Deleting';
  const plan = {
    kind: 'delete' as const,
    succeed: () => {
      arm.world.resources.remove(disk);
    },
    fail: () => {
      disk.provisioningState = 'Succeeded';
    },
  };
  acceptOperation(arm, call, plan, acceptanceOf(target, disk, undefined));
}

/** Neither refusal is recorded. */
function requireDeletable(disk: ManagedDisk, name: string): void {
  if (disk.owner !== undefined) {
    throw operationNotAllowed(`Disk ${name} is attached to VM ${disk.owner.id}.`);
  }
  if (!disk.access.isTaken) return;
  throw operationNotAllowed(
    `There is an active shared access signature outstanding for disk ${name}. Call EndGetAccess before deleting the disk.`,
  );
}

function requireSameSource({ parts }: ManagedDisk, { createOption, sourceId }: DiskRequest): void {
  const made = parts.creationData ?? {};
  const isSameSource =
    sourceId === undefined || made['sourceResourceId']?.toLowerCase() === sourceId.toLowerCase();
  if (made['createOption'] === createOption && isSameSource) return;
  throw new ArmError(
    409,
    'PropertyChangeNotAllowed',
    "Changing property 'creationData' is not allowed.",
  );
}

function acceptanceOf(
  { subscriptionId }: Target,
  { location }: ManagedDisk,
  retryAfterSeconds: number | undefined,
): Acceptance {
  return { subscriptionId, location, service: 'DiskOperations', retryAfterSeconds };
}
