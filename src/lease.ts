import { inClosingOrder } from './clone/closing-order.ts';
import { reasonOf } from './errors.ts';
import type { Journal } from './journal.ts';
import type { Log } from './ports.ts';

/** Something temporary that must be closed again. Plain data, without secrets: it goes into the journal. */
export type Lease =
  | {
      readonly kind: 'snapshot';
      readonly id: string;
      readonly key: string;
      /** A run that fails leaves it for its re-run, and for the sweep after its expiry. */
      readonly stays?: true;
    }
  | { readonly kind: 'grant'; readonly id: string; readonly key: string }
  | {
      readonly kind: 'blob';
      readonly url: string;
      readonly key: string;
      /** As for a snapshot. */
      readonly stays?: true;
      /** Of the Copy Blob that makes it, once it is known. */
      readonly copyId?: string;
      /** A finished draft, which is put in the place of this blob; until that is done, it is all there is. */
      readonly swap?: { readonly url: string; readonly etag: string };
    }
  /** A blob whose lease says that this run works on a VM or on a set of names. */
  | { readonly kind: 'lock'; readonly url: string; readonly key: string }
  /** A snapshot that says that this run works on a VM. */
  | { readonly kind: 'claim'; readonly id: string; readonly key: string }
  /** What a copy of a VM is made of, beside its snapshots. */
  | { readonly kind: 'resource'; readonly id: string; readonly key: string }
  /** A VM that ran before, and is to run again. */
  | { readonly kind: 'stopped-vm'; readonly id: string }
  /** A VM whose guest is deprovisioned: it is marked generalized whatever comes, so that the next run goes on with it. */
  | {
      readonly kind: 'deprovisioned-vm';
      readonly id: string;
      readonly vmId: string | undefined;
      readonly key: string;
      /** Lock blobs of the VM; once another run has one, the VM is left to it. */
      readonly locks: readonly string[];
    };

/** The lease ID of the locks of a run, from its key: who closes a lock needs no more than that. */
export function lockLeaseId(key: string): string {
  return `${key.slice(0, 8)}-${key.slice(8)}-4000-8000-${key}`;
}

/**
 * Closes a lease in Azure. Done also when there is nothing to close; never touches what the run's key is not on. Says
 * when Azure has accepted the revoking of a grant, which goes on from then on by itself.
 */
export type Release = (lease: Lease, signal: AbortSignal, onSent?: () => void) => Promise<void>;

/** What could not be closed, and the command that would. */
export interface Leak {
  readonly lease: Lease;
  readonly reason: string;
  readonly command: string;
}

/** How long the closing of one lease may take, in milliseconds. It runs on a signal of its own: a cancelled run closes too. */
const RELEASE_TIMEOUT_MS = 5 * 60_000;

/** The leases of a run. Disposal closes what is still held, in the order that Azure needs, and never throws. */
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

  /** Takes on what is to be done at the end whatever comes, where there is nothing to acquire. Never throws. */
  owe(lease: Lease): void {
    this.#held.push(lease);
    this.#note(() => {
      this.#journal.open(lease);
    });
  }

  /** True until it is closed or kept. */
  holds(lease: Lease): boolean {
    return this.#held.includes(lease);
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
    const leak = await closeLease(lease, this.#release, { log: this.#log });
    if (leak === undefined) this.#noteClosed(lease);
    else this.#leaks.push(leak);
  }

  /** Ends a lease without closing anything: from here on it belongs to the user. */
  keep(lease: Lease): void {
    if (this.#take(lease)) this.#noteClosed(lease);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lease of this.#held.filter(staysOpen)) {
      this.#log.info(`Kept for a re-run: ${nameOf(lease)}.`);
      this.keep(lease);
    }
    await this.closeAll();
  }

  /** Closes what is still held, also what a run that failed would leave. Never throws. */
  async closeAll(isMeant: (lease: Lease) => boolean = () => true): Promise<void> {
    await closeInOrder(this.#held.filter(isMeant), (lease) => this.release(lease));
  }

  /** A journal that cannot be written any more (a full disk) makes the post step look again at what is closed. */
  #noteClosed(lease: Lease): void {
    this.#note(() => {
      this.#journal.close(lease);
    });
  }

  #note(write: () => void): void {
    try {
      write();
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
  {
    log,
    signal,
    onSent,
  }: { readonly log: Log; readonly signal?: AbortSignal; readonly onSent?: () => void },
): Promise<Leak | undefined> {
  const timeout = AbortSignal.timeout(RELEASE_TIMEOUT_MS);
  const either = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  try {
    await release(lease, either, onSent);
    log.debug(`Closed ${nameOf(lease)}.`);
    return undefined;
  } catch (error) {
    return { lease, reason: reasonOf(error), command: commandFor(lease) };
  }
}

