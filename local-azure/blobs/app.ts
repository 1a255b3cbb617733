import type { RequestListener } from 'node:http';
import { contextOf } from '../edge/call-context.ts';
import type { World } from '../world.ts';
import { checkFirewall, identify } from './access.ts';
import type { Azurite } from './azurite.ts';
import { drain } from './body.ts';
import { sendBlobList } from './blob-list.ts';
import { checkBlobType, checkLength } from './blob-types.ts';
import { versionOf, type BlobCall } from './call.ts';
import { isPending, type BlobPath } from './copies.ts';
import { abortCopy } from './abort-copy.ts';
import { startCopy } from './copy-requests.ts';
import { forward } from './forward.ts';
import { checkMutable } from './immutability.ts';
import { carryCall } from './call-load.ts';
import type { Load } from './load.ts';
import { pathOf, readOperation, type OperationKind } from './operations.ts';
import { sendPageRanges } from './page-ranges.ts';
import { putPageFromUrl } from './put-page-from-url.ts';
import { putPage } from './put-page.ts';
import { sendProblem } from './answer.ts';
import { problems, Refusal } from './problems.ts';
import { findBlob, urlOf } from './store-calls.ts';
import { sendDelegationKey } from './user-delegation-key.ts';

/** The gateway for the blob hosts of all accounts. `close` cancels the copies under way. */
export function createBlobApp(
  world: World,
  azurite: Azurite,
  load: Load,
): RequestListener & { close(): void } {
  const listener: RequestListener = (request, response) => {
    serve({ world, azurite, load, request, response }).catch(async (error: unknown) => {
      // A client that is still sending would lose the answer with the connection.
      await drain(request).catch(() => undefined);
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
  'put-page-from-url': putPageFromUrl,
  'delegation-key': sendDelegationKey,
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
  'put-page-from-url',
  'set-properties',
  'delete-blob',
  'change-blob',
];

/** What an immutable blob refuses once it is there. */
const changingKinds: readonly OperationKind[] = [
  'put-blob',
  'put-page',
  'put-page-from-url',
  'start-copy',
  'set-properties',
  'delete-blob',
];

/** What writes pages, which may keep others from reading the blob. */
const writingKinds: readonly OperationKind[] = ['put-page', 'put-page-from-url'];

/** A request to a blob host of which nothing is known yet. */
type Arrived = Pick<BlobCall, 'world' | 'azurite' | 'load' | 'request' | 'response'>;

async function serve(arrived: Arrived): Promise<void> {
  const { world, azurite, load, request } = arrived;
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
  checkFirewall(account);
  const { caller, principal } = await identify(world, account, accountName, request);
  const operation = readOperation(request);
  const path = pathOf(accountName, operation);
  const exists = async () => (await findBlob(azurite, path)) !== undefined;
  await caller.authorize({ ...operation, account, exists });
  await vanish(arrived, path);
  if (lockedKinds.includes(operation.kind) && isPending(azurite.copies.get(path))) {
    throw new Refusal(problems.pendingCopy);
  }
  if (changingKinds.includes(operation.kind)) await checkMutable(world, path, exists);
  const call = { ...arrived, account, accountName, operation, path, caller, principal };
  using _write = writingKinds.includes(operation.kind) ? load.startWrite(path) : undefined;
  // A write from a URL is carried with its source.
  if (load.isOn && operation.kind !== 'put-page-from-url') await carryCall(call);
  await (handlers[operation.kind] ?? forward)(call);
}

/** Acts out the fault that takes a blob or its container away. */
async function vanish({ azurite, request }: Arrived, path: BlobPath): Promise<void> {
  const { fault } = contextOf(request);
  if (fault?.kind !== 'vanish') return;
  const { account, container } = path;
  const isBlob = fault.what === 'blob';
  azurite.copies.forget(isBlob ? path : { account, container });
  const url = isBlob ? urlOf(path) : `/${container}?restype=container`;
  await drain(await azurite.send(account, { method: 'DELETE', path: url }));
}

async function putBlob(call: BlobCall): Promise<void> {
  const { headers } = call.request;
  const blobType = headers['x-ms-blob-type'];
  if (typeof blobType === 'string') checkBlobType(call.account, blobType);
  if (blobType === 'PageBlob') checkLength(Number(headers['x-ms-blob-content-length']));
  await forwardAndForget(call);
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
