import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createOwner, type AccountOwner } from './account-owner.ts';
import { createCopies, type BlobPath, type Copies } from './copies.ts';
import { drain, readText } from './body.ts';
import { splitPath } from './operations.ts';
import { PageBlobLengths } from './page-blob-lengths.ts';
import { RecentPages } from './recent-pages.ts';

/** The store behind the blob gateway: one process of Azurite. */
export interface Azurite {
  /** Copies under way and done; kept with the store, so that they end with its contents. */
  readonly copies: Copies;
  /** What is known of page blobs without asking. */
  readonly lengths: PageBlobLengths;
  readonly recent: RecentPages;
  /** Makes accounts known. One that is new starts the process again, which empties the store. */
  ensureAccounts(names: readonly string[]): Promise<void>;
  /** Cancels copies and removes all containers. */
  clear(): Promise<void>;
  close(): Promise<void>;
  /** Sends a request as the owner of an account; the caller reads the answer to its end. */
  send(account: string, message: StoreRequest): Promise<IncomingMessage>;
}

export interface StoreRequest {
  readonly method: string;
  /** Container, blob and query as they are on the wire: `/container/blob?comp=...`. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Readable | Buffer;
}

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly folder: string;
}

const IDLE_MS = 3000;
const RECENT_BYTES = 128 * 1024 * 1024;

/** Prepares the store with its data under a folder; its process starts with the first accounts. */
export function startAzurite(directory: string): Promise<Azurite> {
  const copies = createCopies();
  const lengths = new PageBlobLengths();
  const recent = new RecentPages(RECENT_BYTES);
  const forget = (blob?: BlobPath) => {
    lengths.forget(blob);
    recent.forget(blob);
  };
  // The store closes a connection that was idle for five seconds, perhaps just when it is used again.
  const agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: IDLE_MS });
  const owners = new Map<string, AccountOwner>();
  let running: Running | undefined;
  const stop = async () => {
    await copies.clear();
    forget();
    await (running && stopProcess(running));
    running = undefined;
  };
  const send = (account: string, message: StoreRequest) => {
    const owner = owners.get(account);
    if (running === undefined || owner === undefined) {
      throw new Error(`The blob store does not know the account "${account}".`);
    }
    const path = `/${account}${owner.sign(message.path)}`;
    const answer = sendRequest(agent, running.port, path, message);
    if (isRead(message) || writesPages(message)) return answer;
    const changed = blobIn(account, message);
    forget(changed);
    return answer.finally(() => {
      forget(changed);
    });
  };
  return Promise.resolve({
    copies,
    lengths,
    recent,
    send,
    ensureAccounts: async (names) => {
      const unknown = names.filter((name) => !owners.has(name));
      if (unknown.length === 0 && (running !== undefined || names.length === 0)) {
        return;
      }
      await stop();
      const secrets = new Map([...owners.keys(), ...unknown].map((name) => [name, newKey()]));
      running = await startProcess(directory, secrets);
      for (const [name, secret] of secrets) {
        owners.set(name, createOwner(name, secret));
      }
    },
    clear: async () => {
      await copies.clear();
      await Promise.all([...owners.keys()].map((account) => removeContainers(send, account)));
    },
    close: async () => {
      await stop();
      agent.destroy();
    },
  });
}

const isRead = ({ method }: StoreRequest): boolean => method === 'GET' || method === 'HEAD';

/** The blob that a request is for; undefined for one that is for a container, or all of them. */
function blobIn(account: string, { path }: StoreRequest): BlobPath | undefined {
  const { pathname, searchParams } = new URL(path, 'http://store');
  const [container, name] = splitPath(pathname, searchParams.get('restype') ?? '-');
  return name === '' ? undefined : { account, container, name };
}

/** Only `writePages` spells the header so: what is forwarded, such as clearing pages, keeps its own case or says clear. */
const writesPages = ({ path, headers = {} }: StoreRequest): boolean =>
  /[?&]comp=page(?:&|$)/.test(path) && headers['x-ms-page-write'] === 'update';

const newKey = (): string => randomBytes(64).toString('base64');

async function startProcess(
  directory: string,
  secrets: ReadonlyMap<string, string>,
): Promise<Running> {
  const folder = await mkdtemp(join(directory, 'azurite-'));
  const child = fork(
    fileURLToPath(new URL('azurite-process.ts', import.meta.url)),
    [
      ...['--location', folder, '--blobHost', '127.0.0.1', '--blobPort', '0', '--silent'],
      ...['--disableTelemetry', '--skipApiVersionCheck', '--disableProductStyleUrl'],
    ],
    {
      cwd: folder,
      execArgv: [],
      env: {
        ...process.env,
        AZURITE_ACCOUNTS: [...secrets].map(([name, key]) => `${name}:${key}`).join(';'),
        AZURITE_DB: undefined,
        NODE_OPTIONS: undefined,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  return { child, folder, port: await readPort(child) };
}

/** The port that Azurite names in its output; an error with what it says if it ends instead. */
async function readPort(child: ChildProcess): Promise<number> {
  const errors: string[] = [];
  child.stderr?.on('data', (text: Buffer) => errors.push(text.toString()));
  if (child.stdout) {
    for await (const line of createInterface({ input: child.stdout })) {
      const port = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port !== undefined) {
        child.stdout.resume();
        return Number(port);
      }
    }
  }
  throw new Error(`The blob store did not start: ${errors.join('').trim()}`);
}

async function stopProcess({ child, folder }: Running): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function sendRequest(
  agent: Agent,
  port: number,
  path: string,
  { method, headers, body }: StoreRequest,
): Promise<IncomingMessage> {
  const outgoing = request({ agent, host: '127.0.0.1', port, path, method, headers });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject);
  });
  if (body === undefined || Buffer.isBuffer(body)) {
    outgoing.end(body);
  } else {
    pipeline(body, outgoing).catch((error: unknown) => {
      outgoing.destroy(error instanceof Error ? error : undefined);
    });
  }
  return answer;
}

async function removeContainers(send: Azurite['send'], account: string): Promise<void> {
  const list = await readText(await send(account, { method: 'GET', path: '/?comp=list' }));
  for (const [, name] of list.matchAll(/<Container><Name>([^<]*)<\/Name>/g)) {
    await drain(
      await send(account, { method: 'DELETE', path: `/${name ?? ''}?restype=container` }),
    );
  }
}
