import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { State } from '../../local-azure/edge/state.ts';
import type { BlobState } from '../../local-azure/world.ts';
import {
  createClientFolder,
  describeClient,
  findClient,
  runClient,
} from '../support/client-tool.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import {
  audience,
  clientId,
  clientSecret,
  smallScenario,
  subscriptionId,
  tenantId,
} from '../support/small-scenario.ts';
import { send } from '../support/send.ts';

const versionQuery = ['version', '--query', '"azure-cli"', '--output', 'tsv'];
const compute = `/subscriptions/${subscriptionId}/resourceGroups/images/providers/Microsoft.Compute`;
const vm = ['--resource-group', 'images', '--name', 'builder'];
const snapshot = ['--resource-group', 'images', '--name', 'builder-snapshot'];
const account = ['--account-name', 'imageswe1'];
const vhdBytes = 1024 ** 3 + 512;

describeClient('az', await findClient(['az'], versionQuery), (tool) => {
  let azure: LocalAzure;
  let folder: Awaited<ReturnType<typeof createClientFolder>>;
  let accessSas = '';
  let accountKey = '';

  beforeAll(async () => {
    folder = await createClientFolder();
    // Without Retry-After az asks every 30 seconds how an operation stands.
    azure = await startLocalAzure({ ...smallScenario, retryAfterSeconds: 1 });
    useLocalAzure(azure);
    // Debian's az lacks the compute API of its own latest profile.
    const profile = tool.version === '2.45.0' ? '2020-09-01-hybrid' : 'latest';
    await az('cloud', 'set', '--name', 'AzureCloud', '--profile', profile);
  });

  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  /** Runs a command and reads its JSON. */
  async function az(...args: readonly string[]): Promise<unknown> {
    const printed = await runClient(tool, [...args, '--output', 'json'], {
      AZURE_CONFIG_DIR: folder.path,
    });
    return printed === '' ? undefined : (JSON.parse(printed) as unknown);
  }

  async function vmState(): Promise<unknown> {
    return await az('vm', 'get-instance-view', ...vm, '--query', 'instanceView.statuses[].code');
  }

  async function resources(type: string): Promise<State['resources'][string]> {
    return (await azure.state()).resources[`Microsoft.Compute/${type}`] ?? [];
  }

  async function findBlob(name: string): Promise<BlobState | undefined> {
    return (await azure.state()).blobs.find((blob) => blob.url.endsWith(`/vhds/${name}`));
  }

  /** Shows a blob until its copy has ended. While one is pending az may fail: it asks for the page ranges too, which are locked. */
  async function showCopied(...args: readonly string[]): Promise<unknown> {
    const shown = await az('storage', 'blob', 'show', ...args).catch((error: unknown) => {
      if (!String(error).includes('PendingCopyOperation')) throw error;
    });
    const { properties } = (shown ?? {}) as { readonly properties?: { readonly copy: object } };
    const copy = properties?.copy ?? { status: 'pending' };
    return 'status' in copy && copy.status === 'pending' ? await showCopied(...args) : shown;
  }

  describe('signs in', () => {
    const principal = ['--service-principal', '--username', clientId, '--tenant', tenantId];
    const subscriptions = [
      { id: subscriptionId, tenantId, user: { name: clientId, type: 'servicePrincipal' } },
    ];

    test('not with a wrong client secret', async () => {
      await expect(az('login', ...principal, '--password', 'wrong')).rejects.toThrow(
        'AADSTS7000215',
      );
    });

    test('with a federated token of a workflow run', async () => {
      const { ACTIONS_ID_TOKEN_REQUEST_URL: url = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: token = '' } =
        azure.environment;
      const { body } = await send(`${url}&audience=${audience}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { value } = JSON.parse(body) as { readonly value: string };
      expect(await az('login', ...principal, '--federated-token', value)).toMatchObject(
        subscriptions,
      );
      expect(await az('vm', 'show', ...vm, '--query', 'name')).toBe('builder');
      await az('logout');
    });

    test('with a client secret', async () => {
      expect(await az('login', ...principal, '--password', clientSecret)).toMatchObject(
        subscriptions,
      );
    });
  });

  test('shows the VM with its disks', async () => {
    expect(await az('vm', 'show', ...vm)).toMatchObject({
      id: `${compute}/virtualMachines/builder`,
      location: 'westeurope',
      storageProfile: {
        osDisk: { osType: 'Linux', managedDisk: { id: `${compute}/disks/builder-os` } },
      },
    });
  });

  test('gets the instance view', async () => {
    expect(await vmState()).toEqual(['ProvisioningState/succeeded', 'PowerState/running']);
  });

  test('says that there is no such VM, with exit code 3', async () => {
    const missing = az('vm', 'show', '--resource-group', 'images', '--name', 'nobody');
    await expect(missing).rejects.toMatchObject({
      code: 3,
      stderr: expect.stringContaining('(ResourceNotFound)'),
    });
  });

  test('runs a command in the guest', async () => {
    const script = ['--command-id', 'RunShellScript', '--scripts', 'echo deprovisioned'];
    expect(await az('vm', 'run-command', 'invoke', ...vm, ...script)).toMatchObject({
      value: [
        {
          code: 'ProvisioningState/succeeded',
          message: expect.stringContaining('[stdout]\ndeprovisioned'),
        },
      ],
    });
  });

  test('cannot generalize the VM while it runs', async () => {
    await expect(az('vm', 'generalize', ...vm)).rejects.toThrow('(OperationNotAllowed)');
  });

  test('stops the VM', async () => {
    await az('vm', 'stop', ...vm);
    expect(await vmState()).toContain('PowerState/stopped');
  });

  test('deallocates the VM', async () => {
    await az('vm', 'deallocate', ...vm);
    expect(await vmState()).toContain('PowerState/deallocated');
  });

  test('generalizes the VM', async () => {
    await az('vm', 'generalize', ...vm);
    expect(await vmState()).toContain('OSState/generalized');
    await expect(az('vm', 'start', ...vm)).rejects.toThrow('(OperationNotAllowed)');
  });

  test('creates a snapshot of the OS disk', async () => {
    const disk = ['--source', `${compute}/disks/builder-os`];
    expect(await az('snapshot', 'create', ...snapshot, ...disk)).toMatchObject({
      provisioningState: 'Succeeded',
      diskSizeGb: 1,
    });
    expect(await resources('snapshots')).toMatchObject([{ name: 'builder-snapshot' }]);
  });

  test('grants access to the snapshot', async () => {
    const duration = ['--duration-in-seconds', '3600'];
    const granted = await az('snapshot', 'grant-access', ...snapshot, ...duration);
    accessSas = (granted as { readonly accessSas: string }).accessSas;
    expect((await azure.state()).grants).toMatchObject([
      { url: accessSas.replace(/\?.*/, ''), durationInSeconds: 3600 },
    ]);
  });

  test('creates a container with --auth-mode login', async () => {
    const container = ['--name', 'vhds', ...account, '--auth-mode', 'login'];
    expect(await az('storage', 'container', 'create', ...container)).toEqual({ created: true });
  });

  describe.each([
    ['--auth-mode login', 'by-login.vhd', () => ['--auth-mode', 'login']],
    ['--account-key', 'by-key.vhd', () => ['--account-key', accountKey]],
  ] as const)('copies the export with %s', (_way, name, authorization) => {
    const blob = ['--container-name', 'vhds', ...account];

    test('after listing the keys of the account', async () => {
      const keys = await az(
        'storage',
        'account',
        'keys',
        'list',
        '--resource-group',
        'images',
        ...account,
      );
      expect(keys).toMatchObject([{ keyName: 'key1' }, { keyName: 'key2' }]);
      accountKey = (keys as readonly { readonly value: string }[])[0]?.value ?? '';
    });

    test('started by storage blob copy start', async () => {
      const target = ['--destination-container', 'vhds', '--destination-blob', name, ...account];
      const source = ['--source-uri', accessSas];
      expect(
        await az('storage', 'blob', 'copy', 'start', ...target, ...source, ...authorization()),
      ).toMatchObject({ status: 'pending' });
    });

    test('and shown by storage blob show', async () => {
      expect(await showCopied('--name', name, ...blob, ...authorization())).toMatchObject({
        properties: {
          blobType: 'PageBlob',
          contentLength: vhdBytes,
          copy: { status: 'success', progress: `${vhdBytes}/${vhdBytes}` },
        },
      });
      expect(await findBlob(name)).toMatchObject({
        contentLength: vhdBytes,
        copyStatus: 'success',
      });
    });
  });

  test('cannot copy with a wrong account key', async () => {
    const target = ['--destination-container', 'vhds', '--destination-blob', 'no.vhd', ...account];
    const key = ['--account-key', Buffer.alloc(64, 1).toString('base64')];
    await expect(
      az('storage', 'blob', 'copy', 'start', ...target, '--source-uri', accessSas, ...key),
    ).rejects.toThrow('AuthenticationFailed');
    expect(await findBlob('no.vhd')).toBeUndefined();
  });

  test('cannot delete the snapshot while access is granted', async () => {
    await expect(az('snapshot', 'delete', ...snapshot)).rejects.toThrow(
      'There is an active shared access signature outstanding',
    );
  });

  test('revokes the access', async () => {
    await az('snapshot', 'revoke-access', ...snapshot);
    expect((await azure.state()).grants).toEqual([]);
  });

  test('deletes the snapshot', async () => {
    await az('snapshot', 'delete', ...snapshot);
    expect(await resources('snapshots')).toEqual([]);
  });

  test('creates an image of the generalized VM', async () => {
    const image = ['--resource-group', 'images', '--name', 'builder-image', '--source', 'builder'];
    expect(await az('image', 'create', ...image)).toMatchObject({
      provisioningState: 'Succeeded',
      storageProfile: { osDisk: { osState: 'Generalized', osType: 'Linux' } },
    });
    expect(await resources('images')).toMatchObject([{ name: 'builder-image' }]);
  });

  test('creates an image of the copied VHD', async () => {
    const source = (await findBlob('by-login.vhd'))?.url ?? '';
    const image = ['--resource-group', 'images', '--name', 'vhd-image', '--os-type', 'Linux'];
    expect(await az('image', 'create', ...image, '--source', source)).toMatchObject({
      storageProfile: { osDisk: { blobUri: source } },
    });
  });
});
