import type { IncomingMessage } from 'node:http';
import { buffer, text } from 'node:stream/consumers';

/** Reads a body to its end as text, without the byte order mark that Azure puts first. */
export async function readText(message: IncomingMessage): Promise<string> {
  return (await text(message)).replace(/^\ufeff/, '');
}

/** Reads a body to its end. */
export async function readBytes(message: IncomingMessage): Promise<Buffer> {
  return buffer(message);
}

/** Throws a body away, which frees its connection. */
export async function drain(message: IncomingMessage): Promise<void> {
  await buffer(message);
}
