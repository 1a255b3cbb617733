import { bootImage } from '../disks/booted-image.ts';
import type { ScenarioGuest } from '../scenario-guest.ts';
import type { ScenarioDisk } from '../scenario.ts';
import type { DiskImage, Resource, ResourceBody } from '../world.ts';
import { AccessSlot } from './access-grant.ts';
import { formatTime } from './azure-time.ts';
import { nameOf } from './resource-id.ts';
import { uuidFrom } from './uuid.ts';

/** Who uses a disk; only a VM that is deallocated lets go of its bytes. */
export interface DiskOwner {
  readonly id: string;
  readonly powerState: string;
}

/** What runs from a disk; a data disk has none of it. */
export interface Platform {
  readonly osType: 'Linux' | 'Windows' | undefined;
  readonly hyperVGeneration: 'V1' | 'V2' | undefined;
  readonly securityType: 'TrustedLaunch' | 'ConfidentialVM' | undefined;
}

/** The operating system on a disk, as it acts when a VM boots from it. */
export interface BootableSystem {
  readonly guest: ScenarioGuest;
  readonly agent: 'ready' | 'notReady' | 'absent';
  readonly computerName: string;
}

/** What a disk is made of. */
export interface DiskParts extends Platform {
  readonly id: string;
  readonly location: string;
  readonly scenario: ScenarioDisk;
  readonly image: DiskImage;
  readonly timeCreated: Date;
  readonly zones?: readonly string[];
  /** What boots from it; a copy of the disk has it too. */
  readonly system?: BootableSystem | undefined;
  /** Marketplace plan of the image that it was made from; its copies keep it. */
  readonly plan?: Readonly<Record<string, string>> | undefined;
  /** Of a disk that a client made. Default: as the disks of VMs have it. */
  readonly creationData?: Readonly<Record<string, string>>;
}

/** A managed disk: its bytes, who uses it and whether a SAS is out. */
export class ManagedDisk implements Resource {
  readonly type = 'Microsoft.Compute/disks';
  readonly id: string;
  readonly location: string;
  readonly uniqueId: string;
  readonly access = new AccessSlot();
  readonly parts: DiskParts;
  tags: Readonly<Record<string, string>>;
  provisioningState: 'Updating' | 'Succeeded' | 'Failed' | 'Deleting' = 'Succeeded';
  owner: DiskOwner | undefined;
  #boots = 0;

  constructor(parts: DiskParts) {
    this.parts = parts;
    this.id = parts.id;
    this.location = parts.location;
    this.tags = parts.scenario.tags ?? {};
    this.uniqueId = uuidFrom(parts.id);
  }

  get image(): DiskImage {
    return this.#boots === 0 ? this.parts.image : bootImage(this.parts.image, this.#boots);
  }

  /** A system starts from it, and writes to it. */
  boot(): void {
    this.#boots += 1;
  }

  get platform(): Platform {
    const { osType, hyperVGeneration, securityType } = this.parts;
    return { osType, hyperVGeneration, securityType };
  }

  get zones(): readonly string[] {
    return this.parts.zones ?? [];
  }

  get system(): BootableSystem | undefined {
    return this.parts.system;
  }

  get plan(): Readonly<Record<string, string>> | undefined {
    return this.parts.plan;
  }

  get sku(): string {
    return this.parts.scenario.sku ?? 'Premium_LRS';
  }

  get sizeGiB(): number {
    return Math.ceil(this.image.sizeBytes / 2 ** 30);
  }

  get diskState(): string {
    if (this.access.isActive) return 'ActiveSAS';
    if (this.owner === undefined) return 'Unattached';
    return this.owner.powerState === 'deallocated' ? 'Reserved' : 'Attached';
  }

  get body(): ResourceBody {
    const { scenario } = this.parts;
    return {
      name: nameOf(this.id),
      id: this.id,
      type: this.type,
      location: this.location,
      tags: { ...this.tags },
      ...(this.owner === undefined ? {} : { managedBy: this.owner.id }),
      ...(this.zones.length === 0 ? {} : { zones: this.zones }),
      sku: { name: this.sku, tier: tierOf(this.sku) },
      properties: {
        ...platformOf(this.parts),
        ...(this.plan === undefined ? {} : { purchasePlan: this.plan }),
        creationData: this.parts.creationData ?? {
          createOption: this.parts.osType === undefined ? 'Empty' : 'FromImage',
        },
        diskSizeGB: this.sizeGiB,
        diskIOPSReadWrite: 500,
        diskMBpsReadWrite: 60,
        encryption: { type: 'EncryptionAtRestWithPlatformKey' },
        networkAccessPolicy: 'AllowAll',
        publicNetworkAccess: 'Enabled',
        timeCreated: formatTime(this.parts.timeCreated),
        provisioningState: this.provisioningState,
        diskState: this.diskState,
        diskSizeBytes: this.image.sizeBytes,
        uniqueId: this.uniqueId,
        ...scenario.properties,
      },
    };
  }
}

/** The properties that say what runs from a disk; a data disk has none of them. */
export function platformOf(platform: Platform): Record<string, unknown> {
  const { osType, hyperVGeneration, securityType } = platform;
  if (osType === undefined) return {};
  return {
    osType,
    hyperVGeneration: hyperVGeneration ?? 'V2',
    supportedCapabilities: { architecture: 'x64' },
    ...(securityType === undefined
      ? {}
      : { securityProfile: { securityType: diskSecurityType(securityType) } }),
  };
}

/** The tier of a SKU: `Premium` of `Premium_LRS`. */
export function tierOf(sku: string): string {
  return sku.split('_')[0] ?? sku;
}

function diskSecurityType(securityType: 'TrustedLaunch' | 'ConfidentialVM'): string {
  return securityType === 'TrustedLaunch'
    ? securityType
    : 'ConfidentialVM_VMGuestStateOnlyEncryptedWithPlatformKey';
}
