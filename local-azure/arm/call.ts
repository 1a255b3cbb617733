import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Principal, World } from '../world.ts';
import { authenticate } from './authentication.ts';
import type { Operations } from './operations.ts';
import type { PollUrlSigner } from './poll-url.ts';
import type { TokenBuckets } from './token-buckets.ts';
import type { ArmResources } from './resource-store.ts';

/** The world as Azure Resource Manager sees it. */
export type ArmWorld = World & { readonly resources: ArmResources };

/** What every handler works with. */
export interface Arm {
  readonly world: ArmWorld;
  readonly operations: Operations;
  readonly signer: PollUrlSigner;
  readonly tokens: TokenBuckets;
}

/** One call of a known caller. */
export interface Call {
  readonly request: Request;
  readonly response: Response;
  readonly principal: Principal;
  readonly query: URLSearchParams;
}

export type Handler = (arm: Arm, call: Call) => void | Promise<void>;

/** Makes a route's handler of a function that gets the authenticated call. */
export function handle(arm: Arm, handler: Handler): RequestHandler {
  return async (request: Request, response: Response) => {
    const principal = await authenticate(arm.world, request.headers.authorization);
    await handler(arm, { request, response, principal, query: queryOf(request) });
  };
}

/** The query of a request. */
export function queryOf(request: Request): URLSearchParams {
  return new URL(request.originalUrl, 'https://localhost').searchParams;
}

/** A parameter of the route; throws for one that the route does not have. */
export function parameter(call: Call, name: string): string {
  const value = call.request.params[name];
  if (typeof value !== 'string') throw new Error(`The route has no parameter "${name}".`);
  return value;
}

/** Sets the headers that every answer of Azure Resource Manager carries. */
export function setCommonHeaders(request: Request, response: Response, next: NextFunction): void {
  const id = randomUUID();
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  response.set({
    'cache-control': 'no-cache',
    pragma: 'no-cache',
    expires: '-1',
    'x-ms-request-id': id,
    'x-ms-correlation-request-id': id,
    'x-ms-routing-request-id': `LOCAL:${stamp}:${id}`,
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-cache': 'CONFIG_NOCACHE',
    ...remainingQuota(request.method),
  });
  const clientRequestId = request.get('x-ms-client-request-id');
  if (clientRequestId !== undefined && request.get('x-ms-return-client-request-id') === 'true') {
    response.set('x-ms-client-request-id', clientRequestId);
  }
  next();
}

/**
 * Buckets of a subscription, which the local Azure never empties.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
 */
function remainingQuota(method: string): Record<string, string> {
  const prefix = 'x-ms-ratelimit-remaining-subscription';
  if (method === 'GET' || method === 'HEAD') return { [`${prefix}-global-reads`]: '3749' };
  const kind = method === 'DELETE' ? 'deletes' : 'writes';
  return { [`${prefix}-${kind}`]: '199', [`${prefix}-global-${kind}`]: '2999' };
}
