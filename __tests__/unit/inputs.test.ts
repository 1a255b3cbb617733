import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { ActionError } from '../../src/errors.ts';
import { readInputs, readSignIn, type Inputs } from '../../src/inputs.ts';
import { group, subscriptionId } from '../support/facts.ts';

type Given = Readonly<Record<string, string>>;

const vmId = `${group}/providers/Microsoft.Compute/virtualMachines/builder`;
const accountId = `${group}/providers/Microsoft.Storage/storageAccounts/imageswe1`;
const batchAccountId = `${group}/providers/Microsoft.Batch/batchAccounts/pools`;
const clientId = '8f4e2d1c-6b5a-4938-a7c6-d5e4f3a2b1c0';
const tenantId = '0d6f1a2b-7c3e-4f58-9a1d-2b3c4d5e6f70';
const subnetId = `${vmId.replace(/\/providers\/.*/, '')}/providers/Microsoft.Network/virtualNetworks/net/subnets/build`;
const least: Given = { 'vm-id': vmId, generalize: 'mark', 'storage-accounts': 'imageswe1' };
const named: Given = {
  ...least,
  'vm-id': '',
  'subscription-id': subscriptionId,
  'resource-group': 'images',
  'vm-name': 'builder',
};
const signIn: Given = { ...least, 'client-id': clientId, 'tenant-id': tenantId };
const vm = { subscriptionId, resourceGroup: 'images', name: 'builder' };

function inputsOf(given: Given): Inputs {
  return readInputs((name) => given[name] ?? '');
}

/** What is wrong with the inputs. */
function problemOf(given: Given): string {
  try {
    inputsOf(given);
  } catch (error) {
    if (error instanceof ActionError && error.code === 'input') return error.message;
    throw error;
  }
  return 'nothing';
}

function manyTags(count: number): string {
  return Array.from({ length: count }, (_, index) => `t${index}=x`).join('\n');
}

