import { randomUUID } from 'node:crypto';

export type CopyStatus = 'pending' | 'success' | 'aborted' | 'failed';

/** A blob's place; names are decoded. */
export interface BlobPath {
  readonly account: string;
  readonly container: string;
  readonly name: string;
}

/** The last Copy Blob onto a blob. */
export interface Copy {
  readonly id: string;
  /** As the client gave it, a SAS included: Azure shows it so to every reader of the blob. */
  readonly source: string;
  readonly totalBytes: number;
  /** What the blob shows while the copy is pending, though its pages change. */
  readonly startTag: { readonly etag: string; readonly lastModified: string };
  readonly cancel: AbortController;
  /** Settled by the first status read. */
  readonly firstRead: PromiseWithResolvers<void>;
  /** Settled once nothing more is written to the blob. */
  settled: Promise<void>;
  status: CopyStatus;
  doneBytes: number;
  description: string | undefined;
  completedAt: Date | undefined;
  wasRead: boolean;
}

/** The copies of a store by destination. */
export interface Copies {
  get(path: BlobPath): Copy | undefined;
  set(path: BlobPath, copy: Copy): void;
  /** Settled once the copies into an account that run now are over. */
  turnIn(account: string): Promise<unknown>;
  /** Holds a blob while a copy onto it starts; undefined when one is starting already. */
  lock(path: BlobPath): Disposable | undefined;
  /** Cancels and forgets the copy of a blob, or those of a whole container. */
  forget(path: Omit<BlobPath, 'name'> & { readonly name?: string }): void;
  /** Cancels and forgets all copies, and waits until none of them writes any more. */
  clear(): Promise<void>;
}

/** A copy that has just started. One that is `paced` tells the truth from the first read on. */
export function newCopy(
  start: Pick<Copy, 'source' | 'totalBytes' | 'startTag'> & { readonly paced: boolean },
): Copy {
  const { source, totalBytes, startTag, paced } = start;
  return {
    ...{ id: randomUUID(), source, totalBytes, startTag },
    cancel: new AbortController(),
    firstRead: Promise.withResolvers(),
    settled: Promise.resolve(),
    status: 'pending',
    doneBytes: 0,
    description: undefined,
    completedAt: undefined,
    wasRead: paced,
  };
}

/** Whether clients find the copy pending. The first read always does, unless copies are paced. */
export function isPending(copy: Copy | undefined): boolean {
  return copy !== undefined && (copy.status === 'pending' || !copy.wasRead);
}

export function endCopy(copy: Copy, status: CopyStatus, description?: string): void {
  copy.status = status;
  copy.description = description;
  copy.completedAt = new Date();
  if (status === 'success') copy.doneBytes = copy.totalBytes;
}

/**
 * The state that a status read shows, as header values by their names after `x-ms-copy-`. A copy that ended while the
 * rest was read is still shown as pending.
 */
export function readStatus(
  copy: Copy,
  pending = isPending(copy),
): Readonly<Record<string, string>> {
  const doneBytes = copy.wasRead ? copy.doneBytes : halfOf(copy.totalBytes);
  if (!copy.wasRead) {
    copy.wasRead = true;
    // Progress never goes back: the read after this one shows as much or more.
    copy.doneBytes = Math.max(copy.doneBytes, doneBytes);
    copy.firstRead.resolve();
  }
  return {
    id: copy.id,
    source: copy.source,
    status: pending ? 'pending' : copy.status,
    progress: `${doneBytes}/${copy.totalBytes}`,
    ...(!pending && copy.completedAt && { 'completion-time': copy.completedAt.toUTCString() }),
    ...(!pending && copy.description && { 'status-description': copy.description }),
  };
}

/** About half of the bytes, on a page's border. */
export function halfOf(totalBytes: number): number {
  return Math.floor(totalBytes / 1024) * 512;
}

export function createCopies(): Copies {
  const copies = new Map<string, Copy>();
  const locks = new Set<string>();
  const forgetKey = (key: string) => {
    copies.get(key)?.cancel.abort();
    copies.delete(key);
  };
  return {
    get: (path) => copies.get(keyOf(path)),
    set: (path, copy) => copies.set(keyOf(path), copy),
    turnIn: (account) => {
      const running = [...copies].filter(([key]) => key.startsWith(`${account}/`));
      return Promise.all(running.map(([, { settled }]) => settled));
    },
    lock: (path) => {
      const key = keyOf(path);
      if (locks.has(key)) return undefined;
      locks.add(key);
      return { [Symbol.dispose]: () => locks.delete(key) };
    },
    forget: ({ account, container, name }) => {
      if (name !== undefined) {
        forgetKey(keyOf({ account, container, name }));
        return;
      }
      const prefix = keyOf({ account, container, name: '' });
      [...copies.keys()].filter((key) => key.startsWith(prefix)).forEach(forgetKey);
    },
    clear: async () => {
      const running = [...copies.values()].map(({ settled }) => settled);
      [...copies.keys()].forEach(forgetKey);
      await Promise.all(running);
    },
  };
}

/** One text for one blob. */
export const keyOf = ({ account, container, name }: BlobPath): string =>
  `${account}/${container}/${name}`;
