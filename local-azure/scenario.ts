import type { ScenarioGuest } from './scenario-guest.ts';

/** A scenario: what is there when the local Azure starts. The schema with descriptions is scenario.schema.json. */
export interface Scenario {
  /** Which cloud's host names are served. Default: AzureCloud. */
  readonly cloud?: CloudName;
  readonly tenantId: string;
  readonly subscriptions: readonly ScenarioSubscription[];
  readonly resourceGroups: readonly ScenarioResourceGroup[];
  readonly virtualMachines?: readonly ScenarioVirtualMachine[];
  readonly networks?: readonly ScenarioNetwork[];
  readonly disks?: readonly ScenarioFreeDisk[];
  readonly snapshots?: readonly ScenarioSnapshot[];
  readonly storageAccounts?: readonly ScenarioStorageAccount[];
  readonly batchAccounts?: readonly ScenarioBatchAccount[];
  readonly identities?: readonly ScenarioIdentity[];
  readonly locks?: readonly ScenarioLock[];
  readonly policies?: readonly ScenarioPolicy[];
  readonly github?: ScenarioGithub;
  /** Seconds that an access token lives. Default: 3600. */
  readonly tokenLifetimeSeconds?: number;
  /** Sent as Retry-After on every answer of a long-running operation; by default only where Azure sends it. */
  readonly retryAfterSeconds?: number;
  /** Whether the compute service refuses calls when their tokens are spent. Default: false. */
  readonly throttling?: boolean;
  readonly capacity?: ScenarioCapacity;
  readonly model?: ScenarioModel;
  readonly faults?: readonly FaultRule[];
  /** Host names outside Azure that the proxy lets through. Default: none. */
  readonly passThrough?: readonly string[];
}

export type CloudName = 'AzureCloud' | 'AzureUSGovernment' | 'AzureChinaCloud';

export interface ScenarioSubscription {
  readonly id: string;
  readonly name?: string;
}

