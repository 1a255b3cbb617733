import type { Express } from 'express';
import { acceptOperation, setProviderQuota } from './accept.ts';
import type { Acceptance } from './accept.ts';
import { ArmError, invalidParameter } from './arm-error.ts';
import { handle } from './call.ts';
import type { Arm, Call, Handler } from './call.ts';
import { openResource, required } from './gate.ts';
import { ManagedDisk } from './managed-disk.ts';
import { missingParameter } from './request-body.ts';
import type { Snapshot } from './snapshot.ts';

type ExportType = 'Microsoft.Compute/disks' | 'Microsoft.Compute/snapshots';

interface Opened {
  readonly exported: ManagedDisk | Snapshot;
  readonly acceptance: Acceptance;
}

/** 60 days, https://learn.microsoft.com/azure/virtual-machines/disks-sas-change. */
const maxDurationInSeconds = 5_184_000;

/** Routes that open and close the read access to disks and snapshots. */
export function addAccessRoutes(app: Express, arm: Arm): void {
  for (const type of ['Microsoft.Compute/disks', 'Microsoft.Compute/snapshots'] as const) {
    const at = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}/:name`;
    app.post(`${at}/beginGetAccess`, handle(arm, beginAccess(type)));
    app.post(`${at}/endGetAccess`, handle(arm, endAccess(type)));
  }
}

function open(arm: Arm, call: Call, type: ExportType, verb: string): Opened {
  const target = openResource(arm, call, type, verb);
  const { resources } = arm.world;
  const isDisk = type === 'Microsoft.Compute/disks';
  const exported = required(
    isDisk ? resources.disk(target.id) : resources.snapshot(target.id),
    target,
  );
  const bucket = isDisk ? 'HighCostDiskHydrate' : 'HighCostSnapshotCreateHydrate';
  setProviderQuota(call, `${bucket}3Min;999`, `${bucket}30Min;7999`);
  return {
    exported,
    acceptance: {
      subscriptionId: target.subscriptionId,
      location: exported.location,
      service: 'DiskOperations',
      retryAfterSeconds: undefined,
    },
  };
}

function beginAccess(type: ExportType): Handler {
  return (arm, call) => {
    const { exported, acceptance } = open(arm, call, type, 'beginGetAccess/action');
    const durationInSeconds = readDuration(call.request.body);
    requireExportable(exported);
    const { access } = exported;
    access.reserve();
    const succeed = (): unknown => {
      const { accessSAS, policyId } = arm.world.exports.grant(
        exported.image,
        exported.id,
        durationInSeconds,
      );
      access.settle({ policyId, isActive: () => arm.world.exports.isActive(policyId) });
      return { accessSAS };
    };
    const fail = (): void => {
      access.settle(undefined);
    };
    acceptOperation(arm, call, { kind: 'grantAccess', succeed, fail }, acceptance);
  };
}

function endAccess(type: ExportType): Handler {
  return (arm, call) => {
    const { exported, acceptance } = open(arm, call, type, 'endGetAccess/action');
    const succeed = (): undefined => {
      const grant = exported.access.release();
      if (grant !== undefined) arm.world.exports.revoke(grant.policyId);
    };
    const fail = (): void => undefined;
    acceptOperation(arm, call, { kind: 'revokeAccess', succeed, fail }, acceptance);
  };
}

function readDuration(body: unknown): number {
  const given: object = typeof body === 'object' && body !== null ? body : {};
  const access = 'access' in given ? given.access : undefined;
  const duration = 'durationInSeconds' in given ? given.durationInSeconds : undefined;
  const fileFormat = 'fileFormat' in given ? given.fileFormat : undefined;
  if (access === undefined) throw missingParameter('access');
  if (access !== 'Read') throw invalid('access', access);
  if (duration === undefined) throw missingParameter('durationInSeconds');
  if (
    typeof duration !== 'number' ||
    !Number.isInteger(duration) ||
    duration < 1 ||
    duration > maxDurationInSeconds
  ) {
    throw invalid('durationInSeconds', duration);
  }
  // Azure also writes VHDX; the local Azure has only VHDs.
  if (fileFormat !== undefined && fileFormat !== 'VHD') throw invalid('fileFormat', fileFormat);
  return duration;
}

function invalid(name: string, value: unknown): ArmError {
  return invalidParameter(`The value ${JSON.stringify(value)} of parameter '${name}' is invalid.`);
}

function requireExportable(exported: ManagedDisk | Snapshot): void {
  const { access, body } = exported;
  if (exported instanceof ManagedDisk) requireDetached(exported, body.name);
  else if (exported.provisioningState !== 'Succeeded') {
    // Not recorded: an export of a snapshot that is not there yet or no longer.
    throw new ArmError(
      409,
      'Conflict',
      `Access not permitted because snapshot ${body.name} is in provisioning state ${exported.provisioningState}.`,
    );
  }
  if (!access.isTaken) return;
  // Not recorded either: Azure may as well answer with the SAS that is out.
  throw new ArmError(
    409,
    'Conflict',
    `There is an active shared access signature outstanding for ${body.name}. Call EndGetAccess before a new access is granted.`,
  );
}

function requireDetached(disk: ManagedDisk, name: string): void {
  if (disk.owner === undefined || disk.owner.powerState === 'deallocated') return;
  throw new ArmError(
    409,
    'Conflict',
    `Access not permitted because disk ${name} is currently attached to running VM ${disk.owner.id}.`,
  );
}
