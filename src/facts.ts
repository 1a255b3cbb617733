/** Facts about Azure as the survey finds them: plain data, named as Azure names it. */

export type OsType = 'Linux' | 'Windows';
export type PowerState =
  'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated' | 'unknown';

export interface VirtualMachine {
  readonly id: string;
  readonly vmId: string | undefined;
  readonly name: string;
  readonly location: string;
  readonly osType: OsType;
  readonly powerState: PowerState;
  /** `OSState/generalized` is among its statuses: it can never start again. */
  readonly isGeneralized: boolean;
  readonly provisioningState: string;
  readonly securityType: 'TrustedLaunch' | 'ConfidentialVM' | undefined;
  readonly hyperVGeneration: 'V1' | 'V2' | undefined;
  readonly plan: PurchasePlan | undefined;
  readonly extensions: readonly string[];
  readonly osDisk: AttachedDisk & { readonly isEphemeral: boolean };
  readonly dataDisks: readonly (AttachedDisk & { readonly lun: number })[];
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
  readonly maxShares: number;
  readonly logicalSectorSizeBytes: number;
}

export interface Snapshot {
  readonly id: string;
  /** Changes with every snapshot, also under the same name. */
  readonly uniqueId: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
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
  readonly allowedCopyScope: string | undefined;
  readonly provisioningState: string;
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

export type ContainerState = 'present' | 'missing';

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

export interface CopyState {
  readonly id: string;
  readonly status: string;
  readonly description: string | undefined;
  readonly copiedBytes: number;
}
