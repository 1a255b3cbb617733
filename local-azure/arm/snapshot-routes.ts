import { randomUUID } from 'node:crypto';
import type { Express } from 'express';
import { acceptOperation, setProviderQuota } from './accept.ts';
import { ArmError, operationNotAllowed, sourceNotFound } from './arm-error.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { openList, openResource, required, requireLinkedAction } from './gate.ts';
import type { Target } from './gate.ts';
import type { ManagedDisk } from './managed-disk.ts';
import type { OperationPlan } from './operations.ts';
import { requirePolicies } from './policies.ts';
import { isSame, isSameLocation, nameOf } from './resource-id.ts';
import { readTags } from './request-body.ts';
import { readSnapshotRequest } from './snapshot-request.ts';
import type { SnapshotRequest } from './snapshot-request.ts';
import { Snapshot } from './snapshot.ts';

const type = 'Microsoft.Compute/snapshots';

/** Routes of snapshots. */
export function addSnapshotRoutes(app: Express, arm: Arm): void {
  app.get(`/subscriptions/:subscription/providers/${type}`, handle(arm, listSnapshots));
  const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
  const snapshot = `${inGroup}/:name`;
  app.get(inGroup, handle(arm, listSnapshots));
  app.get(snapshot, handle(arm, readSnapshot));
  app.put(snapshot, handle(arm, putSnapshot));
  app.patch(snapshot, handle(arm, patchSnapshot));
  app.delete(snapshot, handle(arm, deleteSnapshot));
}

function listSnapshots(arm: Arm, call: Call): void {
  const scope = openList(arm, call, type);
  setProviderQuota(call, 'HighCostGet3Min;359', 'HighCostGet30Min;2879');
  call.response.json({ value: arm.world.resources.list(scope, type).map(({ body }) => body) });
}

function readSnapshot(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'read');
  const snapshot = required(arm.world.resources.snapshot(target.id), target);
  setProviderQuota(call, 'LowCostGet3Min;14999', 'LowCostGet30Min;119999');
  call.response.json(snapshot.body);
}

function putSnapshot(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'write');
  requirePolicies(arm, target, readTags(call.request.body) ?? {});
  setWriteQuota(call);
  const request = readSnapshotRequest(target.name, call.request.body);
  requireLinkedAction(
    call.principal,
    { action: `${type}/write`, scope: target.id },
    { action: 'Microsoft.Compute/disks/beginGetAccess/action', scope: request.sourceId },
  );
  const source = findSource(arm, request);
  const existing = arm.world.resources.snapshot(target.id);
  if (existing !== undefined) requireUpdatable(existing, request);
  const snapshot = existing ?? createSnapshot(arm, target, request, source);
  acceptUpdate(arm, call, target, snapshot, request);
}

function patchSnapshot(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'write');
  const snapshot = required(arm.world.resources.snapshot(target.id), target);
  const tags = readTags(call.request.body) ?? snapshot.tags;
  requirePolicies(arm, target, tags);
  setWriteQuota(call);
  acceptUpdate(arm, call, target, snapshot, { sku: snapshot.sku, tags });
}

function deleteSnapshot(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'delete');
  const snapshot = arm.world.resources.snapshot(target.id);
  if (snapshot === undefined) {
    call.response.status(204).end();
    return;
  }
  if (snapshot.access.isTaken) {
    // Not recorded: Azure is only known to refuse while a SAS is out.
    throw operationNotAllowed(
      `There is an active shared access signature outstanding for snapshot ${target.name}. Call EndGetAccess before deleting the snapshot.`,
    );
  }
  setProviderQuota(call, 'DeleteDisks3Min;2999', 'DeleteDisks30Min;23999');
  snapshot.provisioningState = 'Deleting';
  const plan: OperationPlan = {
    kind: 'delete',
    succeed: () => {
      arm.world.resources.remove(snapshot);
    },
    fail: () => {
      snapshot.provisioningState = snapshot.isMade ? 'Succeeded' : 'Failed';
    },
  };
  acceptOperation(arm, call, plan, acceptanceOf(target, snapshot, undefined));
}

/** A source that is missing and one in another region are refused alike, as if it were the snapshot. */
function findSource(arm: Arm, { sourceId, location }: SnapshotRequest): ManagedDisk {
  const source = arm.world.resources.disk(sourceId);
  if (source === undefined || !isSameLocation(source.location, location)) {
    throw sourceNotFound(nameOf(sourceId));
  }
  return source;
}

function createSnapshot(
  arm: Arm,
  target: Target,
  { sku, tags, incremental }: SnapshotRequest,
  source: ManagedDisk,
): Snapshot {
  const snapshot = new Snapshot({
    ...{ id: target.id, source, sku, tags, incremental },
    uniqueId: randomUUID(),
    timeCreated: new Date(),
  });
  arm.world.resources.put(snapshot);
  return snapshot;
}

function requireUpdatable(snapshot: Snapshot, request: SnapshotRequest): void {
  if (!isSame(snapshot.parts.source.id, request.sourceId)) {
    throw new ArmError(
      409,
      'PropertyChangeNotAllowed',
      "Changing property 'creationData.sourceResourceId' is not allowed.",
    );
  }
  if (snapshot.provisioningState !== 'Deleting') return;
  throw new ArmError(409, 'Conflict', `Snapshot ${nameOf(snapshot.id)} is being deleted.`);
}

function acceptUpdate(
  arm: Arm,
  call: Call,
  target: Target,
  snapshot: Snapshot,
  wanted: Pick<SnapshotRequest, 'sku' | 'tags'>,
): void {
  snapshot.provisioningState = 'Updating';
  const plan: OperationPlan = {
    kind: 'snapshot',
    succeed: () => {
      snapshot.sku = wanted.sku;
      snapshot.tags = wanted.tags;
      snapshot.isMade = true;
      if (snapshot.provisioningState === 'Updating') snapshot.provisioningState = 'Succeeded';
      return snapshot.body;
    },
    fail: () => {
      if (snapshot.provisioningState === 'Updating') snapshot.provisioningState = 'Failed';
    },
  };
  acceptOperation(arm, call, plan, {
    ...acceptanceOf(target, snapshot, 2),
    body: snapshot.body,
  });
}

function acceptanceOf(
  target: Target,
  snapshot: Snapshot,
  retryAfterSeconds: number | undefined,
): Parameters<typeof acceptOperation>[3] {
  return {
    subscriptionId: target.subscriptionId,
    location: snapshot.location,
    service: 'DiskOperations',
    retryAfterSeconds,
  };
}

function setWriteQuota(call: Call): void {
  const bucket = 'HighCostSnapshotCreateHydrate';
  setProviderQuota(call, `${bucket}3Min;999`, `${bucket}30Min;7999`);
}
