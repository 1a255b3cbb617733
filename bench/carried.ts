import { Agent, request } from 'node:https';
import { PageBlobClient } from '@azure/storage-blob';
import { ClientSecretCredential } from '@azure/identity';
import { computeClient, grantDisk } from './disk-access.ts';
import { withLocalAzure } from './local-azure-run.ts';
import {
  buildScenario,
  clientId,
  clientSecret,
  container,
  diskName,
  PIECE_BYTES,
  tenantId,
} from './scenario.ts';
import { time } from './stopwatch.ts';

const BLOBS = 10;
const PIECES = 1500;
const IN_FLIGHT = 16;
const EVERY_BYTES = 10 * PIECE_BYTES;

/** Pieces per second that the local Azure carries with its model off, for who asks with little work of its own. */
export interface Carried {
  readonly fromExports: number;
  readonly fromBlobs: number;
  /** Half of the pieces from each. */
  readonly mixed: number;
}

/** Measures it, with writes of pieces from URLs to several blobs at once. */
export async function measureCarried(): Promise<Carried> {
  return await withLocalAzure(buildScenario({ pieces: PIECES }), async () => {
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret);
    const { token } = await credential.getToken('https://storage.azure.com/.default');
    const sas = await grantDisk(computeClient(), diskName);
    const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT, proxyEnv: process.env });
    const blobOf = (name: string) => (piece: number) => urlOf(`${name}-${piece % BLOBS}.vhd`);
    await Promise.all(
      ['first', 'exports', 'mixed', 'blobs']
        .flatMap((name) => Array.from({ length: BLOBS }, (_, blob) => blobOf(name)(blob)))
        .map((url) => new PageBlobClient(url, credential).create(PIECES * EVERY_BYTES)),
    );
    const measure = async (name: string, sourceOf: (piece: number) => string) => {
      const writer = { agent, token, targetOf: blobOf(name) };
      return PIECES / (await time(() => writeAll(writer, sourceOf))).seconds;
    };
    try {
      // The first pass warms up what is measured after it.
      await measure('first', () => sas);
      const fromExports = await measure('exports', () => sas);
      const half = (piece: number) => (piece % 20 < 10 ? sas : blobOf('exports')(piece));
      const mixed = await measure('mixed', half);
      const fromBlobs = await measure('blobs', blobOf('mixed'));
      return { fromExports, fromBlobs, mixed };
    } finally {
      agent.destroy();
    }
  });
}

interface Writer {
  readonly agent: Agent;
  readonly token: string;
  /** The blob that gets a piece. */
  readonly targetOf: (piece: number) => string;
}

function urlOf(name: string): string {
  return `https://benchwe1.blob.core.windows.net/${container}/${name}`;
}

async function writeAll(writer: Writer, sourceOf: (piece: number) => string): Promise<void> {
  const queue = Array.from({ length: PIECES }, (_, piece) => piece).values();
  const work = async () => {
    for (const piece of queue) await writePiece(writer, piece, sourceOf(piece));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
}

/** The SDK would take as much of the machine as the local Azure does. */
async function writePiece(
  { agent, token, targetOf }: Writer,
  piece: number,
  source: string,
): Promise<void> {
  const start = piece * EVERY_BYTES;
  const range = `bytes=${start}-${start + PIECE_BYTES - 1}`;
  const outgoing = request(`${targetOf(piece)}?comp=page`, {
    agent,
    method: 'PUT',
    headers: {
      authorization: `Bearer ${token}`,
      'content-length': 0,
      'x-ms-copy-source': source,
      'x-ms-page-write': 'update',
      'x-ms-range': range,
      'x-ms-source-range': range,
      'x-ms-version': '2024-11-04',
    },
  });
  await new Promise<void>((resolve, reject) => {
    outgoing.on('error', reject).on('response', (answer) => {
      answer.resume().on('end', () => {
        if (answer.statusCode === 201) resolve();
        else reject(new Error(`A piece was refused with status ${answer.statusCode ?? 0}.`));
      });
    });
    outgoing.end();
  });
}
