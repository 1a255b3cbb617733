import type { ListedResource } from '../azure/temporary-resources.ts';
import type { ListedBlob, ListedSnapshot } from '../facts.ts';
import type { Lease } from '../lease.ts';
import {
  EXPIRES_METADATA,
  EXPIRES_TAG,
  KEPT_TAG,
  KEY_METADATA,
  KEY_TAG,
  MADE_TAG,
  STATE_METADATA,
} from '../marks.ts';
import type { Surroundings } from './survey.ts';

/** A temporary thing of some run, and whether the sweep takes it. */
export interface Leftover {
  readonly kind: 'snapshot' | 'blob' | 'lock' | 'resource';
  /** Resource ID or URL. */
  readonly id: string;
  readonly ageSeconds: number | undefined;
  /** What closes it, in this order; empty when it is spared. */
  readonly leases: readonly Lease[];
  /** Why it is left alone; undefined when it is swept. */
  readonly spared: string | undefined;
}

/** When it is, in milliseconds since 1970, and the age from which on something is old enough. */
export interface Moment {
  readonly now: number;
  readonly minAgeMs: number;
}

/**
 * Judges everything that carries the mark of a run and is temporary: what is old enough and past its run's expiry is
 * swept. What carries no mark, and finished VHDs, are not among the answer at all.
 */
export function decideSweep(around: Surroundings, moment: Moment): readonly Leftover[] {
  return [
    ...around.blobs.flatMap((blob) => judgeBlob(blob, around.blobs, moment)),
    ...around.snapshots.flatMap((snapshot) => judgeSnapshot(snapshot, moment)),
    ...around.resources.flatMap((resource) => judgeResource(resource, moment)),
  ];
}

function judgeSnapshot(snapshot: ListedSnapshot, moment: Moment): readonly Leftover[] {
  const { id, tags, timeCreated, diskState = '' } = snapshot;
  const key = tags[KEY_TAG];
  if (!key) return [];
  const age = ageOf(timeCreated, moment);
  const spared = tags[KEPT_TAG] === 'true' ? 'kept' : tooFresh(age, tags[EXPIRES_TAG], moment);
  const grant: readonly Lease[] = diskState.startsWith('ActiveSAS')
    ? [{ kind: 'grant', id, key }]
    : [];
  return [leftover('snapshot', id, age, spared, [...grant, { kind: 'snapshot', id, key }])];
}

/** A part of a copy of a VM; a tag tells its age, since not all of them do so themselves. */
function judgeResource({ id, tags }: ListedResource, moment: Moment): readonly Leftover[] {
  const key = tags[KEY_TAG];
  if (!key) return [];
  const age = ageOf(tags[MADE_TAG], moment);
  const spared = tooFresh(age, tags[EXPIRES_TAG], moment);
  return [leftover('resource', id, age, spared, [{ kind: 'resource', id, key }])];
}

function judgeBlob(
  blob: ListedBlob,
  all: readonly ListedBlob[],
  moment: Moment,
): readonly Leftover[] {
  const { url, metadata, lastModified } = blob;
  const key = metadata[KEY_METADATA];
  if (!key) return [];
  const age = ageOf(lastModified, moment);
  const fresh = tooFresh(age, metadata[EXPIRES_METADATA], moment);
  if (metadata[STATE_METADATA] === 'lock') {
    return [leftover('lock', url, age, fresh, [{ kind: 'lock', url, key }])];
  }
  if (metadata[STATE_METADATA] === 'copying') {
    const spared =
      fresh ?? (isSwapped(blob) ? 'finished: its draft was put in its place' : undefined);
    return [leftover('blob', url, age, spared, [{ kind: 'blob', url, key }])];
  }
  const target = draftTarget(blob);
  if (target === undefined) return [];
  const whole = all.find((other) => isAt(other, blob, target) && isWhole(other));
  const spared = fresh ?? (whole === undefined ? `finished, and "${target}" is not` : undefined);
  const swap = { url: whole?.url ?? '', etag: whole?.etag ?? '' };
  return [leftover('blob', url, age, spared, [{ kind: 'blob', url, key, swap }])];
}

function leftover(
  kind: Leftover['kind'],
  id: string,
  age: number | undefined,
  spared: string | undefined,
  leases: readonly Lease[],
): Leftover {
  const ageSeconds = age === undefined ? undefined : age / 1000;
  return { kind, id, ageSeconds, spared, leases: spared === undefined ? leases : [] };
}

/** In milliseconds. */
function ageOf(time: string | undefined, { now }: Moment): number | undefined {
  const since = Date.parse(time ?? '');
  return Number.isNaN(since) ? undefined : now - since;
}

/** An age or an expiry that cannot be read spares too. */
function tooFresh(
  age: number | undefined,
  expires: string | undefined,
  { now, minAgeMs }: Moment,
): string | undefined {
  if (age === undefined) return 'of unknown age';
  if (age < minAgeMs) return 'too young';
  if (expires === undefined) return undefined;
  const until = Date.parse(expires);
  if (Number.isNaN(until)) return 'of unknown expiry';
  return until > now ? `its run may live until ${expires}` : undefined;
}

/** The name that a draft of a run is for: `a.draft-KEY.vhd` is for `a.vhd`. */
function draftTarget({ name, metadata }: ListedBlob): string | undefined {
  const tail = `.draft-${metadata[KEY_METADATA] ?? ''}.vhd`;
  return name.endsWith(tail) ? `${name.slice(0, -tail.length)}.vhd` : undefined;
}

function isAt(other: ListedBlob, draft: ListedBlob, name: string): boolean {
  const folder = (url: string): string => url.slice(0, url.lastIndexOf('/'));
  return other.name === name && folder(other.url) === folder(draft.url);
}

/** What a run died before it could mark it, but is the only VHD under that name: the old one is gone. */
function isSwapped({ copy, copiedFrom = '', metadata }: ListedBlob): boolean {
  return (
    copy?.status === 'success' && copiedFrom.endsWith(`.draft-${metadata[KEY_METADATA] ?? ''}.vhd`)
  );
}

/** Whole, and not itself something that is swept. */
function isWhole(blob: ListedBlob): boolean {
  const { copy, lengthBytes, metadata } = blob;
  const isCopied = copy === undefined || copy.status === 'success';
  const isUnfinished = metadata[STATE_METADATA] === 'copying' && !isSwapped(blob);
  return isCopied && lengthBytes > 0 && !isUnfinished;
}
