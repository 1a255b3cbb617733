import type { ServerResponse } from 'node:http';

/**
 * Closes the connection of an answer after so many bytes of its body; a body that ends before comes through. With none,
 * the whole answer is lost, headers included, though the service has done its work.
 */
export function cutBody(response: ServerResponse, afterBytes: number): void {
  const write = response.write.bind(response) as (bytes: Buffer, done: () => void) => boolean;
  const end = response.end.bind(response) as () => ServerResponse;
  let leftBytes = afterBytes;
  let isCut = false;
  /** Whether the answer may go on. */
  const pass = (chunk: unknown): boolean => {
    if (afterBytes === 0) {
      isCut = true;
      response.socket?.destroy();
      return false;
    }
    if (isCut || !(typeof chunk === 'string' || chunk instanceof Uint8Array)) return !isCut;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk);
    isCut = bytes.length > leftBytes;
    const close = isCut ? () => response.socket?.destroy() : () => undefined;
    write(bytes.subarray(0, leftBytes), close);
    leftBytes -= bytes.length;
    return !isCut;
  };
  Object.assign(response, {
    write: (chunk: unknown) => pass(chunk),
    end: (chunk?: unknown) => (pass(chunk) ? end() : response),
  });
}

/** Keeps a whole answer back, headers included, though the service has done its work; the connection stays open. */
export function keepBack(response: ServerResponse): void {
  Object.assign(response, {
    flushHeaders: () => undefined,
    write: () => true,
    end: () => response,
  });
}
