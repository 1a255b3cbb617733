import type { Copied, Traffic } from '../copy/outcome.ts';
import { finishedReplicas, hyperVGenerationOf, type Result } from './result.ts';

/** Raised when a field changes its meaning or goes. */
const SCHEMA_VERSION = 1;

/** The manifest: everything that a later step may want to know, as JSON text. It never holds a SAS. */
export function renderManifest(result: Result, createdAt: string): string {
  const { plan, capture, findings, phases, failure } = result;
  const manifest = {
    schemaVersion: SCHEMA_VERSION,
    createdAt,
    succeeded: failure === undefined,
    ...(failure !== undefined && { failure }),
    ...(plan !== undefined && {
      run: plan.run,
      vm: {
        id: plan.vm.id,
        vmId: plan.vm.vmId,
        name: plan.vm.name,
        location: plan.vm.location,
        osType: plan.vm.osType,
        osState: plan.osState,
        hyperVGeneration: hyperVGenerationOf(plan),
        securityType: plan.vm.securityType ?? 'Standard',
        plan: plan.vm.plan,
      },
      tags: plan.tags,
      plan: {
        isDone: plan.isDone,
        power: plan.power,
        snapshotSku: plan.snapshotSku,
        keepSnapshots: plan.keepSnapshots,
        sasDurationInSeconds: plan.sasDurationInSeconds,
        expected: plan.expected,
        copyMethod: plan.copyMethod,
        verify: plan.verify,
        snapshots: plan.isDone
          ? []
          : plan.disks.flatMap((disk) => disk.exports.map(({ snapshotId }) => snapshotId)),
        claim: plan.claim?.snapshot?.id,
        vhds: plan.disks.flatMap((disk) =>
          disk.replicas.map(({ url, overwrite }) => ({ url, overwrite: overwrite !== undefined })),
        ),
        permissions: result.permissions,
      },
      disks: plan.disks.map((disk) => ({
        lun: disk.key === 'os' ? undefined : disk.key,
        kind: disk.key === 'os' ? 'os' : 'data',
        id: disk.diskId,
        sizeBytes: disk.sizeBytes,
        caching: disk.caching,
        snapshot: snapshotOf(result, disk.key),
        replicas: finishedReplicas(result, disk.key).map((finished) => ({
          number: finished.replica.number,
          url: finished.replica.url,
          storageAccountId: finished.replica.account.id,
          location: finished.replica.account.location,
          lengthBytes: finished.lengthBytes,
          etag: finished.etag,
          ...(finished.kind === 'copied'
            ? { copied: true, ...copyFacts(finished) }
            : { copied: false }),
        })),
      })),
    }),
    failedReplicas: (capture?.outcomes ?? []).flatMap((outcome) =>
      outcome.kind === 'failed'
        ? [{ url: outcome.replica.url, reason: outcome.error.message }]
        : [],
    ),
    traffic: trafficFacts(capture?.traffic),
    findings: findings.map(({ rule, level, message }) => ({ rule, level, message })),
    missingPermissions: result.missing,
    phases: phases.map(({ name, startedAt, endedAt, succeeded }) => ({
      name,
      startedAt: new Date(startedAt).toISOString(),
      seconds: (endedAt - startedAt) / 1000,
      succeeded,
    })),
    leftBehind: result.leaks.map(({ command, reason }) => ({ command, reason })),
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** How a replica was made, and what was proven of it. */
function copyFacts(copied: Copied): object {
  const { method, copyId, seconds, proof, retries } = copied;
  const { movedBytes, resumedBytes, fromExports, fromReplicas } = copied;
  return {
    method,
    copyId,
    seconds,
    movedBytes,
    resumedBytes,
    fromExports,
    fromReplicas,
    retries,
    proof,
  };
}

function trafficFacts(traffic: Traffic | undefined): Omit<Traffic, 'samples'> | undefined {
  if (traffic === undefined) return undefined;
  const { putPages, otherCalls, movedBytes, savedBytes } = traffic;
  return { putPages, otherCalls, movedBytes, savedBytes };
}

/** A snapshot that is kept is named with its ID, one that is deleted by what tells it from others. */
function snapshotOf(result: Result, key: 'os' | number): object | undefined {
  const taken = result.capture?.snapshots.find(({ disk }) => disk.key === key);
  if (taken === undefined || result.plan === undefined) return undefined;
  const isKept = result.plan.keepSnapshots && result.failure === undefined;
  return { uniqueId: taken.snapshot.uniqueId, ...(isKept && { id: taken.disk.snapshotId }) };
}
