import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  expectNoSecrets,
  expectNothingLeft,
  runAction,
  type ActionRun,
} from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT_SECRET, SUBSCRIPTION } from '../support/scenario.ts';

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

const GIB = 1024 ** 3;

async function powerStateOf(name: string): Promise<string> {
  const { resources } = await azure.state();
  const vm = (resources['Microsoft.Compute/virtualMachines'] ?? []).find((vm) => vm.name === name);
  return JSON.stringify(vm);
}

/** Calls to Compute that change something, in their order, as `METHOD last/part`. */
async function changesOf(): Promise<readonly string[]> {
  const calls = await azure.calls();
  return calls
    .filter(({ host, method }) => host === 'management.azure.com' && method !== 'GET')
    .map(({ method, url }) => `${method} ${new URL(url).pathname.split('/').slice(-2).join('/')}`);
}

function urisOf(run: ActionRun): readonly string[] {
  return JSON.parse(run.main.outputs['vhd-uris'] ?? '[]') as string[];
}

describe('a capture into two accounts with five replicas and two data disks', () => {
  let run: ActionRun;

  beforeAll(async () => {
    run = await runAction(azure, { replicas: '5' });
  });

  test('makes seven verified VHDs and says where they are', async () => {
    expect(run.main.log).not.toContain('##[error]');
    expect(run.main.exitCode).toBe(0);
    const [a, b] = ['imageswe1', 'imageswe2'].map(
      (name) => `https://${name}.blob.core.windows.net`,
    );
    const uri = (endpoint: string | undefined, rest: string): string =>
      `${endpoint ?? ''}/vhds/builder-1234567890-${rest}.vhd`;
    const osUris = [uri(a, 'os-1'), uri(b, 'os-2'), uri(a, 'os-3'), uri(b, 'os-4'), uri(a, 'os-5')];
    expect(urisOf(run)).toEqual(osUris);
    expect(run.main.outputs).toMatchObject({
      'os-vhd-uri': osUris[0],
      'data-vhd-uris': JSON.stringify({ 0: uri(a, 'lun0-1'), 5: uri(a, 'lun5-1') }),
      'os-type': 'Linux',
      'os-state': 'Generalized',
      'hyper-v-generation': 'V2',
      'security-type': 'Standard',
      'batch-os-disk': JSON.stringify({ imageUris: osUris, caching: 'readWrite' }),
    });
    const { blobs } = await azure.state();
    expect(blobs.map(({ contentLength }) => contentLength).sort()).toEqual(
      [...Array<number>(2).fill(GIB + 512), ...Array<number>(5).fill(2 * GIB + 512)].sort(),
    );
    expect(new Set(blobs.map(({ metadata }) => metadata['vmtovhd_state']))).toEqual(
      new Set(['complete']),
    );
  });

  test('writes a manifest with every disk, and a summary with every VHD', () => {
    expect(run.manifest).toMatchObject({
      succeeded: true,
      failedReplicas: [],
      disks: [
        { kind: 'os', sizeBytes: 2 * GIB, replicas: { length: 5 } },
        { kind: 'data', lun: 0, sizeBytes: GIB, replicas: { length: 1 } },
        { kind: 'data', lun: 5, sizeBytes: GIB, replicas: { length: 1 } },
      ],
    });
    for (const uri of urisOf(run)) {
      expect(run.main.summary).toContain(uri.split('/').at(-1));
    }
    expect(run.main.summary).toContain('```mermaid\ngantt');
  });

  test('leaves the VM generalized, nothing temporary behind, and nothing for post', async () => {
    expect(await powerStateOf('builder')).toContain('OSState/generalized');
    await expectNothingLeft(azure);
    expect(run.post.exitCode).toBe(0);
    expect(run.post.log).toBe('Nothing is left to close.');
  });

  test('changes Azure in the right order: stop, snapshots, deallocate, generalize', async () => {
    const changes = await changesOf();
    const at = (call: RegExp): number => changes.findIndex((change) => call.test(change));
    const last = (call: RegExp): number => changes.findLastIndex((change) => call.test(change));
    // The disk's own; the others of the OS disk, one for each further VHD, are taken beside the copies.
    const own = /PUT snapshots\/builder-(os|lun\d)-[0-9a-f]{12}$/;
    const further = /PUT snapshots\/builder-os-\d-[0-9a-f]{12}$/;
    expect(changes.filter((change) => own.test(change))).toHaveLength(3);
    expect(changes.filter((change) => further.test(change))).toHaveLength(4);
    expect(at(/PUT snapshots\/builder-claim-/)).toBe(0);
    expect(at(/powerOff/)).toBe(1);
    expect(last(own)).toBeLessThan(at(/deallocate/));
    expect(at(/deallocate/)).toBeLessThan(at(/generalize/));
    expect(last(own)).toBeLessThan(at(/beginGetAccess/));
    expect(last(own)).toBeLessThan(at(further));
    expect(last(/endGetAccess/)).toBeLessThan(at(/DELETE snapshots/));
    expect(changes.filter((change) => change.includes('generalize'))).toHaveLength(1);
  });

  test('shows no secret anywhere', () => {
    expect(run.main.masks.some((mask) => mask.includes('sig='))).toBe(true);
    expectNoSecrets(run);
  });
});

