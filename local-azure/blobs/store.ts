import type { ScenarioBlob } from '../scenario.ts';
import type { BlobState, BlobStore, World } from '../world.ts';
import type { Azurite } from './azurite.ts';
import type { BlobPath } from './copies.ts';
import { callStore, urlOf, writePages } from './store-calls.ts';
import { readElement, unescapeXml } from './xml.ts';

/** The blobs of the world's accounts; its accounts must be known to the store. */
export function createBlobStore(
  world: Pick<World, 'scenario' | 'hosts'>,
  azurite: Azurite,
): BlobStore {
  const accounts = (world.scenario.storageAccounts ?? []).filter(
    ({ kind }) => kind !== 'FileStorage',
  );
  return {
    seed: async () => {
      for (const { name: account, containers = [] } of accounts) {
        for (const { name: container, blobs = [] } of containers) {
          await putContainer(azurite, account, container);
          for (const blob of blobs) {
            await putBlob(azurite, { account, container, name: blob.name }, blob);
          }
        }
      }
    },
    list: async () => {
      const lists = await Promise.all(
        accounts.map(({ name }) => listAccount(azurite, name, world.hosts.blobHost(name))),
      );
      return lists.flat();
    },
  };
}

async function putContainer(azurite: Azurite, account: string, container: string): Promise<void> {
  await callStore(azurite, account, {
    method: 'PUT',
    path: `/${container}?restype=container`,
    headers: { 'content-length': 0 },
  });
}

async function putBlob(azurite: Azurite, path: BlobPath, blob: ScenarioBlob): Promise<void> {
  const text = Buffer.from(blob.text ?? '');
  const isPage = blob.type === 'PageBlob';
  const pageBytes = Math.ceil(text.length / 512) * 512;
  const body = isPage
    ? Buffer.alloc(0)
    : Buffer.concat([text], Math.max(text.length, blob.sizeBytes ?? (text.length || 512)));
  const metadata = Object.entries(blob.metadata ?? {});
  await callStore(azurite, path.account, {
    method: 'PUT',
    path: urlOf(path),
    headers: {
      ...Object.fromEntries(metadata.map(([name, value]) => [`x-ms-meta-${name}`, value])),
      'x-ms-blob-type': blob.type,
      ...(isPage && {
        'x-ms-blob-content-length': Math.max(pageBytes, blob.sizeBytes ?? (pageBytes || 512)),
      }),
      'content-length': body.length,
    },
    body,
  });
  if (isPage && text.length > 0) {
    await writePages(azurite, path, 0, Buffer.concat([text], pageBytes), {});
  }
  if (blob.leased === true) {
    await callStore(azurite, path.account, {
      method: 'PUT',
      path: urlOf(path, 'comp=lease'),
      headers: { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': -1, 'content-length': 0 },
    });
  }
}

async function listAccount(azurite: Azurite, account: string, host: string): Promise<BlobState[]> {
  const states: BlobState[] = [];
  for (const item of await listItems(azurite, account, '/?comp=list', 'Container')) {
    const container = readElement(item, 'Name') ?? '';
    const query = `/${container}?restype=container&comp=list&include=metadata`;
    for (const blob of await listItems(azurite, account, query, 'Blob')) {
      states.push(readState(azurite, { account, container, name: '' }, host, blob));
    }
  }
  return states;
}

/** The elements of a list, all pages of it. */
async function listItems(
  azurite: Azurite,
  account: string,
  path: string,
  element: string,
): Promise<string[]> {
  const items: string[] = [];
  let marker = '';
  do {
    const page = `${path}&marker=${encodeURIComponent(marker)}`;
    const { body } = await callStore(azurite, account, { method: 'GET', path: page });
    const xml = body.toString();
    items.push(...(xml.match(new RegExp(`<${element}>.*?</${element}>`, 'gs')) ?? []));
    marker = readElement(xml, 'NextMarker') ?? '';
  } while (marker !== '');
  return items;
}

function readState(azurite: Azurite, parent: BlobPath, host: string, xml: string): BlobState {
  const name = readElement(xml, 'Name') ?? '';
  const path = { ...parent, name };
  const metadata = /<Metadata>(.*?)<\/Metadata>/s.exec(xml)?.[1] ?? '';
  return {
    ...path,
    url: `https://${host}${urlOf(path)}`,
    blobType: readElement(xml, 'BlobType') ?? '',
    contentLength: Number(readElement(xml, 'Content-Length')),
    metadata: Object.fromEntries(
      [...metadata.matchAll(/<([^/>]+)>([^<]*)<\/\1>/g)].map(([, key = '', value = '']) => [
        key,
        unescapeXml(value),
      ]),
    ),
    leaseState: readElement(xml, 'LeaseState'),
    copyStatus: azurite.copies.get(path)?.status,
  };
}
