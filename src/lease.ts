import { reasonOf } from './errors.ts';
import type { Journal } from './journal.ts';
import type { Log } from './ports.ts';

/** Something temporary that must be closed again. Plain data, without secrets: it goes into the journal. */
export type Lease =
  | { readonly kind: 'snapshot'; readonly id: string; readonly key: string }
  | { readonly kind: 'grant'; readonly id: string; readonly key: string }
  | {
      readonly kind: 'blob';
      readonly url: string;
      readonly key: string;
      /** Of the Copy Blob that makes it, once it is known. */
      readonly copyId?: string;
      /** A finished draft, which is put in the place of this blob; until that is done, it is all there is. */
      readonly swap?: { readonly url: string; readonly etag: string };
    }
  /** A VM that ran before, and is to run again. */
  | { readonly kind: 'stopped-vm'; readonly id: string };

/** Closes a lease in Azure. Done also when there is nothing to close; never touches what the run's key is not on. */
export type Release = (lease: Lease, signal: AbortSignal) => Promise<void>;

/** What could not be closed, and the command that would. */
export interface Leak {
  readonly lease: Lease;
  readonly reason: string;
  readonly command: string;
}

/** How long the closing of one lease may take, in milliseconds. It runs on a signal of its own: a cancelled run closes too. */
const RELEASE_TIMEOUT_MS = 5 * 60_000;

/** The leases of a run, newest last. Disposal closes what is still held, newest first, and never throws. */
export class Leases implements AsyncDisposable {
  readonly #held: Lease[] = [];
  readonly #leaks: Leak[] = [];
  readonly #journal: Journal;
  readonly #release: Release;
  readonly #log: Log;

  constructor(journal: Journal, release: Release, log: Log) {
    this.#journal = journal;
    this.#release = release;
    this.#log = log;
  }

  /** What could not be closed so far. */
  get leaks(): readonly Leak[] {
    return this.#leaks;
  }

  /** Acquires something under a lease, which is written down first: a request that was given up may still succeed. */
  async hold<T>(lease: Lease, acquire: () => Promise<T>): Promise<T> {
    this.#journal.open(lease);
    this.#held.push(lease);
    return acquire();
  }

  /** Writes down more about something held. */
  amend(lease: Lease, amended: Lease): void {
    const index = this.#held.indexOf(lease);
    if (index < 0) return;
    this.#journal.open(amended);
    this.#journal.close(lease);
    this.#held[index] = amended;
  }

  /** Closes one lease now. A failure is kept as a leak. */
  async release(lease: Lease): Promise<void> {
    if (!this.#take(lease)) return;
    const leak = await closeLease(lease, this.#release, this.#log);
    if (leak === undefined) this.#note(lease);
    else this.#leaks.push(leak);
  }

  /** Ends a lease without closing anything: from here on it belongs to the user. */
  keep(lease: Lease): void {
    if (this.#take(lease)) this.#note(lease);
  }

  /** Leases of one kind in a row are closed together, those acquired before them afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#held.length > 0) {
      const kind = this.#held.at(-1)?.kind;
      const first = this.#held.findLastIndex((lease) => lease.kind !== kind) + 1;
      await Promise.all(this.#held.slice(first).map((lease) => this.release(lease)));
    }
  }

  /** A journal that cannot be written any more (a full disk) makes the post step look again at what is closed. */
  #note(lease: Lease): void {
    try {
      this.#journal.close(lease);
    } catch (error) {
      this.#log.warn(`The journal could not be written: ${reasonOf(error)}`);
    }
  }

  #take(lease: Lease): boolean {
    const index = this.#held.indexOf(lease);
    if (index < 0) return false;
    this.#held.splice(index, 1);
    return true;
  }
}

/** Closes a lease. Never throws: what went wrong comes back as a leak. */
export async function closeLease(
  lease: Lease,
  release: Release,
  log: Log,
  signal?: AbortSignal,
): Promise<Leak | undefined> {
  const timeout = AbortSignal.timeout(RELEASE_TIMEOUT_MS);
  try {
    await release(lease, signal === undefined ? timeout : AbortSignal.any([timeout, signal]));
    log.debug(`Closed ${nameOf(lease)}.`);
    return undefined;
  } catch (error) {
    return { lease, reason: reasonOf(error), command: commandFor(lease) };
  }
}

/** One line for a warning. */
export function describeLeak({ lease, reason, command }: Leak): string {
  return `Could not close ${nameOf(lease)}: ${reason} Do it with: ${command}`;
}

function nameOf(lease: Lease): string {
  switch (lease.kind) {
    case 'snapshot':
      return `snapshot "${lease.id}"`;
    case 'grant':
      return `read access to snapshot "${lease.id}"`;
    case 'blob':
      return `unfinished blob "${lease.url}"`;
    case 'stopped-vm':
      return `the stop of VM "${lease.id}", which ran before`;
  }
}

function commandFor(lease: Lease): string {
  switch (lease.kind) {
    case 'snapshot':
      return `az snapshot delete --ids "${lease.id}"`;
    case 'grant':
      return `az snapshot revoke-access --ids "${lease.id}"`;
    case 'blob':
      return `az storage blob delete --auth-mode login --blob-url "${lease.url}"`;
    case 'stopped-vm':
      return `az vm start --ids "${lease.id}"`;
  }
}
