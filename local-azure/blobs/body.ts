import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';

/** Reads a body to its end as text, without the byte order mark that Azure puts first. */
export async function readText(message: IncomingMessage): Promise<string> {
  return (await text(message)).replace(/^\ufeff/, '');
}

/** Reads a body to its end. */
export async function readBytes(message: IncomingMessage): Promise<Buffer> {
  // Several times as fast as the consumer of node:stream, and as an iterator.
  const chunks: Buffer[] = [];
  message.on('data', (chunk: Buffer) => chunks.push(chunk));
  await finished(message);
  return Buffer.concat(chunks);
}

/** Throws a body away, which frees its connection. */
export async function drain(message: IncomingMessage): Promise<void> {
  message.resume();
  await finished(message);
}
