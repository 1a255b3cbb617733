import { invalidParameter, sourceNotFound } from './arm-error.ts';
import type { Arm } from './call.ts';
import type { DiskRequest } from './disk-request.ts';
import { ManagedDisk } from './managed-disk.ts';
import { isSameLocation, nameOf } from './resource-id.ts';
import type { Snapshot } from './snapshot.ts';

const noPlatform = { osType: undefined, hyperVGeneration: undefined, securityType: undefined };

/** Makes a disk of what a PUT names; an ArmError for a source that is missing or elsewhere. */
export async function createDisk(arm: Arm, id: string, request: DiskRequest): Promise<ManagedDisk> {
  const { location, sku, tags, zones, createOption, sourceId, sizeGiB, properties } = request;
  const source = sourceId === undefined ? undefined : findSource(arm, sourceId, location);
  if (source !== undefined && sizeGiB !== undefined) requireSize(sizeGiB, source.sizeGiB);
  const name = nameOf(id);
  const image =
    source?.image ?? (await arm.world.images.open({ dataMiB: 0 }, name, (sizeGiB ?? 1) * 2 ** 30));
  return new ManagedDisk({
    ...{ id, location, image, scenario: { name, sku, tags, properties }, timeCreated: new Date() },
    ...(source?.platform ?? noPlatform),
    ...{ zones, system: source?.system, plan: source?.plan },
    creationData:
      source === undefined
        ? { createOption }
        : { createOption, sourceResourceId: source.id, sourceUniqueId: uniqueIdOf(source) },
  });
}

function findSource(arm: Arm, id: string, location: string): ManagedDisk | Snapshot {
  const { resources } = arm.world;
  const found = resources.snapshot(id) ?? resources.disk(id);
  if (found !== undefined && isSameLocation(found.location, location)) return found;
  throw sourceNotFound(nameOf(id));
}

function uniqueIdOf(source: ManagedDisk | Snapshot): string {
  return source instanceof ManagedDisk ? source.uniqueId : source.parts.uniqueId;
}

function requireSize(sizeGiB: number, sourceGiB: number): void {
  if (sizeGiB < sourceGiB) throw invalidParameter('Disks or snapshot cannot be resized down.');
  if (sizeGiB === sourceGiB) return;
  // Azure makes larger disks; the local Azure serves a copy as the bytes of its source.
  throw invalidParameter(
    `The local Azure makes no disk that is larger than its source (${sourceGiB} GiB).`,
  );
}
