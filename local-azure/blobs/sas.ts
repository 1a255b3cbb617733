import { isSignedByAccount, isSignedWith } from './shared-key.ts';
import { delegationKey, type DelegationClaims } from './user-delegation-key.ts';

/** Where a SAS is used: an account, and the container and blob of its URL, decoded. */
export interface SasPlace {
  readonly account: string;
  readonly container: string;
  readonly blob: string;
}

const responseHeaders = ['rscc', 'rscd', 'rsce', 'rscl', 'rsct'];

const signedNames = new Set([
  ...['sv', 'ss', 'srt', 'sr', 'si', 'sp', 'st', 'se', 'sip', 'spr', 'ses', 'sdd', 'sig'],
  ...['skoid', 'sktid', 'skt', 'ske', 'sks', 'skv', 'saoid', 'suoid', 'scid', 'skdutid', 'sduoid'],
  ...responseHeaders,
]);

/** A path and query as they stand on the wire, without the SAS in it. */
export function stripSas(path: string): string {
  const [bare = '', query] = path.split(/\?(.*)/s);
  const kept = query?.split('&').filter((one) => !signedNames.has(one.split('=', 1).join()));
  return kept === undefined || kept.length === 0 ? bare : `${bare}?${kept.join('&')}`;
}

/** The claims of the user delegation key behind a SAS; undefined for a SAS that an account key signed. */
export function readDelegation(query: URLSearchParams): DelegationClaims | undefined {
  const valueOf = (name: string) => query.get(name) ?? '';
  return query.has('skoid')
    ? {
        objectId: valueOf('skoid'),
        tenantId: valueOf('sktid'),
        start: valueOf('skt'),
        expiry: valueOf('ske'),
        service: valueOf('sks'),
        version: valueOf('skv'),
      }
    : undefined;
}

/** What an account SAS signs. {@link https://learn.microsoft.com/rest/api/storageservices/create-account-sas} */
function writeAccountText(account: string, query: URLSearchParams): string {
  const names = ['sp', 'ss', 'srt', 'st', 'se', 'sip', 'spr', 'sv'];
  const scope = (query.get('sv') ?? '') >= '2020-12-06' ? ['ses'] : [];
  return `${[account, ...valuesOf(query, [...names, ...scope])].join('\n')}\n`;
}

/** What a service SAS signs. {@link https://learn.microsoft.com/rest/api/storageservices/create-service-sas} */
function writeServiceText(place: SasPlace, query: URLSearchParams): string {
  const version = query.get('sv') ?? '';
  return [
    ...valuesOf(query, ['sp', 'st', 'se']),
    writeResource(place, query),
    ...valuesOf(query, ['si', 'sip', 'spr', 'sv']),
    ...(version >= '2018-11-09' ? valuesOf(query, ['sr', 'snapshot']) : []),
    ...(version >= '2020-12-06' ? valuesOf(query, ['ses']) : []),
    ...valuesOf(query, responseHeaders),
  ].join('\n');
}

/** What a user delegation SAS signs. {@link https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas} */
function writeDelegatedText(place: SasPlace, query: URLSearchParams): string {
  const version = query.get('sv') ?? '';
  return [
    ...valuesOf(query, ['sp', 'st', 'se']),
    writeResource(place, query),
    ...valuesOf(query, ['skoid', 'sktid', 'skt', 'ske', 'sks', 'skv']),
    ...(version >= '2020-02-10' ? valuesOf(query, ['saoid', 'suoid', 'scid']) : []),
    ...(version >= '2025-07-05' ? valuesOf(query, ['skdutid', 'sduoid']) : []),
    ...valuesOf(query, ['sip', 'spr', 'sv', 'sr', 'snapshot']),
    ...(version >= '2020-12-06' ? valuesOf(query, ['ses']) : []),
    // Signed request headers and query parameters, which no SAS here restricts.
    ...(version >= '2026-04-06' ? ['', ''] : []),
    ...valuesOf(query, responseHeaders),
  ].join('\n');
}

/** Whether the SAS in a query was signed for this place; `text` is what it must have signed. */
export function checkSasSignature(
  place: SasPlace,
  query: URLSearchParams,
): { readonly isRight: boolean; readonly text: string } {
  const signature = query.get('sig') ?? '';
  const delegation = readDelegation(query);
  if (delegation !== undefined) {
    const text = writeDelegatedText(place, query);
    const isRight = isSignedWith(delegationKey(place.account, delegation), text, signature);
    return { isRight, text };
  }
  const text = query.has('srt')
    ? writeAccountText(place.account, query)
    : writeServiceText(place, query);
  return { isRight: isSignedByAccount(place.account, text, signature), text };
}

function writeResource({ account, container, blob }: SasPlace, query: URLSearchParams): string {
  const isContainer = query.get('sr') === 'c';
  return `/blob/${account}/${container}${isContainer || blob === '' ? '' : `/${blob}`}`;
}

function valuesOf(query: URLSearchParams, names: readonly string[]): readonly string[] {
  return names.map((name) => query.get(name) ?? '');
}
