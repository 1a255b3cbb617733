import type { DiskContent, FaultAction, Scenario } from './scenario.ts';

/** What the services of the local Azure share. One world lives from a start or reset to the next. */
export interface World {
  readonly scenario: Scenario;
  readonly hosts: Hosts;
  readonly identities: Identities;
  readonly resources: Resources;
  readonly images: DiskImages;
  readonly exports: DiskExports;
  readonly bootLogs: BootLogs;
  readonly blobs: BlobStore;
}

/** Which service a host name belongs to. */
export type Service = 'entra' | 'arm' | 'blob' | 'export' | 'github-oidc' | 'imds';

/** The cloud's real host names. */
export interface Hosts {
  /** The service of a host name, or undefined for a host outside Azure. */
  serviceOf(host: string): Service | undefined;
  readonly arm: string;
  readonly authority: string;
  /** `core.windows.net` and its like. */
  readonly storageSuffix: string;
  /** `<account>.blob.core.windows.net` */
  blobHost(account: string): string;
  /** The account of a blob host name. */
  accountOf(host: string): string | undefined;
  /** A new host name of a managed-disk export. */
  newExportHost(): string;
}

/** Who calls. */
export interface Principal {
  readonly name: string;
  readonly clientId: string;
  readonly objectId: string;
  readonly tenantId: string;
  readonly roleAssignments: readonly RoleAssignment[];
}

export interface Permissions {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
}

export interface RoleAssignment extends Permissions {
  readonly scope: string;
}

/** Why a token is refused; `code` and `message` as Azure Resource Manager words them. */
export interface TokenProblem {
  readonly code: string;
  readonly message: string;
}

export interface Identities {
  readonly principals: readonly Principal[];
  /** The caller of a request whose `Authorization` header is given; its token must be for one of the audiences. */
  verify(
    authorization: string | undefined,
    audiences: readonly string[],
  ): Promise<{ readonly principal: Principal } | { readonly problem: TokenProblem }>;
}

/** An ARM resource as it is kept: its JSON, and what the wire never shows. */
export interface Resource {
  readonly id: string;
  /** Default: the one in its body, which may have to be worked out first. */
  readonly type?: string;
  /** The JSON that a GET answers, without the parts that are worked out when asked. */
  body: ResourceBody;
  /** What the wire never shows, for the control address. */
  readonly unseen?: Readonly<Record<string, unknown>>;
}

export interface ResourceBody {
  id: string;
  name: string;
  type: string;
  location: string;
  tags?: Record<string, string>;
  properties: Record<string, unknown>;
  [key: string]: unknown;
}

/** All ARM resources, found by ID without regard to case. */
export interface Resources {
  get(id: string): Resource | undefined;
  ofType(type: string): readonly Resource[];
  /** A storage account by its name, which is unique in all of Azure. */
  account(name: string): Resource | undefined;
}

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** The bytes of a managed disk or snapshot, read as the fixed VHD that an export serves; never changed. */
export interface DiskImage {
  /** Of the disk, without the footer. */
  readonly sizeBytes: number;
  /** Data ranges of the disk in order, merged, aligned to 512 bytes; the footer is not among them. */
  readonly ranges: readonly ByteRange[];
  /** The last 512 bytes of the VHD. */
  readonly footer: Buffer;
  /** Bytes of the VHD (disk and footer). */
  read(start: number, end: number): Promise<Buffer>;
}

export interface DiskImages {
  /** Opens or makes the image of a disk of the scenario; `name` seeds what has no seed. */
  open(
    content: DiskContent | undefined,
    name: string,
    sizeBytes: number | undefined,
  ): Promise<DiskImage>;
}

/** A managed-disk export as its SAS opens it. */
export interface DiskExport {
  readonly policyId: string;
  /** Of the disk or snapshot. */
  readonly resourceId: string;
  readonly image: DiskImage;
  readonly etag: string;
  readonly grantedAt: Date;
}

/** Managed-disk exports: what beginGetAccess opens and endGetAccess closes. */
export interface DiskExports {
  /** A SAS URL with a stored access policy and no expiry in it, as Azure gives it. */
  grant(
    image: DiskImage,
    resourceId: string,
    durationInSeconds: number,
  ): { readonly accessSAS: string; readonly policyId: string };
  revoke(policyId: string): void;
  isActive(policyId: string): boolean;
  /** The export behind a URL: `missing` without a SAS or for an unknown host, `refused` for a SAS that is wrong or over. */
  open(url: URL): DiskExport | 'missing' | 'refused';
  /** Ends every SAS at once, or those whose resource ID is like that, as if their time were up. */
  endAll(resource?: RegExp): void;
}

/** Serial console logs of VMs, as retrieveBootDiagnosticsData opens them. */
export interface BootLogs {
  /** URLs with a SAS that lives for some minutes. */
  grant(log: {
    readonly vmName: string;
    readonly vmId: string;
    readonly minutes: number;
    readonly read: () => string;
  }): Readonly<Record<'consoleScreenshotBlobUri' | 'serialConsoleLogBlobUri', string>>;
  /** The log behind a URL: `missing` or `refused`, or undefined for a host that has none. */
  open(url: URL): { readonly text: string } | 'missing' | 'refused' | undefined;
}

/** The blobs of all accounts, as the control address shows them. */
export interface BlobStore {
  /** Makes the containers and blobs of the scenario. */
  seed(): Promise<void>;
  list(): Promise<readonly BlobState[]>;
}

export interface BlobState {
  readonly account: string;
  readonly container: string;
  readonly name: string;
  readonly url: string;
  readonly blobType: string;
  readonly contentLength: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly leaseState: string | undefined;
  readonly copyStatus: string | undefined;
}

/** What the edge hands to a service with a request: who the caller is for the call list, and what a fault asks of it. */
export interface CallContext {
  /** Faults that the service itself acts out. */
  readonly fault:
    | Extract<
        FaultAction,
        { kind: 'copy' | 'fail-operation' | 'source-answer' | 'source-modified' | 'vanish' }
      >
    | undefined;
}
