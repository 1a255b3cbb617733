import type { Resource, ResourceBody } from '../world.ts';
import type { ImageDisk } from './image-request.ts';
import type { ManagedDisk } from './managed-disk.ts';
import { nameOf } from './resource-id.ts';
import type { Snapshot } from './snapshot.ts';

/** A disk of an image, with what it comes from. */
export interface ImageDiskParts {
  readonly disk: ImageDisk;
  /** What a snapshot or disk is; nothing is read of a blob. */
  readonly source: ManagedDisk | Snapshot | undefined;
}

/** What an image is made of. */
export interface ImageParts {
  readonly id: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly sourceVirtualMachineId: string | undefined;
  readonly hyperVGeneration: string | undefined;
  readonly osType: string;
  readonly osState: string;
  readonly osDisk: ImageDiskParts;
  readonly dataDisks: readonly (ImageDiskParts & { readonly lun: number })[];
}

/** A managed image: which disks it is made of. */
export class Image implements Resource {
  readonly type = 'Microsoft.Compute/images';
  readonly id: string;
  readonly location: string;
  readonly parts: ImageParts;
  provisioningState: 'Creating' | 'Succeeded' | 'Failed' | 'Deleting' = 'Creating';

  constructor(parts: ImageParts) {
    this.parts = parts;
    this.id = parts.id;
    this.location = parts.location;
  }

  get body(): ResourceBody {
    const { sourceVirtualMachineId, hyperVGeneration, osType, osState, osDisk, dataDisks, tags } =
      this.parts;
    return {
      name: nameOf(this.id),
      id: this.id,
      type: this.type,
      location: this.location,
      tags: { ...tags },
      properties: {
        ...(sourceVirtualMachineId === undefined
          ? {}
          : { sourceVirtualMachine: { id: sourceVirtualMachineId } }),
        storageProfile: {
          osDisk: { osType, osState, ...this.#show(osDisk) },
          dataDisks: dataDisks.map(({ lun, ...disk }) => ({ lun, ...this.#show(disk) })),
        },
        provisioningState: this.provisioningState,
        ...(hyperVGeneration === undefined ? {} : { hyperVGeneration }),
      },
    };
  }

  /** The size shows once the image is there. */
  #show({ disk, source }: ImageDiskParts): Record<string, unknown> {
    const isShown = source !== undefined && this.provisioningState !== 'Creating';
    return {
      ...(isShown ? { diskSizeGB: source.sizeGiB } : {}),
      ...(disk.source.kind === 'blob'
        ? { blobUri: disk.source.uri }
        : { [disk.source.kind]: { id: disk.source.id } }),
      caching: disk.caching,
      storageAccountType: disk.storageAccountType ?? 'Standard_LRS',
    };
  }
}
