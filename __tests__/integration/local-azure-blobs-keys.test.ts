import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  AccountSASPermissions,
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  ContainerClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
  type BlobSASSignatureValues,
} from '@azure/storage-blob';
import {
  blobAt,
  blobScenario,
  credentialOf,
  firstOnlyId,
  grantSas,
  makePages,
  refusalOf,
  subscriptionId,
  vhds,
} from '../support/blob-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { send } from '../support/send.ts';

const HOUR_MS = 3_600_000;
const scenario = blobScenario({
  accounts: [{ resourceGroup: 'images', name: 'nokeys', allowSharedKeyAccess: false }],
});

let azure: LocalAzure;
let keys: ReadonlyMap<string, string>;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
  useLocalAzure(azure);
  keys = new Map([
    ['images1', await listKey('images1')],
    ['nokeys', await listKey('nokeys')],
  ]);
});

beforeEach(async () => {
  await azure.reset(scenario);
});

describe('shared key', () => {
  test('gives its holder every right', async () => {
    const service = serviceOf('images1');
    const container = service.getContainerClient('made-by-key');
    await container.create();
    const blob = container.getPageBlobClient('a folder/größe+1 ü.vhd');
    await blob.create(1024, { metadata: { Made: 'by key', second: 'a  b' } });
    await blob.uploadPages(Buffer.alloc(512, 5), 512, 512);
    expect(await blob.downloadToBuffer(512, 512)).toEqual(Buffer.alloc(512, 5));
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat({
      includeMetadata: true,
      prefix: 'a f',
    })) {
      names.push(name);
    }
    expect(names).toEqual(['a folder/größe+1 ü.vhd']);
    const containers: string[] = [];
    for await (const { name } of service.listContainers()) containers.push(name);
    expect(containers).toEqual(['made-by-key', 'vhds']);
  });

  test('copies an export onto an account, as the documentation does', async () => {
    const blob = serviceOf('images1').getContainerClient('vhds').getPageBlobClient('copied.vhd');
    const poller = await blob.beginCopyFromURL(await grantSas(), { intervalInMs: 1 });
    expect((await poller.pollUntilDone()).copyStatus).toBe('success');
  });

  test('is refused with another key, and where the account takes none', async () => {
    const wrong = serviceOf('images1', Buffer.alloc(64, 1).toString('base64'));
    expect(await refusalOf(wrong.getContainerClient('vhds').getProperties())).toEqual([
      403,
      'AuthenticationFailed',
    ]);
    expect(await refusalOf(serviceOf('nokeys').getProperties())).toEqual([
      403,
      'KeyBasedAuthenticationNotPermitted',
    ]);
  });

  test('holds for the very request that it signed', async () => {
    const url = 'https://images1.blob.core.windows.net/vhds?restype=container';
    const signedHeaders = {
      'x-ms-client-request-id': 'one',
      'x-ms-date': new Date().toUTCString(),
      'x-ms-version': '2024-11-04',
    };
    const lines = Object.entries(signedHeaders).map(([name, value]) => `${name}:${value}\n`);
    const text = `GET${'\n'.repeat(12)}${lines.join('')}/images1/vhds\nrestype:container`;
    const signature = credentialWithKey('images1').computeHMACSHA256(text);
    const headers = { ...signedHeaders, authorization: `SharedKey images1:${signature}` };
    expect((await send(url, { headers })).status).toBe(200);
    const changed = await send(`${url}&comp=metadata`, { headers });
    expect(changed.status).toBe(403);
    expect(changed.body).toContain('Server used following string to sign');
  });
});

