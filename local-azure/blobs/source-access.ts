import type { DiskExport, Resource } from '../world.ts';
import { contextOf } from '../edge/call-context.ts';
import { storageCodeOf } from '../edge/fault-answer.ts';
import { checkFirewall, identifyByUrl } from './access.ts';
import { identifyBearer } from './bearer-caller.ts';
import { versionOf, type BlobCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { BlobPath } from './copies.ts';
import { splitPath } from './operations.ts';
import {
  cannotVerifySource,
  problems,
  Refusal,
  relaySourceProblem,
  type Problem,
} from './problems.ts';

/** The source of a copy, which the caller may read. */
export type SourcePlace =
  | { readonly kind: 'export'; readonly found: DiskExport }
  | { readonly kind: 'blob'; readonly path: BlobPath };

/** The most that Azure takes as an address of a source, in characters. */
const MAX_URL_LENGTH = 2048;

/** The address in `x-ms-copy-source`; refuses what is none. */
export function parseSource({ request: { headers } }: BlobCall): URL {
  const value = headers['x-ms-copy-source'];
  const url =
    typeof value === 'string' && value.length <= MAX_URL_LENGTH ? URL.parse(value) : undefined;
  if (!url) throw new Refusal(problems.invalidHeaderValue);
  return url;
}

/** Finds what the address of a source names, and refuses as Azure does where it cannot be read. */
export async function openPlace(call: BlobCall, url: URL): Promise<SourcePlace> {
  const place = await findPlace(call, url);
  const { fault } = contextOf(call.request);
  if (fault?.kind !== 'source-answer') return place;
  const {
    status,
    code = storageCodeOf(status),
    message = 'The source cannot be read now.',
  } = fault;
  throw new Refusal(relaySourceProblem({ status, code, message }, versionOf(call.request)));
}

async function findPlace(call: BlobCall, url: URL): Promise<SourcePlace> {
  const { world } = call;
  if (world.hosts.serviceOf(url.hostname) === 'export') return openExport(call, url);
  const name = world.hosts.accountOf(url.hostname);
  const account = world.resources.account(name ?? '');
  if (name === undefined || account === undefined) {
    throw new Refusal(refuseStranger(call));
  }
  const [container, blob] = splitPath(url.pathname);
  await authorizeRead(call, url, { name, account, container, blob });
  if (url.searchParams.has('snapshot')) throw new Refusal(problems.blobNotFound);
  return { kind: 'blob', path: { account: name, container, name: blob } };
}

/** Exports belong to accounts of Microsoft's own tenant, which a copy scope shuts out. */
function openExport(call: BlobCall, url: URL): SourcePlace {
  const { world, account, request } = call;
  checkCopyScope(account);
  const found = world.exports.open(url);
  if (typeof found === 'object') return { kind: 'export', found };
  const problem = found === 'missing' ? problems.resourceNotFound : problems.authenticationFailed;
  throw new Refusal(relaySourceProblem(problem, versionOf(request)));
}

function checkCopyScope({ body }: Resource): void {
  if (typeof body.properties['allowedCopyScope'] === 'string') {
    throw new Refusal(problems.authorizationFailure);
  }
}

interface NamedBlob {
  readonly name: string;
  readonly account: Resource;
  readonly container: string;
  readonly blob: string;
}

/** A SAS or a token for the source counts first; without one, a blob of the same account is read as the caller. */
async function authorizeRead(call: BlobCall, url: URL, source: NamedBlob): Promise<void> {
  const { name, account, container, blob } = source;
  const permission = { isData: true, action: 'containers/blobs/read' };
  const exists = () => Promise.resolve(true);
  const wish = { kind: 'read-blob', account, container, blob, permission, exists } as const;
  const isOwn = name === call.accountName;
  const isGiven = url.searchParams.has('sig') || sourceToken(call) !== undefined;
  if (isOwn && !isGiven) {
    await call.caller.authorize(wish);
    return;
  }
  if (!isGiven) throw new Refusal(refuseStranger(call));
  try {
    checkFirewall(account);
    const reader = await identifyReader(call, url, source);
    await reader.authorize(wish);
  } catch (error) {
    throw error instanceof Refusal
      ? new Refusal(relaySourceProblem(error.problem, versionOf(call.request)))
      : error;
  }
}

async function identifyReader(
  call: BlobCall,
  url: URL,
  { name, account }: NamedBlob,
): Promise<Caller> {
  if (url.searchParams.has('sig')) return identifyByUrl(call.world, account, name, url);
  return (await identifyBearer(call.world, name, sourceToken(call))).caller;
}

/** Only the operations that copy at once take a token for their source. */
function sourceToken({ operation, request }: BlobCall): string | undefined {
  const value = request.headers['x-ms-copy-source-authorization'];
  return operation.kind !== 'start-copy' && typeof value === 'string' ? value : undefined;
}

/** Seen from another account, a private blob without a SAS; the words changed with service version 2020-10-02. */
function refuseStranger({ request }: BlobCall): Problem {
  return (versionOf(request) ?? '') >= '2020-10-02'
    ? cannotVerifySource(401, 'Could not verify the copy source within the specified time.')
    : cannotVerifySource(404, problems.resourceNotFound.message);
}