describe('good inputs', () => {
  test('three of them are enough, and the others have their defaults', () => {
    expect(inputsOf(least)).toMatchObject({
      identity: { kind: 'ambient' },
      environment: { kind: 'named', name: 'AzureCloud' },
      vm,
      source: 'vm',
      sourcePower: 'deallocate',
      generalize: 'mark',
      dataDisks: 'all',
      storageAccounts: ['imageswe1'],
      container: 'vhds',
      blobName: '{vm}-{run}-{disk}-{replica}.vhd',
      copies: { kind: 'replicas', count: 1 },
      ifExists: 'fail',
      sasDurationInSeconds: undefined,
      snapshotSku: 'Standard_LRS',
      snapshotResourceGroup: undefined,
      keepSnapshots: false,
      tags: {},
    });
  });

  const none = { ...least, generalize: 'none' };
  const oidc = { kind: 'oidc', clientId, tenantId, audience: 'api://AzureADTokenExchange' };
  const secret = { kind: 'client-secret', clientId, tenantId, clientSecret: 's3cret' };
  const endpoint = 'https://management.local.azurestack.external';
  const custom = { environment: { kind: 'custom', resourceManagerEndpoint: endpoint } };
  test.each<readonly [string, Given, object]>([
    ['a VM by its parts', named, { vm }],
    [
      'a VM ID in other case and with a slash',
      { ...least, 'vm-id': `${vmId.replace('resourceGroups', 'RESOURCEGROUPS')}/` },
      { vm },
    ],
    ['a VM name of one letter', { ...named, 'vm-name': 'a' }, { vm: { ...vm, name: 'a' } }],
    [
      'a resource group with letters of the world',
      { ...named, 'resource-group': 'Bücher_(1).x' },
      { vm: { ...vm, resourceGroup: 'Bücher_(1).x' } },
    ],
    ['OIDC', signIn, { identity: oidc }],
    [
      'OIDC with another audience',
      { ...signIn, 'oidc-audience': 'api://x' },
      { identity: { ...oidc, audience: 'api://x' } },
    ],
    ['a client secret', { ...signIn, 'client-secret': 's3cret' }, { identity: secret }],
    [
      'another cloud',
      { ...least, environment: 'AzureUSGovernment' },
      { environment: { kind: 'named', name: 'AzureUSGovernment' } },
    ],
    [
      'the cloud of China',
      { ...least, environment: 'AzureChinaCloud' },
      { environment: { kind: 'named', name: 'AzureChinaCloud' } },
    ],
    ['a cloud by its address', { ...least, 'resource-manager-endpoint': `${endpoint}/` }, custom],
    [
      'an address beside the default environment',
      { ...least, environment: 'AzureCloud', 'resource-manager-endpoint': endpoint },
      custom,
    ],
    [
      'a copy in a subnet that reaches nothing',
      {
        ...least,
        generalize: '',
        source: 'copy',
        'copy-subnet': `${subnetId}/`,
        'copy-outbound': 'none',
      },
      {
        source: 'copy',
        generalize: 'deprovision',
        copySubnet: subnetId,
        copyOutbound: 'none',
        deleteSource: 'none',
      },
    ],
    ['a VM that is deleted', { ...least, 'delete-source': 'vm' }, { deleteSource: 'vm' }],
    [
      'a guest that is deprovisioned',
      { ...least, generalize: '', source: 'vm' },
      {
        generalize: 'deprovision',
        source: 'vm',
        deprovisionUser: true,
        deprovisionTimeoutInMinutes: 15,
        removeExtensions: false,
      },
    ],
    [
      'a guest whose user stays, with time, and without extensions',
      {
        ...least,
        generalize: 'deprovision',
        source: 'vm',
        'deprovision-user': 'false',
        'deprovision-timeout': '40',
        'remove-extensions': 'true',
      },
      { deprovisionUser: false, deprovisionTimeoutInMinutes: 40, removeExtensions: true },
    ],
    [
      'a VM that is kept running',
      { ...none, 'source-power': 'keep' },
      { sourcePower: 'keep', generalize: 'none' },
    ],
    [
      'a VM that is started again',
      { ...none, 'source-power': 'restart' },
      { sourcePower: 'restart' },
    ],
    ['no data disks', { ...least, 'data-disks': 'none' }, { dataDisks: 'none' }],
    [
      'LUNs on lines and between commas',
      { ...least, 'data-disks': '0, 12\n63,' },
      { dataDisks: [0, 12, 63] },
    ],
    [
      'accounts by name and ID',
      { ...least, 'storage-accounts': ` imageswe2,\r\n${accountId}\r\n` },
      { storageAccounts: ['imageswe2', accountId] },
    ],
    [
      'the longest account name',
      { ...least, 'storage-accounts': 'a'.repeat(24) },
      { storageAccounts: ['a'.repeat(24)] },
    ],
    ['a container of three characters', { ...least, container: 'a-1' }, { container: 'a-1' }],
    [
      'a container of 63 characters',
      { ...least, container: 'a'.repeat(63) },
      { container: 'a'.repeat(63) },
    ],
    [
      'a blob name with every placeholder',
      { ...least, 'blob-name': '{vm}{run}{disk}{replica}{account}.vhd' },
      { blobName: '{vm}{run}{disk}{replica}{account}.vhd' },
    ],
    [
      'many replicas',
      { ...least, replicas: '1000' },
      { copies: { kind: 'replicas', count: 1000 } },
    ],
    [
      'nodes of a pool',
      { ...least, 'pool-nodes': '20000' },
      { copies: { kind: 'pool-nodes', nodes: 20_000 } },
    ],
    [
      'a Batch account',
      { ...least, 'batch-account': `${batchAccountId}/` },
      { batchAccount: batchAccountId },
    ],
    ['skip', { ...least, 'if-exists': 'skip' }, { ifExists: 'skip' }],
    ['overwrite', { ...least, 'if-exists': 'overwrite' }, { ifExists: 'overwrite' }],
    ['the shortest SAS', { ...least, 'sas-duration': '60' }, { sasDurationInSeconds: 60 }],
    [
      'the longest SAS',
      { ...least, 'sas-duration': '5184000' },
      { sasDurationInSeconds: 5_184_000 },
    ],
    [
      'zone-redundant snapshots',
      { ...least, 'snapshot-sku': 'Standard_ZRS' },
      { snapshotSku: 'Standard_ZRS' },
    ],
    [
      'premium snapshots',
      { ...least, 'snapshot-sku': 'Premium_LRS' },
      { snapshotSku: 'Premium_LRS' },
    ],
    [
      'a group for the snapshots',
      { ...least, 'snapshot-resource-group': 'temp' },
      { snapshotResourceGroup: 'temp' },
    ],
    ['kept snapshots', { ...least, 'keep-snapshots': 'true' }, { keepSnapshots: true }],
    [
      'tags, one with an equals sign and one without a value',
      { ...least, tags: 'a = b=c \n\nteam=' },
      { tags: { a: 'b=c', team: '' } },
    ],
    ['as many tags as fit', { ...least, tags: manyTags(43) }, { tags: { t42: 'x' } }],
    ['values with blanks around', { ...least, container: '  vhds2 ' }, { container: 'vhds2' }],
  ])('it takes %s', (_name, given, expected) => {
    expect(inputsOf(given)).toMatchObject(expected);
  });

  test('signing in for the post step takes no other input', () => {
    const given: Given = { 'client-id': clientId, 'tenant-id': tenantId };
    expect(readSignIn((name) => given[name] ?? '')).toEqual({
      identity: oidc,
      environment: { kind: 'named', name: 'AzureCloud' },
    });
    expect(() => readSignIn((name) => (name === 'client-id' ? 'x' : ''))).toThrow(
      '2 problems with the inputs: Input "client-id" must be a GUID, got "x". Input "tenant-id" is needed with "client-id", got nothing.',
    );
  });
});

