import { InputReader, type ReadInput } from './input-reader.ts';
import type { CopyOutbound } from './clone/copy-network.ts';
import { parseResourceId } from './resource-id.ts';

/** How the action signs in. */
export type Identity =
  | {
      readonly kind: 'oidc';
      readonly clientId: string;
      readonly tenantId: string;
      readonly audience: string;
    }
  | {
      readonly kind: 'client-secret';
      readonly clientId: string;
      readonly tenantId: string;
      readonly clientSecret: string;
    }
  | { readonly kind: 'ambient' };

export type Environment =
  | { readonly kind: 'named'; readonly name: EnvironmentName }
  | { readonly kind: 'custom'; readonly resourceManagerEndpoint: string };

export type EnvironmentName = (typeof environmentNames)[number];
export type Generalize = (typeof generalizeModes)[number];
export type Source = (typeof sources)[number];
export type DeleteSource = (typeof deletions)[number];
export type SourcePower = (typeof sourcePowers)[number];
export type IfExists = (typeof ifExistsModes)[number];
export type SnapshotSku = (typeof snapshotSkus)[number];
export type CopyMethod = (typeof copyMethods)[number];
export type Verify = (typeof verifyModes)[number];

/** What identifies a resource in a subscription. */
export interface ResourceTarget {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/** What tells the clouds and the caller; all that the post step needs. */
export interface SignInInputs {
  readonly identity: Identity;
  readonly environment: Environment;
}

/** Everything that the workflow asked for, typed and checked; no network was needed. */
export interface Inputs extends SignInInputs {
  readonly vm: ResourceTarget;
  readonly source: Source;
  /** Resource ID of the subnet that a copy goes to; undefined for a network of its own. */
  readonly copySubnet: string | undefined;
  readonly copyOutbound: CopyOutbound;
  readonly deleteSource: DeleteSource;
  readonly sourcePower: SourcePower;
  readonly generalize: Generalize;
  /** Linux: whether the account that Azure made goes, with its home. */
  readonly deprovisionUser: boolean;
  readonly deprovisionTimeoutInMinutes: number;
  /** Extensions are removed before the guest is deprovisioned. */
  readonly removeExtensions: boolean;
  /** All, none, or those at these LUNs. */
  readonly dataDisks: 'all' | 'none' | readonly number[];
  /** Names (looked up in the subscription) or resource IDs, in the order given. */
  readonly storageAccounts: readonly string[];
  readonly container: string;
  readonly blobName: string;
  readonly copies: Copies;
  readonly ifExists: IfExists;
  /** Undefined: the larger of 24 hours and what the plan expects. */
  readonly sasDurationInSeconds: number | undefined;
  readonly snapshotSku: SnapshotSku;
  /** Undefined: the VM's. */
  readonly snapshotResourceGroup: string | undefined;
  readonly keepSnapshots: boolean;
  readonly copyMethod: CopyMethod;
  /** Snapshots of one disk that are read side by side, at most. */
  readonly maxExports: number;
  readonly verify: Verify;
  /** What a failed run leaves half done stays for a re-run. */
  readonly keepPartial: boolean;
  /** Resource ID of the Batch account whose VHD pools the image is for. */
  readonly batchAccount: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Survey, checks and plan; nothing is changed. */
  readonly planOnly: boolean;
}

/** How many OS VHDs: so many, or enough for a Batch pool of so many nodes. */
export type Copies =
  | { readonly kind: 'replicas'; readonly count: number }
  | { readonly kind: 'pool-nodes'; readonly nodes: number };

/** Longest time that a disk or snapshot SAS may live: https://learn.microsoft.com/azure/virtual-machines/disks-sas-change */
export const MAX_SAS_DURATION_SECONDS = 5_184_000;
export const MAX_REPLICAS = 1000;
const MAX_EXPORTS = 50;
const MAX_DEPROVISION_MINUTES = 240;
const DEFAULT_DEPROVISION_MINUTES = 15;
const DEFAULT_EXPORTS = 10;

const environmentNames = ['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'] as const;
const generalizeModes = ['deprovision', 'mark', 'none'] as const;
const sources = ['vm', 'copy'] as const;
const outbounds = ['azure', 'none'] as const;
const deletions = ['none', 'vm'] as const;
const sourcePowers = ['deallocate', 'keep', 'restart'] as const;
const ifExistsModes = ['fail', 'skip', 'overwrite'] as const;
const snapshotSkus = ['Standard_LRS', 'Standard_ZRS', 'Premium_LRS'] as const;
const copyMethods = ['auto', 'page-ranges', 'copy-blob'] as const;
const verifyModes = ['checksums', 'full'] as const;
const placeholders = ['vm', 'run', 'disk', 'replica', 'account'];
/** Snapshots take 50 tags; seven are this action's own: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources */
const MAX_TAGS = 43;
const MIN_SAS_DURATION_SECONDS = 60;

/** Reads and checks all inputs. Throws one ActionError that lists every problem. */
export function readInputs(read: ReadInput): Inputs {
  const reader = new InputReader(read);
  const signIn = signInInputs(reader);
  const generalize = reader.choice('generalize', generalizeModes, 'deprovision');
  const inputs = {
    ...signIn,
    vm: vmTarget(reader),
    ...source(reader, generalize),
    deleteSource: reader.choice('delete-source', deletions, 'none'),
    sourcePower: reader.choice('source-power', sourcePowers, 'deallocate'),
    generalize,
    ...guest(reader, generalize),
    dataDisks: dataDisks(reader),
    storageAccounts: requiredStorageAccounts(reader),
    container: container(reader),
    blobName: blobName(reader),
    copies: copies(reader),
    ifExists: reader.choice('if-exists', ifExistsModes, 'fail'),
    sasDurationInSeconds: reader.integer(
      'sas-duration',
      MIN_SAS_DURATION_SECONDS,
      MAX_SAS_DURATION_SECONDS,
      'seconds',
    ),
    snapshotSku: reader.choice('snapshot-sku', snapshotSkus, 'Standard_LRS'),
    snapshotResourceGroup: resourceGroup(reader, 'snapshot-resource-group'),
    keepSnapshots: reader.boolean('keep-snapshots'),
    copyMethod: reader.choice('copy-method', copyMethods, 'auto'),
    maxExports: reader.integer('max-exports', 1, MAX_EXPORTS) ?? DEFAULT_EXPORTS,
    verify: reader.choice('verify', verifyModes, 'checksums'),
    keepPartial: reader.boolean('keep-partial'),
    batchAccount: batchAccount(reader),
    tags: tags(reader),
    planOnly: reader.boolean('plan-only'),
  };
  if (inputs.sourcePower !== 'deallocate' && generalize !== 'none') {
    reader.problem(
      'source-power',
      `must be "deallocate" with "generalize: ${generalize}", since a running VM cannot be generalized`,
      inputs.sourcePower,
    );
  }
  reportConflicts(reader, inputs);
  reader.throwProblems();
  return inputs;
}

/** Reads only what signing in needs. Throws one ActionError that lists every problem. */
export function readSignIn(read: ReadInput): SignInInputs {
  const reader = new InputReader(read);
  const inputs = signInInputs(reader);
  reader.throwProblems();
  return inputs;
}

/** What tells the clouds and the caller. */
export function signInInputs(reader: InputReader): SignInInputs {
  return { identity: identity(reader), environment: environment(reader) };
}

function identity(reader: InputReader): Identity {
  const clientId = reader.guid('client-id');
  const tenantId = reader.guid('tenant-id');
  const clientSecret = reader.text('client-secret');
  const audience = reader.text('oidc-audience') || 'api://AzureADTokenExchange';
  if (reader.text('client-id') === '') {
    if (clientSecret !== '') reader.missing('client-id', 'is needed with "client-secret"');
    if (tenantId !== '') reader.missing('client-id', 'is needed with "tenant-id"');
    return { kind: 'ambient' };
  }
  if (reader.text('tenant-id') === '') reader.missing('tenant-id', 'is needed with "client-id"');
  return clientSecret === ''
    ? { kind: 'oidc', clientId, tenantId, audience }
    : { kind: 'client-secret', clientId, tenantId, clientSecret };
}

function environment(reader: InputReader): Environment {
  const endpoint = reader.text('resource-manager-endpoint');
  const name = reader.choice('environment', environmentNames, 'AzureCloud');
  if (endpoint === '') return { kind: 'named', name };
  if (!/^https:\/\/[^/?#\s]+\/?$/.test(endpoint)) {
    reader.problem(
      'resource-manager-endpoint',
      'must be an https address without a path',
      endpoint,
    );
  }
  if (reader.text('environment') !== '' && name !== 'AzureCloud') {
    reader.problem('environment', 'cannot be given with "resource-manager-endpoint"', name);
  }
  return { kind: 'custom', resourceManagerEndpoint: endpoint.replace(/\/$/, '') };
}

function vmTarget(reader: InputReader): ResourceTarget {
  const id = reader.text('vm-id');
  const subscriptionId = reader.guid('subscription-id');
  const group = resourceGroup(reader, 'resource-group');
  const name = reader.text('vm-name');
  if (id !== '') {
    const vm = parseResourceId(id, 'Microsoft.Compute/virtualMachines');
    if (vm === undefined) {
      reader.problem('vm-id', 'must be the resource ID of a virtual machine', id);
      return { subscriptionId: '', resourceGroup: '', name: '' };
    }
    if (subscriptionId !== '' && subscriptionId.toLowerCase() !== vm.subscriptionId.toLowerCase()) {
      reader.problem('subscription-id', 'must be that of "vm-id", or not given', subscriptionId);
    }
    if (name !== '' || group !== undefined) {
      reader.problem('vm-id', 'cannot be given with "vm-name" or "resource-group"', id);
    }
    return vm;
  }
  if (name === '') reader.missing('vm-name', 'is needed, or "vm-id"');
  else if (!/^[A-Za-z0-9]([\w.-]{0,62}\w)?$/.test(name)) {
    reader.problem(
      'vm-name',
      'must be 1 to 64 letters, digits, dots, underscores and hyphens, with a letter or digit first and no dot or hyphen last',
      name,
    );
  }
  if (group === undefined) reader.missing('resource-group', 'is needed with "vm-name"');
  if (reader.text('subscription-id') === '') {
    reader.missing('subscription-id', 'is needed with "vm-name"');
  }
  return { subscriptionId, resourceGroup: group ?? '', name };
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
export function resourceGroup(reader: InputReader, input: string): string | undefined {
  const name = reader.text(input);
  if (name === '') return undefined;
  if (!/^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$/u.test(name)) {
    reader.problem(
      input,
      'must be the name of a resource group: 1 to 90 letters, digits, underscores, hyphens, dots and parentheses, without a dot at the end',
      name,
    );
  }
  return name;
}

/** What does not go together. */
function reportConflicts(reader: InputReader, inputs: Inputs): void {
  const { source, generalize, sourcePower, deleteSource, removeExtensions, keepPartial } = inputs;
  if (source === 'copy') {
    const untouched = 'with "source: copy", which never touches the VM';
    if (generalize !== 'deprovision') {
      reader.problem('generalize', 'must be "deprovision" with "source: copy"', generalize);
    }
    if (removeExtensions)
      reader.problem('remove-extensions', `must be "false" ${untouched}`, 'true');
    if (deleteSource === 'vm') reader.problem('delete-source', `must be "none" ${untouched}`, 'vm');
    if (keepPartial) {
      const rule =
        'must be "false" with "source: copy", since each attempt makes a copy of its own';
      reader.problem('keep-partial', rule, 'true');
    }
  }
  if (deleteSource === 'vm' && generalize === 'none') {
    const rule = 'must be "none" with "generalize: none", since the VM may have run on';
    reader.problem('delete-source', rule, deleteSource);
  } else if (deleteSource === 'vm' && sourcePower !== 'deallocate') {
    const rule = 'must be "none" with a VM that runs on';
    reader.problem('delete-source', `${rule} ("source-power: ${sourcePower}")`, deleteSource);
  }
}

/** Deprovisioning is one-way for what it is done to, so that there is no default then. */
function source(
  reader: InputReader,
  generalize: Generalize,
): Pick<Inputs, 'source' | 'copySubnet' | 'copyOutbound'> {
  const isAsked = ['', 'deprovision'].includes(reader.text('generalize'));
  if (reader.text('source') === '' && isAsked && generalize === 'deprovision') {
    reader.missing(
      'source',
      'is needed with "generalize: deprovision": "vm" deprovisions the VM itself, which never starts again, "copy" a copy of it',
    );
  }
  const chosen = reader.choice('source', sources, 'vm');
  const copySubnet = reader.text('copy-subnet').replace(/\/$/, '') || undefined;
  if (copySubnet !== undefined && !isSubnetId(copySubnet)) {
    reader.problem('copy-subnet', 'must be the resource ID of a subnet', copySubnet);
  }
  for (const input of ['copy-subnet', 'copy-outbound']) {
    const value = reader.text(input);
    if (chosen !== 'copy' && value !== '' && value !== 'azure') {
      reader.problem(input, 'can only be given with "source: copy"', value);
    }
  }
  const copyOutbound = reader.choice('copy-outbound', outbounds, 'azure');
  return { source: chosen, copySubnet, copyOutbound };
}

function isSubnetId(id: string): boolean {
  const [, network, subnet] = /^(.+)\/subnets\/([\w.-]+)$/i.exec(id) ?? [];
  const parsed = parseResourceId(network ?? '', 'Microsoft.Network/virtualNetworks');
  return parsed !== undefined && subnet !== undefined;
}

function guest(
  reader: InputReader,
  generalize: Generalize,
): Pick<Inputs, 'deprovisionUser' | 'deprovisionTimeoutInMinutes' | 'removeExtensions'> {
  const timeout = reader.integer('deprovision-timeout', 1, MAX_DEPROVISION_MINUTES, 'minutes');
  const removeExtensions = reader.boolean('remove-extensions');
  if (removeExtensions && generalize === 'none') {
    const rule = 'must be "false" with "generalize: none", since the VM is used again afterwards';
    reader.problem('remove-extensions', rule, 'true');
  }
  return {
    deprovisionUser:
      reader.choice('deprovision-user', ['true', 'false'] as const, 'true') === 'true',
    deprovisionTimeoutInMinutes: timeout ?? DEFAULT_DEPROVISION_MINUTES,
    removeExtensions,
  };
}

function dataDisks(reader: InputReader): Inputs['dataDisks'] {
  const entries = reader.list('data-disks');
  const [first = 'all'] = entries;
  if (entries.length <= 1 && (first === 'all' || first === 'none')) return first;
  const luns = entries.map((entry) => {
    if (!/^\d{1,2}$/.test(entry) || Number(entry) > 63) {
      reader.problem('data-disks', 'must be "all", "none" or LUNs from 0 to 63', entry);
    }
    return Number(entry);
  });
  reportTwice(reader, 'data-disks', luns.map(String));
  return luns;
}

function requiredStorageAccounts(reader: InputReader): readonly string[] {
  const accounts = storageAccounts(reader);
  if (accounts.length === 0) {
    reader.missing('storage-accounts', 'is needed: one or more names or resource IDs');
  }
  return accounts;
}

/** Names or resource IDs of storage accounts; none when none are given. */
export function storageAccounts(reader: InputReader): readonly string[] {
  const entries = reader.list('storage-accounts').map((entry) => entry.replace(/\/$/, ''));
  for (const entry of entries) {
    const isId = parseResourceId(entry, 'Microsoft.Storage/storageAccounts') !== undefined;
    if (!isId && !/^[a-z0-9]{3,24}$/.test(entry)) {
      reader.problem(
        'storage-accounts',
        'must be names of 3 to 24 lower-case letters and digits, or resource IDs of storage accounts',
        entry,
      );
    }
  }
  reportTwice(
    reader,
    'storage-accounts',
    entries.map((entry) => (entry.split('/').at(-1) ?? entry).toLowerCase()),
  );
  return entries;
}

/** https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata */
export function container(reader: InputReader): string {
  const name = reader.text('container') || 'vhds';
  if (!/^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) {
    reader.problem(
      'container',
      'must be 3 to 63 lower-case letters, digits and single hyphens, with a letter or digit at both ends',
      name,
    );
  }
  return name;
}

function blobName(reader: InputReader): string {
  const template = reader.text('blob-name') || '{vm}-{run}-{disk}-{replica}.vhd';
  if (template.includes('/') || template.includes('\\')) {
    reader.problem(
      'blob-name',
      "must not have a slash: Azure's disk service refuses such names",
      template,
    );
  }
  if (!template.endsWith('.vhd')) reader.problem('blob-name', 'must end in ".vhd"', template);
  for (const [placeholder, name] of template.matchAll(/\{([^{}]*)\}/g)) {
    if (!placeholders.includes(name ?? '')) {
      const known = placeholders.map((known) => `{${known}}`).join(', ');
      reader.problem('blob-name', `has an unknown placeholder (known: ${known})`, placeholder);
    }
  }
  if (/[{}]/.test(template.replace(/\{[^{}]*\}/g, ''))) {
    reader.problem('blob-name', 'must have its braces in pairs', template);
  }
  if (/[\p{Cc}"<>|*?#%:]/u.test(template)) {
    reader.problem('blob-name', 'must not have control characters or any of "<>|*?#%:', template);
  }
  return template;
}

function copies(reader: InputReader): Copies {
  const replicas = reader.integer('replicas', 1, MAX_REPLICAS);
  const nodes = reader.integer('pool-nodes', 1, MAX_REPLICAS * 20);
  if (replicas !== undefined && nodes !== undefined) {
    reader.problem('pool-nodes', 'cannot be given with "replicas"', String(nodes));
  }
  if (nodes !== undefined) return { kind: 'pool-nodes', nodes };
  return { kind: 'replicas', count: replicas ?? 1 };
}

function batchAccount(reader: InputReader): string | undefined {
  const id = reader.text('batch-account').replace(/\/$/, '');
  if (id === '') return undefined;
  if (parseResourceId(id, 'Microsoft.Batch/batchAccounts') === undefined) {
    reader.problem('batch-account', 'must be the resource ID of a Batch account', id);
  }
  return id;
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources */
function tags(reader: InputReader): Readonly<Record<string, string>> {
  const lines = reader.lines('tags');
  const pairs = lines.map((line) => {
    const at = line.indexOf('=');
    const name = line.slice(0, Math.max(at, 0)).trim();
    const value = line.slice(at + 1).trim();
    if (at < 1 || name === '') reader.problem('tags', 'must be lines of the form name=value', line);
    else if (name.length > 512 || /[<>%&\\?/]/.test(name)) {
      reader.problem('tags', 'must have names of at most 512 characters without <>%&\\?/', name);
    } else if (/^(azure|microsoft|windows|vm-to-vhd-)/i.test(name)) {
      const rule =
        'must not begin with "azure", "microsoft", "windows" or "vm-to-vhd-": these are reserved';
      reader.problem('tags', rule, name);
    }
    if (value.length > 256)
      reader.problem('tags', 'must have values of at most 256 characters', value);
    return [name, value] as const;
  });
  reportTwice(
    reader,
    'tags',
    pairs.map(([name]) => name.toLowerCase()).filter((name) => name !== ''),
  );
  if (pairs.length > MAX_TAGS) {
    reader.problem('tags', `must be at most ${MAX_TAGS}`, `${pairs.length} tags`);
  }
  return Object.fromEntries(pairs);
}

function reportTwice(reader: InputReader, input: string, entries: readonly string[]): void {
  const twice = new Set(entries.filter((entry, index) => entries.indexOf(entry) !== index));
  for (const entry of twice) reader.problem(input, 'must not name the same twice', entry);
}
