import { serviceHeaders } from './answer.ts';
import { leaseOf, versionOf, type BlobCall } from './call.ts';
import { isPending } from './copies.ts';
import { emptyAndEnd } from './copy-job.ts';
import { problems, Refusal } from './problems.ts';
import { findBlob } from './store-calls.ts';

/** Answers Abort Copy Blob. {@link https://learn.microsoft.com/rest/api/storageservices/abort-copy-blob} */
export async function abortCopy(call: BlobCall): Promise<void> {
  const { azurite, path, request, response, operation } = call;
  const copyId = operation.query.get('copyid');
  if (request.headers['x-ms-copy-action'] !== 'abort' || copyId === null) {
    throw new Refusal(problems.invalidHeaderValue);
  }
  const blob = await findBlob(azurite, path);
  if (blob === undefined) throw new Refusal(problems.blobNotFound);
  const copy = azurite.copies.get(path);
  if (copy === undefined || !isPending(copy)) throw new Refusal(problems.noPendingCopy);
  if (copy.id !== copyId) throw new Refusal(problems.copyIdMismatch);
  const lease = leaseOf(request);
  if (blob.headers['x-ms-lease-state'] === 'leased' && lease['x-ms-lease-id'] === undefined) {
    throw new Refusal(problems.leaseIdMissing);
  }
  copy.cancel.abort();
  await copy.settled;
  await emptyAndEnd({ azurite, path, copy, lease }, 'aborted');
  copy.wasRead = true;
  const headers = serviceHeaders(request, versionOf(request));
  response.writeHead(204, { ...headers, 'content-length': 0 }).end();
}
