/** Facts about Azure as the survey finds them: plain data, named as Azure names it. */

export type OsType = 'Linux' | 'Windows';
export type PowerState =
  'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated' | 'unknown';

export interface VirtualMachine {
  readonly id: string;
  readonly vmId: string | undefined;
  readonly name: string;
  readonly location: string;
  /** Such as `Standard_D2s_v5`. */
  readonly size: string;
  readonly osType: OsType;
  readonly powerState: PowerState;
  /** `OSState/generalized` is among its statuses: it can never start again. */
  readonly isGeneralized: boolean;
  readonly provisioningState: string;
  /** What the VM agent last told of itself; `unknown` where it told nothing, as of a VM that is off. */
  readonly agent: 'ready' | 'notReady' | 'unknown';
  /** False where its profile forbids extensions and run commands. */
  readonly allowsExtensions: boolean;
  /** The account that Azure made in the guest. */
  readonly adminUser: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly securityType: 'TrustedLaunch' | 'ConfidentialVM' | undefined;
  readonly isEncryptedAtHost: boolean;
  readonly hyperVGeneration: 'V1' | 'V2' | undefined;
  readonly plan: PurchasePlan | undefined;
  readonly extensions: readonly string[];
  /** Of a VM that a scale set has. */
  readonly scaleSetId: string | undefined;
  readonly osDisk: AttachedDisk & { readonly isEphemeral: boolean };
  readonly dataDisks: readonly (AttachedDisk & { readonly lun: number })[];
  /** What an earlier run has done to its guest, where that is known and nothing has started it since. */
  readonly guestRecord?: GuestRecord;
}

/** The record that a deprovisioning keeps on the serial console of a Linux guest. */
export interface GuestRecord {
  /** 32 hexadecimal digits. */
  readonly marker: string;
  /** `done` when the guest was deprovisioned and is off, `working` while it is at it. */
  readonly state: 'done' | 'working';
}

export interface PurchasePlan {
  readonly name: string;
  readonly product: string;
  readonly publisher: string;
}

export interface AttachedDisk {
  readonly name: string;
  /** Undefined for an unmanaged disk. */
  readonly diskId: string | undefined;
  /** URI of the page blob of an unmanaged disk. */
  readonly unmanagedUri: string | undefined;
  /** `None`, `ReadOnly` or `ReadWrite`. */
  readonly caching: string;
  /** Azure Disk Encryption as the VM model tells it. */
  readonly isGuestEncrypted: boolean;
}

export interface Disk {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly sku: string;
  readonly sizeBytes: number;
  readonly diskState: string;
  readonly hyperVGeneration: 'V1' | 'V2' | undefined;
  readonly isGuestEncrypted: boolean;
  /** The disk encryption set of customer-managed keys. */
  readonly encryptionSetId: string | undefined;
  /** Its settings that keep it from being exported to anybody with a SAS. */
  readonly exportLimits: readonly string[];
  readonly maxShares: number;
  readonly logicalSectorSizeBytes: number;
}

export interface Snapshot {
  readonly id: string;
  /** Changes with every snapshot, also under the same name. */
  readonly uniqueId: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** A snapshot as a list of snapshots tells it. */
export interface ListedSnapshot extends Snapshot {
  /** ISO 8601, from Azure. */
  readonly timeCreated: string | undefined;
  /** `ActiveSAS` while it is open for reading. */
  readonly diskState: string | undefined;
  /** The disk that it was taken of. */
  readonly sourceId: string | undefined;
}

export interface StorageAccount {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly kind: string;
  readonly sku: string;
  /** As the account tells it, without the last slash. */
  readonly blobEndpoint: string;
  readonly isHnsEnabled: boolean;
  /** Version-level immutability is on for the whole account. */
  readonly isImmutable: boolean;
  readonly allowedCopyScope: string | undefined;
  /** False where account keys, and SAS signed with them, are refused. */
  readonly allowsSharedKey: boolean;
  /** How long a SAS of the account may last at most, as `d.hh:mm:ss`. */
  readonly sasPeriod: string | undefined;
  readonly provisioningState: string;
}

/** What holds for all blobs of an account. */
export interface BlobService {
  /** Days that a deleted blob is kept; 0 without soft delete. */
  readonly softDeleteDays: number;
}

/** An account of Azure Batch. */
export interface BatchAccount {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  /** `BatchService`, or `UserSubscription` for pools in its own subscription. */
  readonly poolAllocationMode: string;
}

export interface Lock {
  readonly name: string;
  /** `CanNotDelete` or `ReadOnly`. */
  readonly level: string;
  /** What it is on: a resource, a group or a subscription, with everything below. */
  readonly scope: string;
}

/** What a role grants: https://learn.microsoft.com/rest/api/authorization/permissions */
export interface Permission {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  /** Undefined where the answer does not speak of data actions. */
  readonly dataActions: readonly string[] | undefined;
  readonly notDataActions: readonly string[];
}

/** A fact that was asked for: found, not there, or not to be seen. */
export type Lookup<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string };

/** A container as its properties tell it. */
export interface ContainerState {
  /** A time-based retention policy is on it. */
  readonly hasImmutabilityPolicy: boolean;
  readonly hasLegalHold: boolean;
}

/** A blob as its properties tell it. */
export interface BlobState {
  readonly url: string;
  readonly etag: string;
  readonly blobType: string;
  readonly lengthBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly isLeased: boolean;
  readonly copy: CopyState | undefined;
}

/** A blob as a list of blobs tells it. */
export interface ListedBlob extends BlobState {
  /** In its container, not encoded. */
  readonly name: string;
  /** ISO 8601. */
  readonly lastModified: string;
  /** Where its last Copy Blob read from, without the query, which may be a SAS. */
  readonly copiedFrom: string | undefined;
}

export interface CopyState {
  readonly id: string;
  readonly status: string;
  readonly description: string | undefined;
  readonly copiedBytes: number;
}

/** Bytes of a disk's export or of a page blob. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}
