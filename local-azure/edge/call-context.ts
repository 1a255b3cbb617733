import type { IncomingMessage } from 'node:http';
import type { CallContext } from '../world.ts';

const contexts = new WeakMap<IncomingMessage, CallContext>();

/** Hands what the edge knows of a call to the service that answers it. */
export function setContext(request: IncomingMessage, context: CallContext): void {
  contexts.set(request, context);
}

/** What the edge knows of a call; nothing for a request that did not come through it. */
export function contextOf(request: IncomingMessage): CallContext {
  return contexts.get(request) ?? { fault: undefined };
}
