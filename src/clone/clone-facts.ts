import type { OsType, PowerState, PurchasePlan } from '../facts.ts';

/** Facts about a VM that a copy of it, or its deletion, has to know: plain data, named as Azure names it. */
export interface CloneFacts {
  readonly id: string;
  readonly vmId: string | undefined;
  readonly name: string;
  readonly location: string;
  readonly size: string;
  /** Where the VM has another number of cores than its size. */
  readonly sizeProperties:
    | { readonly vCpusAvailable: number | undefined; readonly vCpusPerCore: number | undefined }
    | undefined;
  readonly zones: readonly string[];
  readonly osType: OsType;
  readonly powerState: PowerState;
  readonly isGeneralized: boolean;
  readonly securityType: string | undefined;
  readonly secureBoot: boolean | undefined;
  readonly vTpm: boolean | undefined;
  readonly encryptionAtHost: boolean | undefined;
  /** `SCSI` or `NVMe`. */
  readonly diskController: string | undefined;
  readonly plan: PurchasePlan | undefined;
  readonly licenseType: string | undefined;
  /** The OS disk first, then the data disks by LUN. */
  readonly disks: readonly CloneDisk[];
  readonly interfaces: readonly {
    readonly id: string;
    readonly isDeletedWithVm: boolean;
  }[];
  /** What a copy does not get, in words. */
  readonly notCarried: readonly string[];
  /** Of a VM in an edge zone. */
  readonly edgeZone: string | undefined;
}

/** A disk of a VM, and how it is attached. */
export interface CloneDisk {
  readonly key: 'os' | number;
  readonly name: string;
  /** Undefined for an unmanaged disk. */
  readonly diskId: string | undefined;
  readonly caching: string;
  readonly isDeletedWithVm: boolean;
  readonly sku: string;
  readonly zones: readonly string[];
  /** By Azure Disk Encryption. */
  readonly isGuestEncrypted: boolean;
  /** Customer-managed keys. */
  readonly encryption: { readonly type: string; readonly setId: string } | undefined;
}

/** What a VM's agent tells of itself. */
export interface AgentReport {
  /** Of the machine that Azure runs now. */
  readonly vmId: string | undefined;
  readonly powerState: PowerState;
  readonly isReady: boolean;
  /** Milliseconds since 1970; undefined when it never reported. */
  readonly reportedAt: number | undefined;
  /** When the VM was made, in milliseconds since 1970. */
  readonly madeAt: number | undefined;
}

/** A size of VMs in a region. */
export interface VmSize {
  readonly name: string;
  /** Whose quota it takes, such as `standardDSv5Family`. */
  readonly family: string;
  readonly vCpus: number;
  /** Whether a VM of it has a local disk beside its managed ones. */
  readonly hasTemporaryDisk: boolean;
  /** Why the subscription does not get it there, such as `NotAvailableForSubscription`. */
  readonly restrictions: readonly {
    readonly reason: string;
    /** The zones that it is restricted in; none when it is the whole region. */
    readonly zones: readonly string[];
  }[];
}

/** How much of a quota is used. */
export interface Usage {
  /** A family of sizes, or `cores` for the whole region. */
  readonly name: string;
  readonly used: number;
  readonly limit: number;
}