describe('SAS', () => {
  test('of a blob gives what it says for that blob only', async () => {
    const blob = await makePages('a b.vhd', Buffer.alloc(512, 1));
    await makePages('other.vhd', Buffer.alloc(512, 1));
    const sas = signed({ blobName: 'a b.vhd', permissions: BlobSASPermissions.parse('r') });
    const held = blobAt(`${blob.url}?${sas}`);
    expect(await held.downloadToBuffer(0, 512)).toEqual(Buffer.alloc(512, 1));
    expect(await refusalOf(held.delete())).toEqual([403, 'AuthorizationPermissionMismatch']);
    const moved = blobAt(`${vhds().url}/other.vhd?${sas}`);
    expect(await refusalOf(moved.getProperties())).toEqual([403, 'AuthenticationFailed']);
  });

  test('of a container reaches its blobs and its list', async () => {
    await makePages('a.vhd', Buffer.alloc(512, 1));
    const sas = signed({ permissions: ContainerSASPermissions.parse('rlc') });
    const held = new ContainerClient(`${vhds().url}?${sas}`, new AnonymousCredential());
    const names: string[] = [];
    for await (const { name } of held.listBlobsFlat()) names.push(name);
    expect(names).toEqual(['a.vhd']);
    await held.getPageBlobClient('new.vhd').create(512);
    expect(await refusalOf(held.getPageBlobClient('new.vhd').create(512))).toEqual([
      403,
      'AuthorizationPermissionMismatch',
    ]);
    expect(await refusalOf(held.delete())).toEqual([403, 'AuthorizationFailure']);
  });

  test('of an account reaches the kinds of resources that it names', async () => {
    const query = generateAccountSASQueryParameters(
      {
        services: 'b',
        resourceTypes: 'o',
        permissions: AccountSASPermissions.parse('rwdlac'),
        expiresOn: new Date(Date.now() + HOUR_MS),
      },
      credentialWithKey('images1'),
    ).toString();
    const blob = blobAt(`${vhds().url}/made.vhd?${query}`);
    await blob.create(512);
    await blob.uploadPages(Buffer.alloc(512, 2), 0, 512);
    expect(await blob.downloadToBuffer(0, 512)).toEqual(Buffer.alloc(512, 2));
    const container = new ContainerClient(`${vhds().url}?${query}`, new AnonymousCredential());
    expect(await refusalOf(container.getProperties())).toEqual([
      403,
      'AuthorizationResourceTypeMismatch',
    ]);
  });

  test.each([
    { name: 'that is over', expiresInMs: -1000 },
    { name: 'that does not hold yet', startsInMs: HOUR_MS / 2 },
  ])('$name is refused with its times', async ({ expiresInMs = HOUR_MS, startsInMs }) => {
    const blob = await makePages('a.vhd', Buffer.alloc(512, 1));
    const sas = signed({
      blobName: 'a.vhd',
      permissions: BlobSASPermissions.parse('r'),
      expiresOn: new Date(Date.now() + expiresInMs),
      ...(startsInMs !== undefined && { startsOn: new Date(Date.now() + startsInMs) }),
    });
    const answer = await send(`${blob.url}?${sas}`);
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('Signature not valid in the specified time frame');
  });

  test('is the source of a copy from another account', async () => {
    await makePages('source.vhd', Buffer.alloc(512, 3));
    const sas = signed({ blobName: 'source.vhd', permissions: BlobSASPermissions.parse('r') });
    const source = `${vhds().url}/source.vhd?${sas}`;
    const copied = vhds('images2').getPageBlobClient('copied.vhd');
    const poller = await copied.beginCopyFromURL(source, { intervalInMs: 1 });
    expect((await poller.pollUntilDone()).copyStatus).toBe('success');
    const written = vhds('images2').getPageBlobClient('written.vhd');
    await written.create(512);
    await written.uploadPagesFromURL(source, 0, 0, 512);
    for (const blob of [copied, written]) {
      expect(await blob.downloadToBuffer(0, 512)).toEqual(Buffer.alloc(512, 3));
    }
  });

  test('with a wrong signature is no source of a copy', async () => {
    await makePages('source.vhd', Buffer.alloc(512, 3));
    const sas = signed({ blobName: 'source.vhd', permissions: BlobSASPermissions.parse('r') });
    const source = `${vhds().url}/source.vhd?${sas.replace('sig=', 'sig=AAAA')}`;
    const copied = vhds('images2').getPageBlobClient('copied.vhd');
    expect(await refusalOf(copied.beginCopyFromURL(source))).toEqual([
      403,
      'CannotVerifyCopySource',
    ]);
  });
});

