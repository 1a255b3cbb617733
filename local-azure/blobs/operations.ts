import type { IncomingMessage } from 'node:http';
import type { BlobPath } from './copies.ts';
import { problems, Refusal } from './problems.ts';

/** What a request to a blob host asks for. */
export interface Operation {
  readonly kind: OperationKind;
  /** Container and blob; each empty where the request is for what is above it. */
  readonly container: string;
  readonly blob: string;
  readonly permission: Permission;
  readonly query: URLSearchParams;
}

/** The operations that the gateway treats in its own way. */
export type OperationKind =
  | 'read-blob'
  | 'list-blobs'
  | 'list-pages'
  | 'put-blob'
  | 'put-page'
  | 'put-page-from-url'
  | 'delegation-key'
  | 'start-copy'
  | 'abort-copy'
  | 'set-properties'
  | 'delete-blob'
  | 'change-blob'
  | 'delete-container'
  | 'container-properties'
  | 'other';

/** The right that an operation needs, named below `Microsoft.Storage/storageAccounts/blobServices/`. */
export interface Permission {
  readonly isData: boolean;
  readonly action: string;
  /** Holders of `add` may make what is not there yet. */
  readonly orAdd?: boolean;
}

type Rule = readonly [kind: OperationKind, permission: Permission];

const control = (action: string): Permission => ({ isData: false, action });
const data = (action: string): Permission => ({ isData: true, action });
const read = data('containers/blobs/read');
const write = data('containers/blobs/write');
const create = { ...write, orAdd: true };

/**
 * Keys are method, level, restype and comp.
 * {@link https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#permissions-for-blob-service-operations}
 */
const rules: Readonly<Record<string, Rule>> = {
  'GET service - list': ['other', control('containers/read')],
  'GET service service properties': ['other', control('read')],
  'PUT service service properties': ['other', control('write')],
  'POST service service userdelegationkey': [
    'delegation-key',
    control('generateUserDelegationKey/action'),
  ],
  'GET service account properties': ['other', control('getInfo/action')],
  'HEAD service account properties': ['other', control('getInfo/action')],
  'PUT container container -': ['other', control('containers/write')],
  'GET container container -': ['container-properties', control('containers/read')],
  'HEAD container container -': ['container-properties', control('containers/read')],
  'GET container container metadata': ['other', control('containers/read')],
  'HEAD container container metadata': ['other', control('containers/read')],
  'PUT container container metadata': ['other', control('containers/write')],
  'PUT container container lease': ['other', control('containers/write')],
  'GET container container acl': ['other', control('containers/getAcl/action')],
  'HEAD container container acl': ['other', control('containers/getAcl/action')],
  'PUT container container acl': ['other', control('containers/setAcl/action')],
  'DELETE container container -': ['delete-container', control('containers/delete')],
  'GET container container list': ['list-blobs', read],
  'GET blob - -': ['read-blob', read],
  'HEAD blob - -': ['read-blob', read],
  'GET blob - metadata': ['read-blob', read],
  'HEAD blob - metadata': ['read-blob', read],
  'GET blob - pagelist': ['list-pages', read],
  'GET blob - blocklist': ['other', read],
  'GET blob - tags': ['other', data('containers/blobs/tags/read')],
  'PUT blob - -': ['put-blob', create],
  'PUT blob - page': ['put-page', write],
  'PUT blob - block': ['change-blob', create],
  'PUT blob - blocklist': ['set-properties', create],
  'PUT blob - appendblock': ['change-blob', create],
  'PUT blob - properties': ['set-properties', write],
  'PUT blob - metadata': ['change-blob', write],
  'PUT blob - lease': ['change-blob', write],
  'PUT blob - snapshot': ['change-blob', create],
  'PUT blob - tier': ['change-blob', write],
  'PUT blob - undelete': ['change-blob', write],
  'PUT blob - copy': ['abort-copy', write],
  'PUT blob - tags': ['change-blob', data('containers/blobs/tags/write')],
  'DELETE blob - -': ['delete-blob', data('containers/blobs/delete')],
};

/** Reads what a request asks for; refuses what the service does not know. */
export function readOperation(request: IncomingMessage): Operation {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'https://host');
  const restype = query.get('restype') ?? '-';
  const [container, blob] = splitPath(pathname, restype);
  const level = blob !== '' ? 'blob' : container !== '' ? 'container' : 'service';
  const rule = rules[`${request.method ?? ''} ${level} ${restype} ${query.get('comp') ?? '-'}`];
  if (rule === undefined) throw new Refusal(problems.unsupportedVerb);
  const [kind, permission] = rule;
  return { kind: refineKind(kind, request), permission, container, blob, query };
}

function refineKind(kind: OperationKind, request: IncomingMessage): OperationKind {
  if (kind === 'put-blob' && isCopyRequest(request)) return 'start-copy';
  return kind === 'put-page' && 'x-ms-copy-source' in request.headers ? 'put-page-from-url' : kind;
}

/** Where an operation on a blob works. */
export function pathOf(account: string, { container, blob }: Operation): BlobPath {
  return { account, container, name: blob };
}

/** Copy Blob, and not one of its synchronous sisters. */
function isCopyRequest({ headers }: IncomingMessage): boolean {
  return (
    headers['x-ms-copy-source'] !== undefined &&
    headers['x-ms-requires-sync'] !== 'true' &&
    headers['x-ms-blob-type'] === undefined
  );
}

/** Container and blob of a URL's path; a blob without a container lies in the root container. */
export function splitPath(pathname: string, restype = '-'): [container: string, blob: string] {
  const [, first = '', ...rest] = pathname.split('/').map(decode);
  const blob = rest.join('/');
  return blob === '' && first !== '' && restype === '-' ? ['$root', first] : [first, blob];
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal({
      status: 400,
      code: 'InvalidUri',
      message: 'The requested URI does not represent any resource on the server.',
    });
  }
}
