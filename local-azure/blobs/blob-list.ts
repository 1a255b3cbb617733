import { readText } from './body.ts';
import type { BlobCall } from './call.ts';
import { isPending, readStatus, type Copy } from './copies.ts';
import { returnHeaders, sendToStore } from './forward.ts';
import { escapeXml, readElement } from './xml.ts';

/** The elements of a copy in the order that Azure lists them, by their keys in the status. */
const elements = {
  id: 'CopyId',
  source: 'CopySource',
  status: 'CopyStatus',
  progress: 'CopyProgress',
  'completion-time': 'CopyCompletionTime',
  'status-description': 'CopyStatusDescription',
};

/** Answers List Blobs with the store's list, under the account's own address and with the gateway's copies. */
export async function sendBlobList(call: BlobCall): Promise<void> {
  const { azurite, world, accountName, operation, response } = call;
  const answer = await sendToStore(call);
  const includesCopy = (operation.query.get('include') ?? '').split(',').includes('copy');
  const xml = (await readText(answer))
    .replace(
      /ServiceEndpoint="[^"]*"/,
      `ServiceEndpoint="https://${world.hosts.blobHost(accountName)}/"`,
    )
    .replace(/<Blob>.*?<\/Blob>/gs, (blob) => {
      const name = readElement(blob, 'Name') ?? '';
      const path = { account: accountName, container: operation.container, name };
      const copy = blob.includes('<Snapshot>') ? undefined : azurite.copies.get(path);
      return showCopy(blob, copy, includesCopy);
    });
  const body = `\ufeff${xml}`;
  response
    .writeHead(200, { ...returnHeaders(call, answer), 'content-length': Buffer.byteLength(body) })
    .end(body);
}

function showCopy(blob: string, copy: Copy | undefined, includesCopy: boolean): string {
  const bare = blob.replace(/<(Copy[A-Za-z]+)>[^<]*<\/\1>/g, '');
  if (copy === undefined) {
    return bare;
  }
  const tagged = isPending(copy)
    ? bare
        .replace(/<Etag>[^<]*/, `<Etag>${escapeXml(copy.startTag.etag.replaceAll('"', ''))}`)
        .replace(/<Last-Modified>[^<]*/, `<Last-Modified>${copy.startTag.lastModified}`)
    : bare;
  const status = includesCopy ? readStatus(copy) : {};
  const shown = Object.entries(elements).flatMap(([key, element]) => {
    const value = status[key];
    return value === undefined ? [] : [`<${element}>${escapeXml(value)}</${element}>`];
  });
  return tagged.replace('</Properties>', () => `${shown.join('')}</Properties>`);
}