describe('user delegation SAS', () => {
  test.each(['2018-11-09', '2020-02-10', '2021-12-02', '2025-07-05', undefined])(
    'holds as signed for service version %s',
    async (version) => {
      const blob = await makePages('a.vhd', Buffer.alloc(512, 1));
      const sas = await delegated(undefined, { ...(version !== undefined && { version }) });
      expect(await blobAt(`${blob.url}?${sas}`).downloadToBuffer(0, 512)).toHaveLength(512);
    },
  );

  test('gives no more than its maker has', async () => {
    const blob = await makePages('a.vhd', Buffer.alloc(512, 1), 'images2');
    const sas = await delegated(firstOnlyId, {}, 'images2').catch((error: unknown) => error);
    expect(sas).toMatchObject({ statusCode: 403 });
    const own = await delegated(undefined, {}, 'images2');
    expect(await refusalOf(blobAt(`${blob.url}?${own}`).delete())).toEqual([
      403,
      'AuthorizationPermissionMismatch',
    ]);
  });

  test('is taken by an account without keys', async () => {
    await vhds('nokeys').create();
    const blob = await makePages('a.vhd', Buffer.alloc(512, 1), 'nokeys');
    const sas = await delegated(undefined, {}, 'nokeys');
    expect(await blobAt(`${blob.url}?${sas}`).downloadToBuffer(0, 512)).toHaveLength(512);
    const byKey = signed(
      { blobName: 'a.vhd', permissions: BlobSASPermissions.parse('r') },
      'nokeys',
    );
    expect(await refusalOf(blobAt(`${blob.url}?${byKey}`).getProperties())).toEqual([
      403,
      'KeyBasedAuthenticationNotPermitted',
    ]);
  });
});

async function listKey(account: string): Promise<string> {
  const { token } = await credentialOf().getToken('https://management.azure.com/.default');
  const path = `/subscriptions/${subscriptionId}/resourceGroups/images/providers/Microsoft.Storage/storageAccounts/${account}`;
  const answer = await send(`https://management.azure.com${path}/listKeys?api-version=2023-05-01`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  const { keys: all } = JSON.parse(answer.body) as { keys: readonly { value: string }[] };
  return all[1]?.value ?? '';
}

function credentialWithKey(account: string): StorageSharedKeyCredential {
  return new StorageSharedKeyCredential(account, keys.get(account) ?? '');
}

function serviceOf(account: string, key = keys.get(account) ?? ''): BlobServiceClient {
  const credential = new StorageSharedKeyCredential(account, key);
  const url = `https://${account}.blob.core.windows.net`;
  return new BlobServiceClient(url, credential, { retryOptions: { maxTries: 1 } });
}

/** A SAS for the container, or for a blob in it, by the account's key. */
function signed(values: Partial<BlobSASSignatureValues>, account = 'images1'): string {
  const expiresOn = new Date(Date.now() + HOUR_MS);
  const all = { containerName: 'vhds', expiresOn, ...values };
  return generateBlobSASQueryParameters(all, credentialWithKey(account)).toString();
}

/** A SAS to read `a.vhd`, signed with a key of the identity. */
async function delegated(
  clientId: string | undefined,
  values: Partial<BlobSASSignatureValues>,
  account = 'images1',
): Promise<string> {
  const service = new BlobServiceClient(
    `https://${account}.blob.core.windows.net`,
    credentialOf(clientId),
    { retryOptions: { maxTries: 1 } },
  );
  const expiresOn = new Date(Date.now() + HOUR_MS);
  const key = await service.getUserDelegationKey(new Date(Date.now() - 1000), expiresOn);
  const permissions = BlobSASPermissions.parse('r');
  const all = { containerName: 'vhds', blobName: 'a.vhd', expiresOn, permissions, ...values };
  return generateBlobSASQueryParameters(all, key, account).toString();
}