/** True for what a run that fails leaves for its re-run. */
export function staysOpen(lease: Lease): boolean {
  return 'stays' in lease;
}

/** Closing these changes the VM, which the claim is on. */
const onVm: readonly Lease['kind'][] = ['stopped-vm', 'deprovisioned-vm'];

/**
 * Closes leases, as many at once as Azure allows: a snapshot comes after the grants on it, since an active SAS keeps it
 * from being deleted, a claim after the VM is as it is to be, and locks come last. In a hurry a snapshot waits only
 * until the revoking is accepted; a deletion that is refused then is repeated by its release.
 */
export async function closeInOrder(
  leases: readonly Lease[],
  close: (lease: Lease, onSent?: () => void) => Promise<void>,
  { isHurried = false } = {},
): Promise<void> {
  const locks = leases.filter(({ kind }) => kind === 'lock');
  const closing = leases
    .filter(({ kind }) => !['snapshot', 'lock', 'resource', 'claim'].includes(kind))
    .map((lease) => {
      const { promise: sent, resolve } = Promise.withResolvers<undefined>();
      const onSent = (): void => {
        resolve(undefined);
      };
      const done = close(lease, onSent).finally(onSent);
      return { lease, free: isHurried ? sent : done, done };
    });
  const snapshots = leases
    .filter((lease) => lease.kind === 'snapshot')
    .map(async (lease) => {
      const grants = closing.filter(
        (one) => one.lease.kind === 'grant' && one.lease.id === lease.id,
      );
      await Promise.all(grants.map(({ free }) => free));
      await close(lease);
    });
  const claims = leases
    .filter(({ kind }) => kind === 'claim')
    .map(async (lease) => {
      const ofVm = closing.filter(({ lease: { kind } }) => onVm.includes(kind));
      await Promise.all(ofVm.map(({ free }) => free));
      await close(lease);
    });
  const resources = closeResources(leases, close);
  const before = [...closing.map(({ done }) => done), ...snapshots, ...claims, resources];
  await Promise.all(before);
  await Promise.all(locks.map((lock) => close(lock)));
}

async function closeResources(
  leases: readonly Lease[],
  close: (lease: Lease) => Promise<void>,
): Promise<void> {
  const resources = leases.filter((lease) => lease.kind === 'resource');
  for (const stage of inClosingOrder(resources)) {
    await Promise.all(stage.map((lease) => close(lease)));
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
    case 'lock':
      return `the lock "${lease.url}"`;
    case 'claim':
      return `the claim on the VM, snapshot "${lease.id}"`;
    case 'resource':
      return `temporary resource "${lease.id}"`;
    case 'stopped-vm':
      return `the stop of VM "${lease.id}", which ran before`;
    case 'deprovisioned-vm':
      return `VM "${lease.id}", whose guest is deprovisioned and which is not to start again`;
  }
}

function commandFor(lease: Lease): string {
  switch (lease.kind) {
    case 'snapshot':
    case 'claim':
      return `az snapshot delete --ids "${lease.id}"`;
    case 'grant':
      return `az snapshot revoke-access --ids "${lease.id}"`;
    case 'blob':
    case 'lock':
      return `az storage blob delete --auth-mode login --blob-url "${lease.url}"`;
    case 'resource':
      return `az resource delete --ids "${lease.id}"`;
    case 'stopped-vm':
      return `az vm start --ids "${lease.id}"`;
    case 'deprovisioned-vm':
      return `az vm deallocate --ids "${lease.id}" && az vm generalize --ids "${lease.id}"`;
  }
}
