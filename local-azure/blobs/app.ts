import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { World } from '../world.ts';
import { authenticate, authorize, checkAccount } from './access.ts';
import type { Azurite } from './azurite.ts';
import { sendBlobList } from './blob-list.ts';
import { checkBlobType, checkLength } from './blob-types.ts';
import { versionOf, type BlobCall } from './call.ts';
import { isPending } from './copies.ts';
import { abortCopy, startCopy } from './copy-requests.ts';
import { forward } from './forward.ts';
import { parseRange } from './http-range.ts';
import { pathOf, readOperation, type OperationKind } from './operations.ts';
import { sendPageRanges } from './page-ranges.ts';
import { problems, Refusal, sendProblem } from './problems.ts';
import { findBlob } from './store-calls.ts';

/** The gateway for the blob hosts of all accounts. `close` cancels the copies under way. */
export function createBlobApp(world: World, azurite: Azurite): RequestListener & { close(): void } {
  const listener: RequestListener = (request, response) => {
    serve(world, azurite, request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const problem = error instanceof Refusal ? error.problem : problems.internalError;
      sendProblem(request, response, problem, versionOf(request));
    });
  };
  return Object.assign(listener, {
    close: () => {
      void azurite.copies.clear();
    },
  });
}

/** What is done for an operation; the store does all others by itself. */
const handlers: Readonly<Partial<Record<OperationKind, (call: BlobCall) => Promise<void>>>> = {
  'list-blobs': sendBlobList,
  'list-pages': sendPageRanges,
  'put-blob': putBlob,
  'put-page': putPage,
  'start-copy': startCopy,
  'abort-copy': abortCopy,
  'set-properties': forwardAndForget,
  'delete-blob': forwardAndForget,
  'delete-container': forwardAndForget,
};

/** What a blob refuses while a copy onto it is pending. */
const lockedKinds: readonly OperationKind[] = [
  'list-pages',
  'put-blob',
  'put-page',
  'set-properties',
  'delete-blob',
  'change-blob',
];

async function serve(
  world: World,
  azurite: Azurite,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const accountName = world.hosts.accountOf((request.headers.host ?? '').replace(/:\d+$/, ''));
  const account = world.resources.account(accountName ?? '');
  // In Azure the name of an account that does not exist is not even resolved.
  if (
    accountName === undefined ||
    account === undefined ||
    account.body['kind'] === 'FileStorage'
  ) {
    throw new Refusal(problems.resourceNotFound);
  }
  checkAccount(account, request);
  const principal = await authenticate(world, accountName, request);
  const operation = readOperation(request);
  const path = pathOf(accountName, operation);
  await authorize(
    principal,
    account,
    operation,
    async () => (await findBlob(azurite, path)) !== undefined,
  );
  if (lockedKinds.includes(operation.kind) && isPending(azurite.copies.get(path))) {
    throw new Refusal(problems.pendingCopy);
  }
  const handle = handlers[operation.kind] ?? forward;
  await handle({
    ...{ world, azurite, request, response, account, accountName, principal, operation, path },
  });
}

async function putBlob(call: BlobCall): Promise<void> {
  const { headers } = call.request;
  const blobType = headers['x-ms-blob-type'];
  if (typeof blobType === 'string') checkBlobType(call.account, blobType);
  if (blobType === 'PageBlob') checkLength(Number(headers['x-ms-blob-content-length']));
  await forwardAndForget(call);
}

/** The store looks only at where a write starts. */
async function putPage(call: BlobCall): Promise<void> {
  const blob = await findBlob(call.azurite, call.path);
  const end = parseRange(call.request)?.end ?? 0;
  if (blob !== undefined && end > Number(blob.headers['content-length'])) {
    throw new Refusal(problems.invalidPageRange);
  }
  await forward(call);
}

/** After these a blob no longer tells of the copy that made it. */
async function forwardAndForget(call: BlobCall): Promise<void> {
  const { azurite, accountName: account, operation, path } = call;
  await forward(call, () => {
    if (operation.kind === 'delete-container') {
      azurite.copies.forget({ account, container: operation.container });
    } else if (!operation.query.has('snapshot')) {
      azurite.copies.forget(path);
    }
  });
}
