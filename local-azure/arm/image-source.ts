import { invalidParameter, operationNotAllowed, sourceNotFound } from './arm-error.ts';
import type { Arm } from './call.ts';
import type { ImageDisk, ImageRequest } from './image-request.ts';
import type { ImageDiskParts, ImageParts } from './image.ts';
import type { Platform } from './managed-disk.ts';
import { missingParameter } from './request-body.ts';
import { isSameLocation, nameOf } from './resource-id.ts';
import type { VirtualMachine } from './virtual-machine.ts';

type Contents = Pick<
  ImageParts,
  'sourceVirtualMachineId' | 'hyperVGeneration' | 'osType' | 'osState' | 'osDisk' | 'dataDisks'
>;

/** Finds what an image shall be made of; an ArmError for a source that is missing or not ready. */
export async function findImageContents(arm: Arm, request: ImageRequest): Promise<Contents> {
  const { from, location } = request;
  if (from.kind === 'vm') return contentsOfVm(arm, request, from.id);
  const osDisk = await findDisk(arm, from.osDisk, location);
  const dataDisks = await Promise.all(
    from.dataDisks.map(async ({ lun, ...disk }) => ({
      lun,
      ...(await findDisk(arm, disk, location)),
    })),
  );
  const hyperVGeneration = request.hyperVGeneration ?? generationOf(osDisk.source?.platform);
  // Recorded for a blob, of which the generation cannot be worked out.
  if (hyperVGeneration === undefined) throw missingParameter('hyperVGeneration');
  return {
    sourceVirtualMachineId: undefined,
    ...{ hyperVGeneration, osType: from.osType, osState: from.osState, osDisk, dataDisks },
  };
}

function contentsOfVm(arm: Arm, request: ImageRequest, id: string): Contents {
  const vm = arm.world.resources.virtualMachine(id);
  if (vm === undefined || !isSameLocation(vm.location, request.location)) {
    throw sourceNotFound(nameOf(id));
  }
  requireCapturable(vm);
  const { model, disks } = vm.parts;
  const [osDisk, ...dataDisks] = disks.map(({ scenario: given, place, disk }) => ({
    lun: place === 'os' ? -1 : place,
    source: disk,
    disk: {
      source:
        disk === undefined
          ? { kind: 'blob' as const, uri: given.unmanagedUri ?? '' }
          : { kind: 'managedDisk' as const, id: disk.id },
      caching: given.caching ?? (place === 'os' ? 'ReadWrite' : 'None'),
      storageAccountType: disk?.sku,
    },
  }));
  if (osDisk === undefined) throw sourceNotFound(vm.name);
  return {
    sourceVirtualMachineId: vm.id,
    hyperVGeneration: request.hyperVGeneration ?? model.hyperVGeneration,
    osType: model.osType,
    osState: 'Generalized',
    osDisk: { disk: osDisk.disk, source: osDisk.source },
    dataDisks,
  };
}

/** A disk with an operating system is of the second generation unless it says otherwise. */
function generationOf(platform: Platform | undefined): string | undefined {
  if (platform?.osType === undefined) return undefined;
  return platform.hyperVGeneration ?? 'V2';
}

/** The words are those that users report for a capture; for an image they are not recorded. */
function requireCapturable(vm: VirtualMachine): void {
  if (!vm.isGeneralized) {
    throw operationNotAllowed(
      'Capture operation cannot be completed because the VM is not generalized.',
    );
  }
  const { securityType } = vm.parts.model;
  if (securityType === undefined) return;
  // https://learn.microsoft.com/azure/virtual-machines/capture-image-resource: only a gallery takes them.
  throw operationNotAllowed(
    `Operation 'Create Image' is not supported for VM '${vm.name}' with security type '${securityType}'.`,
  );
}

async function findDisk(arm: Arm, disk: ImageDisk, location: string): Promise<ImageDiskParts> {
  const { source } = disk;
  if (source.kind === 'blob') {
    await requireBlob(arm, source.uri);
    return { disk, source: undefined };
  }
  const { resources } = arm.world;
  const found =
    source.kind === 'snapshot' ? resources.snapshot(source.id) : resources.disk(source.id);
  if (found === undefined || !isSameLocation(found.location, location)) {
    throw sourceNotFound(nameOf(source.id));
  }
  return { disk, source: found };
}

/** A blob has to be there whole; only the words for an unfinished copy are reported. */
async function requireBlob(arm: Arm, uri: string): Promise<void> {
  const blobs = await arm.world.blobs.list();
  const found = blobs.find(({ url }) => url === uri);
  if (found === undefined) throw invalidParameter(`Source blob ${uri} does not exist.`);
  if (found.blobType !== 'PageBlob') {
    throw invalidParameter(`Source blob ${uri} is of type ${found.blobType}, not PageBlob.`);
  }
  if (found.copyStatus === undefined || found.copyStatus === 'success') return;
  const status = `Copy${found.copyStatus.charAt(0).toUpperCase()}${found.copyStatus.slice(1)}`;
  throw invalidParameter(
    `Cannot import source blob ${uri} since it has not been completely copied yet. Copy status of the blob is ${status}.`,
  );
}