describe('a capture', () => {
  beforeEach(async () => {
    await azure.reset(buildScenario());
  });

  test.each([
    { osType: 'Linux', expected: 5 },
    { osType: 'Windows', expected: 10 },
  ] as const)('pool-nodes 200 gives $expected VHDs for $osType', async ({ osType, expected }) => {
    await azure.reset(buildScenario({ vm: { osType } }));
    const run = await runAction(azure, { 'pool-nodes': '200', 'data-disks': 'none' });
    expect(run.main.exitCode).toBe(0);
    expect(urisOf(run)).toHaveLength(expected);
    expect(run.main.outputs['os-type']).toBe(osType);
    await expectNothingLeft(azure);
  });

  test('a client secret signs in where OIDC cannot', async () => {
    const run = await runAction(
      azure,
      { 'client-secret': CLIENT_SECRET, 'data-disks': '5' },
      { environment: { ACTIONS_ID_TOKEN_REQUEST_URL: '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: '' } },
    );
    expect(run.main.exitCode).toBe(0);
    expect(Object.keys(JSON.parse(run.main.outputs['data-vhd-uris'] ?? '{}') as object)).toEqual([
      '5',
    ]);
    expectNoSecrets(run);
  });

  test('debug logging shows no secret either', async () => {
    const run = await runAction(
      azure,
      { 'client-secret': CLIENT_SECRET },
      { debug: true, environment: { AZURE_LOG_LEVEL: 'verbose' } },
    );
    expect(run.main.exitCode).toBe(0);
    expect(run.main.log).toContain('##[debug]');
    expectNoSecrets(run);
  });

  test('vm-id, resource IDs of accounts, a snapshot group, names and tags of the user are taken', async () => {
    const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers`;
    const run = await runAction(azure, {
      'subscription-id': '',
      'resource-group': '',
      'vm-name': '',
      'vm-id': `${group}/Microsoft.Compute/virtualMachines/builder`,
      'storage-accounts': `${group}/Microsoft.Storage/storageAccounts/imageswe2`,
      container: 'images-2026',
      'blob-name': 'base-{disk}.vhd',
      'data-disks': 'none',
      'snapshot-resource-group': 'snapshots',
      'snapshot-sku': 'Standard_ZRS',
      'keep-snapshots': 'true',
      tags: 'team=images\ncost-center=4711',
    });
    expect(run.main.exitCode).toBe(0);
    expect(urisOf(run)).toEqual([
      'https://imageswe2.blob.core.windows.net/images-2026/base-os.vhd',
    ]);
    const { resources, grants } = await azure.state();
    expect(grants).toEqual([]);
    expect(resources['Microsoft.Compute/snapshots']).toEqual([
      expect.objectContaining({
        sku: expect.objectContaining({ name: 'Standard_ZRS' }),
        tags: expect.objectContaining({
          team: 'images',
          'cost-center': '4711',
          'vm-to-vhd-run': '1234567890',
          'vm-to-vhd-disk': 'os',
        }),
      }),
    ]);
    const id = run.manifest?.disks[0]?.snapshot?.id ?? '';
    expect(id).toContain('/resourceGroups/snapshots/');
  });

  test('a VM that is generalized already is captured as it is', async () => {
    await azure.reset(buildScenario({ vm: { powerState: 'deallocated', generalized: true } }));
    const run = await runAction(azure);
    expect(run.main.exitCode).toBe(0);
    expect(run.main.outputs['os-state']).toBe('Generalized');
    expect((await changesOf()).filter((change) => change.includes('builder/'))).toEqual([]);
  });

  test('source-power keep takes a running VM as it runs', async () => {
    const run = await runAction(azure, { generalize: 'none', 'source-power': 'keep' });
    expect(run.main.exitCode).toBe(0);
    expect(run.main.outputs['os-state']).toBe('Specialized');
    expect(await powerStateOf('builder')).toContain('PowerState/running');
    expect((await changesOf()).filter((change) => change.includes('builder/'))).toEqual([]);
  });

  test('source-power restart stops the VM for the snapshots and starts it again', async () => {
    const run = await runAction(azure, { generalize: 'none', 'source-power': 'restart' });
    expect(run.main.exitCode).toBe(0);
    const changes = await changesOf();
    expect(changes.filter((change) => change.includes('builder/'))).toEqual([
      'POST builder/powerOff',
      'POST builder/start',
    ]);
    const lastSnapshot = changes.findLastIndex((change) => change.startsWith('PUT snapshots/'));
    expect(changes.indexOf('POST builder/start')).toBeGreaterThan(lastSnapshot);
    expect(await powerStateOf('builder')).toContain('PowerState/running');
    await expectNothingLeft(azure);
  });

  describe('blobs of the same names that are there', () => {
    test('if-exists skip takes a whole set as it is and changes nothing', async () => {
      const first = await runAction(azure);
      expect(first.main.exitCode).toBe(0);
      const before = await azure.calls();
      const again = await runAction(azure, { 'if-exists': 'skip' });
      expect(again.main.exitCode).toBe(0);
      expect(again.main.outputs['vhd-uris']).toBe(first.main.outputs['vhd-uris']);
      const later = (await azure.calls()).slice(before.length);
      const changing = later.filter(
        ({ method, host }) =>
          ['PUT', 'DELETE', 'PATCH'].includes(method) || /\/(start|powerOff)$/.test(host),
      );
      expect(changing).toEqual([]);
    });

    test('if-exists overwrite puts the new VHD in the place of the old one', async () => {
      const inputs = {
        generalize: 'none',
        'source-power': 'keep',
        'blob-name': 'latest-{disk}.vhd',
      };
      const one = { 'storage-accounts': 'imageswe1', 'data-disks': 'none' };
      const first = await runAction(azure, { ...inputs, ...one });
      expect(first.main.exitCode).toBe(0);
      const old = (await azure.state()).blobs[0]?.metadata['vmtovhd_snapshot'];
      const second = await runAction(
        azure,
        { ...inputs, ...one, 'if-exists': 'overwrite' },
        { run: { runId: '1234567891' } },
      );
      expect(second.main.exitCode).toBe(0);
      const { blobs } = await azure.state();
      expect(blobs.map(({ name }) => name)).toEqual(['latest-os.vhd']);
      expect(blobs[0]?.metadata).toMatchObject({ vmtovhd_state: 'complete' });
      expect(blobs[0]?.metadata['vmtovhd_snapshot']).not.toBe(old);
      await expectNothingLeft(azure);
    });
  });
});
