import { callerByRoles } from './bearer-caller.ts';
import type { World } from '../world.ts';
import type { Caller, Wish } from './caller.ts';
import { problems, Refusal, refuseAuthentication } from './problems.ts';
import { checkSasSignature, readDelegation, type SasPlace } from './sas.ts';
import { delegatorOf } from './user-delegation-key.ts';

/** Who calls by the SAS in a URL's query; refuses one that is wrong, not valid yet, or over. */
export function identifySasHolder(world: World, place: SasPlace, query: URLSearchParams): Caller {
  const { isRight, text } = checkSasSignature(place, query);
  if (!isRight) {
    throw refuseAuthentication(`Signature did not match. String to sign used was ${text}`);
  }
  const delegation = readDelegation(query);
  checkTimes(query, 'st', 'se');
  if (delegation === undefined) return holderOf(place, query);
  checkTimes(query, 'skt', 'ske');
  const delegator = delegatorOf(world, delegation);
  if (delegator === undefined) throw refuseAuthentication('The key is of nobody in this tenant.');
  return {
    authorize: async (wish) => {
      await holderOf(place, query).authorize(wish);
      // It gives no more than its maker has.
      await callerByRoles(delegator).authorize(wish);
    },
  };
}

function checkTimes(query: URLSearchParams, from: string, to: string): void {
  const start = query.get(from);
  const expiry = query.get(to);
  const now = Date.now();
  if ((start !== null && Date.parse(start) > now) || !(Date.parse(expiry ?? '') > now)) {
    throw refuseAuthentication(
      `Signature not valid in the specified time frame: Start [${start ?? ''}] - Expiry [${expiry ?? ''}] - Current [${new Date(now).toUTCString()}]`,
    );
  }
}

function holderOf(place: SasPlace, query: URLSearchParams): Caller {
  return {
    authorize: async (wish) => {
      checkReach(place, query, wish);
      const given = query.get('sp') ?? '';
      if (await isGiven(given, wish)) return;
      throw new Refusal(problems.permissionMismatch);
    },
  };
}

/** A SAS reaches only so far: an account SAS to services and levels, any other to a container or a blob. */
function checkReach(place: SasPlace, query: URLSearchParams, wish: Wish): void {
  const levels = query.get('srt');
  if (levels !== null) {
    if (query.get('ss')?.includes('b') !== true) throw new Refusal(problems.serviceMismatch);
    const level = wish.blob !== '' ? 'o' : wish.container !== '' ? 'c' : 's';
    if (!levels.includes(level)) throw new Refusal(problems.resourceTypeMismatch);
    return;
  }
  const isBlob = wish.blob !== '' && wish.container === place.container;
  const isList = wish.kind === 'list-blobs' && wish.container === place.container;
  const reaches = query.get('sr') === 'c' ? isBlob || isList : isBlob && wish.blob === place.blob;
  if (!reaches) throw new Refusal(problems.authorizationFailure);
}

/** {@link https://learn.microsoft.com/rest/api/storageservices/create-service-sas#permissions-for-a-directory-container-or-blob} */
async function isGiven(given: string, { kind, permission, exists }: Wish): Promise<boolean> {
  const { action, orAdd } = permission;
  if (kind === 'list-blobs') return given.includes('l');
  switch (action) {
    case 'containers/blobs/read':
    case 'read':
      return given.includes('r');
    case 'containers/read':
      return given.includes('l') || given.includes('r');
    case 'containers/blobs/write':
      return given.includes('w') || (orAdd === true && given.includes('c') && !(await exists()));
    case 'containers/write':
      return given.includes('w') || given.includes('c');
    case 'write':
      return given.includes('w');
    case 'containers/blobs/delete':
    case 'containers/delete':
      return given.includes('d');
    case 'containers/blobs/tags/read':
    case 'containers/blobs/tags/write':
      return given.includes('t');
    default:
      return false;
  }
}
