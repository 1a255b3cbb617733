import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, Resource, World } from '../world.ts';
import type { Azurite } from './azurite.ts';
import type { Caller } from './caller.ts';
import type { BlobPath } from './copies.ts';
import type { Load } from './load.ts';
import type { Operation } from './operations.ts';

/** One request to a blob host, once it is known who asks for what. */
export interface BlobCall {
  readonly world: World;
  readonly azurite: Azurite;
  readonly load: Load;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly account: Resource;
  readonly accountName: string;
  readonly caller: Caller;
  /** Of a caller with a bearer token. */
  readonly principal: Principal | undefined;
  readonly operation: Operation;
  /** The blob, where the operation is on one. */
  readonly path: BlobPath;
}

/** The service version that a request asks for. */
export function versionOf(request: IncomingMessage): string | undefined {
  const version = request.headers['x-ms-version'];
  return typeof version === 'string' ? version : undefined;
}

/** The headers of a request that are named, with their values as they came. */
export function pickHeaders(
  { headers }: IncomingMessage,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value] as const] : [];
    }),
  );
}

/** The lease that a request holds, as a header of its own. */
export function leaseOf(request: IncomingMessage): Record<string, string> {
  return pickHeaders(request, ['x-ms-lease-id']);
}

/** Metadata headers, whose names keep their case. */
export function readMetadata({ rawHeaders }: IncomingMessage): Record<string, string> {
  const found: Record<string, string> = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.toLowerCase().startsWith('x-ms-meta-')) found[name] = rawHeaders[index + 1] ?? '';
  }
  return found;
}