describe('bad inputs', () => {
  const group90 =
    'must be the name of a resource group: 1 to 90 letters, digits, underscores, hyphens, dots and parentheses, without a dot at the end';
  const containerRule =
    'must be 3 to 63 lower-case letters, digits and single hyphens, with a letter or digit at both ends';
  const accountRule =
    'must be names of 3 to 24 lower-case letters and digits, or resource IDs of storage accounts';
  const lunRule = 'must be "all", "none" or LUNs from 0 to 63';
  const vmRule =
    'must be 1 to 64 letters, digits, dots, underscores and hyphens, with a letter or digit first and no dot or hyphen last';
  const charRule = 'must not have control characters or any of "<>|*?#%:';
  const slashRule = "must not have a slash: Azure's disk service refuses such names";
  const reserved =
    'must not begin with "azure", "microsoft", "windows" or "vm-to-vhd-": these are reserved';
  const powerRule =
    'must be "deallocate" with "generalize: mark", since a running VM cannot be generalized';
  const endpointRule = 'must be an https address without a path';
  const copied = { ...least, generalize: '', source: 'copy' };
  const untouched = 'with "source: copy", which never touches the VM';
  const unknown = 'has an unknown placeholder (known: {vm}, {run}, {disk}, {replica}, {account})';
  test.each<readonly [string, string, string, Given?]>([
    ['client-id', 'not-a-guid', 'must be a GUID', signIn],
    ['tenant-id', `${tenantId}0`, 'must be a GUID', signIn],
    ['subscription-id', 'mine', 'must be a GUID', named],
    [
      'environment',
      'AzureGermanCloud',
      'must be "AzureCloud" or "AzureUSGovernment" or "AzureChinaCloud"',
    ],
    ['resource-manager-endpoint', 'http://management.example', endpointRule],
    ['resource-manager-endpoint', 'https://management.example/path', endpointRule],
    [
      'environment',
      'AzureChinaCloud',
      'cannot be given with "resource-manager-endpoint"',
      { ...least, 'resource-manager-endpoint': 'https://x' },
    ],
    ['source', 'disk', 'must be "vm" or "copy"'],
    ['copy-subnet', 'mine', 'must be the resource ID of a subnet', copied],
    ['copy-outbound', 'all', 'must be "azure" or "none"', copied],
    ['copy-outbound', 'none', 'can only be given with "source: copy"'],
    ['copy-subnet', subnetId, 'can only be given with "source: copy"'],
    ['generalize', 'mark', 'must be "deprovision" with "source: copy"', copied],
    ['remove-extensions', 'true', `must be "false" ${untouched}`, copied],
    ['delete-source', 'vm', `must be "none" ${untouched}`, copied],
    [
      'keep-partial',
      'true',
      'must be "false" with "source: copy", since each attempt makes a copy of its own',
      copied,
    ],
    ['delete-source', 'all', 'must be "none" or "vm"'],
    [
      'delete-source',
      'vm',
      'must be "none" with "generalize: none", since the VM may have run on',
      { ...least, generalize: 'none' },
    ],
    ['vm-id', 'builder', 'must be the resource ID of a virtual machine'],
    ['vm-id', accountId, 'must be the resource ID of a virtual machine'],
    [
      'vm-id',
      vmId,
      'cannot be given with "vm-name" or "resource-group"',
      { ...least, 'vm-name': 'builder' },
    ],
    [
      'vm-id',
      vmId,
      'cannot be given with "vm-name" or "resource-group"',
      { ...least, 'resource-group': 'images' },
    ],
    ['vm-name', '-builder', vmRule, named],
    ['vm-name', 'a'.repeat(65), vmRule, named],
    ['vm-name', 'my builder', vmRule, named],
    ['resource-group', 'images.', group90, named],
    ['resource-group', 'a'.repeat(91), group90, named],
    ['snapshot-resource-group', 'a/b', group90],
    ['source-power', 'off', 'must be "deallocate" or "keep" or "restart"'],
    ['source-power', 'keep', powerRule],
    ['source-power', 'restart', powerRule],
    ['generalize', 'yes', 'must be "deprovision" or "mark" or "none"'],
    ['deprovision-user', 'perhaps', 'must be "true" or "false"'],
    ['deprovision-timeout', '0', 'must be a whole number from 1 to 240 (minutes)'],
    ['deprovision-timeout', '241', 'must be a whole number from 1 to 240 (minutes)'],
    [
      'remove-extensions',
      'true',
      'must be "false" with "generalize: none", since the VM is used again afterwards',
      { ...least, generalize: 'none' },
    ],
    ['data-disks', '64', lunRule],
    ['data-disks', '-1', lunRule],
    ['data-disks', 'lun1', lunRule],
    ['storage-accounts', 'My_Account', accountRule],
    ['storage-accounts', 'ab', accountRule],
    ['storage-accounts', 'a'.repeat(25), accountRule],
    ['storage-accounts', vmId, accountRule],
    ['container', 'My_VHDs', containerRule],
    ['container', 'vh', containerRule],
    ['container', 'a'.repeat(64), containerRule],
    ['container', 'a--b', containerRule],
    ['container', '-vhds', containerRule],
    ['blob-name', 'a/{disk}.vhd', slashRule],
    ['blob-name', 'a\\{disk}.vhd', slashRule],
    ['blob-name', '{vm}.img', 'must end in ".vhd"'],
    ['blob-name', '{vm.vhd', 'must have its braces in pairs'],
    ['blob-name', 'a<b.vhd', charRule],
    ['blob-name', 'a%20b.vhd', charRule],
    ['replicas', '0', 'must be a whole number from 1 to 1000'],
    ['replicas', '1001', 'must be a whole number from 1 to 1000'],
    ['replicas', '1.5', 'must be a whole number from 1 to 1000'],
    ['replicas', '1e2', 'must be a whole number from 1 to 1000'],
    ['batch-account', 'pools', 'must be the resource ID of a Batch account'],
    ['batch-account', accountId, 'must be the resource ID of a Batch account'],
    ['pool-nodes', '-20', 'must be a whole number from 1 to 20000'],
    ['pool-nodes', '80', 'cannot be given with "replicas"', { ...least, replicas: '2' }],
    ['if-exists', 'replace', 'must be "fail" or "skip" or "overwrite"'],
    ['sas-duration', '59', 'must be a whole number from 60 to 5184000 (seconds)'],
    ['sas-duration', '5184001', 'must be a whole number from 60 to 5184000 (seconds)'],
    ['sas-duration', '1h', 'must be a whole number from 60 to 5184000 (seconds)'],
    ['snapshot-sku', 'standard_lrs', 'must be "Standard_LRS" or "Standard_ZRS" or "Premium_LRS"'],
    ['keep-snapshots', 'True', 'must be "true" or "false"'],
    ['keep-snapshots', 'yes', 'must be "true" or "false"'],
    ['tags', 'team', 'must be lines of the form name=value'],
    ['tags', '=images', 'must be lines of the form name=value'],
  ])('the input %s refuses "%s"', (input, value, rule, given = least) => {
    expect(problemOf({ ...given, [input]: value })).toBe(
      `Input "${input}" ${rule}, got "${value}".`,
    );
  });

  test.each<readonly [string, Given, string]>([
    [
      'an unknown placeholder',
      { 'blob-name': '{vm}-{lun}.vhd' },
      `Input "blob-name" ${unknown}, got "{lun}".`,
    ],
    [
      'an empty placeholder',
      { 'blob-name': '{vm}-{}.vhd' },
      `Input "blob-name" ${unknown}, got "{}".`,
    ],
    [
      'a LUN twice',
      { 'data-disks': '1,2,1' },
      'Input "data-disks" must not name the same twice, got "1".',
    ],
    ['"all" beside a LUN', { 'data-disks': 'all,1' }, `Input "data-disks" ${lunRule}, got "all".`],
    [
      'an account by name and ID',
      { 'storage-accounts': `imageswe1\n${accountId}` },
      'Input "storage-accounts" must not name the same twice, got "imageswe1".',
    ],
    [
      'a tag twice, in another case',
      { tags: 'Team=a\nteam=b' },
      'Input "tags" must not name the same twice, got "team".',
    ],
    [
      'a tag name with a slash',
      { tags: 'a/b=c' },
      'Input "tags" must have names of at most 512 characters without <>%&\\?/, got "a/b".',
    ],
    ['a reserved tag name', { tags: 'Azure-x=1' }, `Input "tags" ${reserved}, got "Azure-x".`],
    [
      'a tag name of the action itself',
      { tags: 'vm-to-vhd-key=1' },
      `Input "tags" ${reserved}, got "vm-to-vhd-key".`,
    ],
    [
      'a long tag value',
      { tags: `a=${'v'.repeat(257)}` },
      `Input "tags" must have values of at most 256 characters, got "${'v'.repeat(257)}".`,
    ],
    ['too many tags', { tags: manyTags(44) }, 'Input "tags" must be at most 43, got "44 tags".'],
    [
      'no account at all',
      { 'storage-accounts': ' ,\n' },
      'Input "storage-accounts" is needed: one or more names or resource IDs, got nothing.',
    ],
    [
      'no word on what is deprovisioned',
      { generalize: '' },
      'Input "source" is needed with "generalize: deprovision": "vm" deprovisions the VM itself, which never starts again, "copy" a copy of it, got nothing.',
    ],
    [
      'a client ID without a tenant',
      { 'client-id': clientId },
      'Input "tenant-id" is needed with "client-id", got nothing.',
    ],
    [
      'a secret without a client ID',
      { 'client-secret': 's3cret' },
      'Input "client-id" is needed with "client-secret", got nothing.',
    ],
  ])('it refuses %s', (_name, given, expected) => {
    expect(problemOf({ ...least, ...given })).toBe(expected);
  });

  test('a VM by name needs its group and subscription', () => {
    expect(problemOf({ ...least, 'vm-id': '', 'vm-name': 'builder' })).toBe(
      '2 problems with the inputs: Input "resource-group" is needed with "vm-name", got nothing. Input "subscription-id" is needed with "vm-name", got nothing.',
    );
  });

  test('all problems come in one error, each with input, rule and value', () => {
    const message = problemOf({
      'client-id': 'x',
      'client-secret': 's3cret',
      container: 'X',
      replicas: 'many',
      'keep-snapshots': 'ture',
    });
    expect(message).toMatch(/^10 problems with the inputs: /);
    expect(message).toContain('Input "client-id" must be a GUID, got "x".');
    expect(message).toContain('Input "tenant-id" is needed with "client-id", got nothing.');
    expect(message).toContain('Input "source" is needed with "generalize: deprovision"');
    expect(message).toContain('Input "vm-name" is needed, or "vm-id", got nothing.');
    expect(message).toContain('Input "storage-accounts" is needed');
    expect(message).toContain(`Input "container" ${containerRule}, got "X".`);
    expect(message).toContain(
      'Input "replicas" must be a whole number from 1 to 1000, got "many".',
    );
    expect(message).toContain('Input "keep-snapshots" must be "true" or "false", got "ture".');
    expect(message).not.toContain('s3cret');
  });
});

describe('action.yml', () => {
  const { inputs } = parse(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8')) as {
    inputs: Readonly<Record<string, { default?: string; required?: boolean }>>;
  };

  test('it has the very inputs that are read', () => {
    const read = new Set<string>();
    readInputs((name) => {
      read.add(name);
      return least[name] ?? '';
    });
    expect([...read].sort()).toEqual(Object.keys(inputs).sort());
  });

  test('its defaults are those of the code', () => {
    const defaults = Object.entries(inputs).flatMap(([name, input]) =>
      input.default === undefined ? [] : [[name, input.default] as const],
    );
    expect(defaults.length).toBeGreaterThan(5);
    expect(inputsOf({ ...Object.fromEntries(defaults), ...least })).toEqual(inputsOf(least));
  });

  test('what it calls required cannot be left out', () => {
    const required = Object.keys(inputs).filter((name) => inputs[name]?.required === true);
    expect(required).toEqual(['storage-accounts']);
    for (const name of required) {
      expect(problemOf({ ...least, [name]: '' })).toMatch(
        new RegExp(`^Input "${name}" .* got nothing`),
      );
    }
  });
});
