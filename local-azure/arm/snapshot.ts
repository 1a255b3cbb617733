import type { DiskImage, Resource, ResourceBody } from '../world.ts';
import { AccessSlot } from './access-grant.ts';
import { formatTime } from './azure-time.ts';
import { platformOf, tierOf } from './managed-disk.ts';
import type { BootableSystem, ManagedDisk, Platform } from './managed-disk.ts';
import { nameOf } from './resource-id.ts';

/** What a snapshot is made of. */
export interface SnapshotParts {
  readonly id: string;
  readonly source: ManagedDisk;
  readonly sku: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly incremental: boolean;
  readonly uniqueId: string;
  readonly timeCreated: Date;
}

/** A snapshot: the bytes that its source disk had, and whether a SAS is out. */
export class Snapshot implements Resource {
  readonly type = 'Microsoft.Compute/snapshots';
  readonly id: string;
  readonly location: string;
  readonly image: DiskImage;
  readonly access = new AccessSlot();
  readonly parts: SnapshotParts;
  sku: string;
  tags: Readonly<Record<string, string>>;
  /** Whether the copy is done: until then an answer shows neither size nor disk state. */
  isMade = false;
  provisioningState: 'Updating' | 'Succeeded' | 'Failed' | 'Deleting' = 'Updating';

  constructor(parts: SnapshotParts) {
    this.parts = parts;
    this.id = parts.id;
    this.location = parts.source.location;
    this.image = parts.source.image;
    this.sku = parts.sku;
    this.tags = parts.tags;
  }

  get sizeGiB(): number {
    return this.parts.source.sizeGiB;
  }

  get system(): BootableSystem | undefined {
    return this.parts.source.system;
  }

  get plan(): Readonly<Record<string, string>> | undefined {
    return this.parts.source.plan;
  }

  get platform(): Platform {
    return this.parts.source.platform;
  }

  get body(): ResourceBody {
    return this.isMade ? this.#whole() : this.#outline();
  }

  #outline(): ResourceBody {
    return {
      ...this.#head(),
      sku: { name: this.sku },
      properties: {
        creationData: { createOption: 'Copy', sourceResourceId: this.parts.source.id },
        incremental: this.parts.incremental,
        provisioningState: this.provisioningState,
      },
    };
  }

  #whole(): ResourceBody {
    const { source, timeCreated, uniqueId, incremental } = this.parts;
    return {
      ...this.#head(),
      sku: { name: this.sku, tier: tierOf(this.sku) },
      properties: {
        ...platformOf(source.parts),
        ...(this.plan === undefined ? {} : { purchasePlan: this.plan }),
        creationData: {
          createOption: 'Copy',
          sourceResourceId: source.id,
          sourceUniqueId: source.uniqueId,
        },
        diskSizeGB: source.sizeGiB,
        encryption: { type: 'EncryptionAtRestWithPlatformKey' },
        incremental,
        networkAccessPolicy: 'AllowAll',
        publicNetworkAccess: 'Enabled',
        timeCreated: formatTime(timeCreated),
        provisioningState: this.provisioningState,
        diskState: this.access.isActive ? 'ActiveSAS' : 'Unattached',
        diskSizeBytes: this.image.sizeBytes,
        uniqueId,
      },
    };
  }

  #head(): Pick<ResourceBody, 'name' | 'id' | 'type' | 'location' | 'tags'> {
    return {
      name: nameOf(this.id),
      id: this.id,
      type: this.type,
      location: this.location,
      tags: { ...this.tags },
    };
  }
}