export interface ScenarioResourceGroup {
  /** Default: the first subscription. */
  readonly subscriptionId?: string;
  readonly name: string;
  readonly location: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ScenarioVirtualMachine {
  readonly resourceGroup: string;
  readonly name: string;
  /** Default: the resource group's. */
  readonly location?: string;
  /** Default: Standard_D2s_v5. */
  readonly size?: string;
  readonly osType: 'Linux' | 'Windows';
  /** Default: V2. */
  readonly hyperVGeneration?: 'V1' | 'V2';
  /** Default: running. */
  readonly powerState?: 'running' | 'stopped' | 'deallocated';
  /** A stopped VM was powered off by its guest, and has to be powered off once more before it is generalized. */
  readonly stoppedFromInside?: boolean;
  readonly generalized?: boolean;
  /** Default: Succeeded. */
  readonly provisioningState?: 'Succeeded' | 'Updating' | 'Failed' | 'Deleting';
  /** Default: ready while the VM runs. */
  readonly agent?: 'ready' | 'notReady' | 'absent';
  readonly securityType?: 'TrustedLaunch' | 'ConfidentialVM';
  readonly plan?: { readonly name: string; readonly product: string; readonly publisher: string };
  readonly extensions?: readonly string[];
  /** Of Trusted Launch; none is shown by default. */
  readonly secureBoot?: boolean;
  readonly encryptionAtHost?: boolean;
  /** Availability zone of the VM and its disks. Default: none. */
  readonly zone?: string;
  readonly licenseType?: string;
  readonly diskController?: 'SCSI' | 'NVMe';
  /** A system-assigned identity. */
  readonly identity?: boolean;
  /** Default: off, without a diagnostics profile. */
  readonly bootDiagnostics?: 'managed' | 'off';
  /** What becomes of its network interface when the VM is deleted. Default: Detach, and not shown. */
  readonly nicDeleteOption?: 'Delete' | 'Detach';
  /** The resource group of its network, with the interface. Default: the VM's. */
  readonly networkGroup?: string;
  /** A public address at its interface. Default: false. */
  readonly publicAddress?: boolean;
  /** Merged into the VM resource's properties as they are (userData, availabilitySet, ...). */
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly guest?: ScenarioGuest;
  readonly tags?: Readonly<Record<string, string>>;
  readonly osDisk: ScenarioDisk;
  readonly dataDisks?: readonly (ScenarioDisk & { readonly lun: number })[];
}

/** What there is room for when a VM is made. */
export interface ScenarioCapacity {
  /** Cores that a subscription may use in a region. Default: 100. */
  readonly cores?: number;
  /** Cores of each family of sizes. Default: 100. */
  readonly familyCores?: number;
  /** Sizes that no region has at the moment. */
  readonly unavailableSizes?: readonly string[];
  /** How the operation that makes a VM fails, such as AllocationFailed. */
  readonly fails?: { readonly code: string; readonly message: string };
}

/** A virtual network beside those that the VMs have. */
export interface ScenarioNetwork {
  readonly resourceGroup: string;
  readonly name: string;
  /** Default: the resource group's. */
  readonly location?: string;
  /** Default: 10.1.0.0/16. */
  readonly addressPrefix?: string;
  /** Default: one with the name default and the first 256 addresses. */
  readonly subnets?: readonly { readonly name: string; readonly addressPrefix: string }[];
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ScenarioDisk {
  readonly name: string;
  /** Default: the VM's resource group. */
  readonly resourceGroup?: string;
  /** Whole GiB, as managed disks are. With a VHD file, its virtual size rounded up. */
  readonly sizeGiB?: number;
  /** Default: Premium_LRS. */
  readonly sku?: string;
  /** Default: ReadWrite for an OS disk, None for a data disk. */
  readonly caching?: 'None' | 'ReadOnly' | 'ReadWrite';
  readonly content?: DiskContent;
  /** An ephemeral OS disk (diffDiskSettings). */
  readonly ephemeral?: boolean;
  /** An unmanaged disk: the URI of its page blob. */
  readonly unmanagedUri?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Merged into the disk resource's properties as they are (encryptionSettingsCollection, maxShares, ...). */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** A managed disk that no VM uses. */
export type ScenarioFreeDisk = ScenarioDisk & {
  readonly resourceGroup: string;
  readonly osType?: 'Linux' | 'Windows';
};

export interface ScenarioSnapshot {
  readonly resourceGroup: string;
  readonly name: string;
  /** Resource ID of the disk that it was taken from. */
  readonly sourceDiskId: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Where a disk's bytes come from: a fixed VHD file, or pages made from a seed. */
export type DiskContent =
  | { readonly vhd: string }
  | {
      /** Any whole number; the same seed gives the same bytes. Default: from the disk's name. */
      readonly seed?: number;
      /** MiB of data, spread over the disk in runs with holes between them; 0 is an empty disk, its size a full one. Default: 1. */
      readonly dataMiB?: number;
      /** In place of dataMiB: data in as many places as wanted, a million too. */
      readonly extents?: ScenarioExtents;
    };

/** Data at regular distances, the first at the disk's start. Multiples of 512 bytes. */
export interface ScenarioExtents {
  readonly count: number;
  /** Of each. */
  readonly bytes: number;
  /** From the start of one to the start of the next. */
  readonly everyBytes: number;
}

export interface ScenarioStorageAccount {
  /** Default: the resource group's subscription. */
  readonly resourceGroup: string;
  readonly name: string;
  readonly location?: string;
  /** Default: StorageV2. */
  readonly kind?: 'StorageV2' | 'Storage' | 'BlobStorage' | 'BlockBlobStorage' | 'FileStorage';
  /** Default: Standard_LRS. */
  readonly sku?: string;
  readonly isHnsEnabled?: boolean;
  readonly allowSharedKeyAccess?: boolean;
  readonly allowedCopyScope?: 'AAD' | 'PrivateLink';
  /** Days that the account says it keeps deleted blobs. Default: none; what is deleted is gone either way. */
  readonly blobSoftDeleteDays?: number;
  /** Default: Allow. Deny refuses every call of the data plane as a firewall does. */
  readonly networkDefaultAction?: 'Allow' | 'Deny';
  readonly containers?: readonly ScenarioContainer[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Merged into the account resource's properties as they are. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

export interface ScenarioContainer {
  readonly name: string;
  /** A time-based retention policy keeps its blobs as they are once they are there. */
  readonly hasImmutabilityPolicy?: boolean;
  /** A legal hold does. */
  readonly hasLegalHold?: boolean;
  readonly blobs?: readonly ScenarioBlob[];
}

export interface ScenarioBlob {
  readonly name: string;
  readonly type: 'PageBlob' | 'BlockBlob';
  /** Bytes; a multiple of 512 for a page blob. Default: 512 zeros, or the text's length. */
  readonly sizeBytes?: number;
  readonly text?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Held under an infinite lease. */
  readonly leased?: boolean;
}

/** An account of Azure Batch, as far as its own GET shows it. */
export interface ScenarioBatchAccount {
  readonly resourceGroup: string;
  readonly name: string;
  /** Default: the resource group's. */
  readonly location?: string;
  /** Default: BatchService. */
  readonly poolAllocationMode?: 'BatchService' | 'UserSubscription';
  readonly tags?: Readonly<Record<string, string>>;
}

export interface ScenarioIdentity {
  readonly name: string;
  readonly clientId: string;
  readonly objectId?: string;
  readonly clientSecret?: string;
  readonly federatedCredentials?: readonly {
    readonly issuer: string;
    readonly subject: string;
    readonly audience: string;
  }[];
  /** Answered by the instance metadata address to this identity's client ID, or to a request that names none. */
  readonly managedIdentity?: boolean;
  readonly roleAssignments?: readonly ScenarioRoleAssignment[];
}

export interface ScenarioRoleAssignment {
  /** Name of a built-in role, or a role of the scenario's own. */
  readonly role:
    | string
    | {
        readonly actions?: readonly string[];
        readonly notActions?: readonly string[];
        readonly dataActions?: readonly string[];
        readonly notDataActions?: readonly string[];
      };
  /** Resource ID of the scope. Default: every subscription of the scenario. */
  readonly scope?: string;
}

export interface ScenarioLock {
  readonly scope: string;
  readonly level: 'CanNotDelete' | 'ReadOnly';
  readonly name?: string;
}

/** An assigned policy that denies the making or changing of resources. */
export interface ScenarioPolicy {
  readonly name: string;
  /** Resource ID of the scope. Default: every subscription of the scenario. */
  readonly scope?: string;
  /** Resource types that it is about. Default: all. */
  readonly types?: readonly string[];
  /** Only resources without this tag are denied. */
  readonly requiredTag?: string;
}

/** The workflow run that the GitHub OIDC endpoint speaks for. */
export interface ScenarioGithub {
  /** Default: octo-org/images. */
  readonly repository?: string;
  /** Numeric IDs; with both, the default subject has the newer form with IDs. */
  readonly repositoryOwnerId?: string;
  readonly repositoryId?: string;
  /** Default: repo:OWNER/REPOSITORY:ref:refs/heads/main, with IDs repo:OWNER@ID/REPOSITORY@ID:ref:refs/heads/main. */
  readonly subject?: string;
  /** Seconds that an assertion lives. Default: 300. */
  readonly assertionLifetimeSeconds?: number;
}

/** Times of the model, all off (0) by default; see docs/local-azure.md for where each figure comes from. */
export interface ScenarioModel {
  /** Fills in what is not given with fair figures of Azure. */
  readonly preset?: 'azure';
  /** What is drawn by chance follows from it. Default: 0. */
  readonly seed?: number;
  /** Milliseconds that every call to ARM takes. */
  readonly armLatencyMs?: number;
  /** Milliseconds from the start of a long-running operation to its end. */
  readonly operationMs?: Readonly<
    Partial<
      Record<
        | 'powerOff'
        | 'deallocate'
        | 'start'
        | 'snapshot'
        | 'grantAccess'
        | 'revokeAccess'
        | 'delete'
        | 'runCommand'
        | 'image'
        | 'disk'
        | 'network'
        | 'createVm'
        | 'deleteVm'
        | 'extension',
        number
      >
    >
  >;
  /** MiB per second of one asynchronous Copy Blob. */
  readonly copyMiBPerSecond?: number;
  readonly blobs?: ScenarioBlobModel;
}

/** Times and budgets of the blob service and of disk exports; what is not given is not limited. */
export interface ScenarioBlobModel {
  /** Milliseconds that a call takes at least: half of them less than p50, one in a hundred more than p99. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number };
  /** How many times that a call takes whose source is in another region. Default: 1. */
  readonly acrossRegionsFactor?: number;
  /** Of one blob. */
  readonly perBlob?: ScenarioBudget;
  /** Whether reads and writes of a blob share what it has, or have as much each. Default: shared. */
  readonly budgets?: 'shared' | 'split';
  /** Of one disk export. */
  readonly perExport?: ScenarioBudget;
  /** Of one account, all of its blobs together. */
  readonly perAccount?: ScenarioBudget;
  /** Milliseconds of work that may wait for a budget; calls beyond it get 503 ServerBusy, some from half of it on. Default: 0. */
  readonly longestQueueMs?: number;
  /** Sent as Retry-After with it. Default: none is sent. */
  readonly retryAfterSeconds?: number;
  /** MiB per second of one asynchronous Copy Blob from another region. Default: copyMiBPerSecond. */
  readonly copyAcrossMiBPerSecond?: number;
  /** Asynchronous copies into an account run one after another. Default: false. */
  readonly copiesInTurn?: boolean;
  /** They draw on the budgets of what they read and write. Default: false. */
  readonly copiesUseBudgets?: boolean;
  /** Milliseconds of a Copy Blob within an account. Default: as fast as it goes. */
  readonly ownCopyMs?: { readonly p50: number; readonly p99: number };
  /** Those within an account run one after another too. Default: false. */
  readonly ownCopiesInTurn?: boolean;
  /** Whether Put Page From URL reads a blob of an account that is being written. Default: allowed. */
  readonly readWhileWritten?: 'allowed' | 'refused';
  /** Milliseconds after its last write in which a blob still counts as being written. Default: 2000. */
  readonly writtenForMs?: number;
}

export interface ScenarioBudget {
  readonly mibPerSecond?: number;
  readonly requestsPerSecond?: number;
}

/** A fault: what answers instead of the service, or what happens beside its answer. */
export interface FaultRule {
  readonly match: FaultMatch;
  /** The first matching call that it strikes, from 1. Default: 1. */
  readonly nth?: number;
  /** How many calls it strikes from there; 0 is for ever. Default: 1, or 0 with a rate. */
  readonly times?: number;
  /** The share of the matching calls that it strikes, above 0 to 1. Default: 1. */
  readonly rate?: number;
  /** Which calls a rate strikes follows from it. Default: 0. */
  readonly seed?: number;
  /** It ends after so many matching calls, struck or not, or with the first call of another kind. */
  readonly until?: number | FaultMatch;
  readonly action: FaultAction;
}

/** Which calls are meant; all that is given must match. */
export interface FaultMatch {
  readonly method?: string;
  /** Regular expressions, tested without regard to case. The path is tested with its query. */
  readonly host?: string;
  readonly path?: string;
  /** Regular expressions by header; a header that is not there matches none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes: the call names a range (x-ms-range, Range) that is longer, or none at all. */
  readonly longerThan?: number;
}

export type FaultAction =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly code?: string;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Never answers; with `served` the service has done its work all the same. */
  | { readonly kind: 'hang'; readonly served?: boolean }
  /** Closes the connection before the call is served, or after so many bytes of the answer's body; 0 loses the answer. */
  | { readonly kind: 'drop'; readonly afterBytes?: number }
  /** Ends the SAS of disk exports, of those whose resource ID matches or of all, then lets the call through. */
  | { readonly kind: 'end-sas'; readonly resource?: string }
  /** Deletes the blob of the call, or its container with all blobs, then lets the call through. */
  | { readonly kind: 'vanish'; readonly what: 'blob' | 'container' }
  /** The source of this Put Page From URL or Copy Blob answers with an error, which its destination relays. */
  | {
      readonly kind: 'source-answer';
      readonly status: number;
      readonly code?: string;
      readonly message?: string;
    }
  /** What becomes of the Copy Blob that this call starts, once half of it is done. */
  | {
      readonly kind: 'copy';
      readonly end: 'failed' | 'source-ended' | 'aborted' | 'stalled' | 'vanished' | 'replaced';
    }
  /** The blob that this Put Page From URL or Copy Blob reads looks as if it were being written. Default: 412. */
  | { readonly kind: 'source-modified'; readonly status?: 304 | 412 }
  /** The long-running operation that this call starts ends as Failed (HTTP 200 on the poll). */
  | { readonly kind: 'fail-operation'; readonly code: string; readonly message: string };
