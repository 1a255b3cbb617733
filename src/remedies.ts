import type { AzureFailure } from './errors.ts';

/** What to do next about a failed call of Azure: by its code, else by its HTTP status and what was called. */
export function remedyFor(failure: AzureFailure): string {
  const { code = '', status, request } = failure;
  const known = byCode[isOfQuota(failure) ? 'QuotaExceeded' : code];
  if (known !== undefined) return known;
  if (status !== undefined && status >= 500) return passing;
  const ofStatus = status === undefined ? undefined : byStatus[status];
  if (ofStatus !== undefined) return ofStatus(failure);
  if (status !== undefined) return report(failure);
  if (isOfNetwork(code)) {
    const what = request === undefined ? 'the service' : `"${request.host}"`;
    return `The runner does not reach ${what}: check its network, proxy and firewall, and run again.`;
  }
  if (/^(ENOSPC|EDQUOT|EACCES|EROFS|EMFILE)$/.test(code)) {
    return 'The runner cannot write its files: look at the room on its disk and at its rights, and run again.';
  }
  return code === ''
    ? 'Run again; if it stays so, report it with the debug log.'
    : 'The activity log of the resource tells more; remove the cause and run again.';
}

const byCode: Readonly<Record<string, string>> = {
  AuthorizationFailed:
    'Grant the identity this action (docs/permissions.md), wait some minutes and run again.',
  LinkedAuthorizationFailed:
    'Grant the identity this action on the linked resource (docs/permissions.md) and run again.',
  AuthorizationPermissionMismatch:
    'Grant the identity "Storage Blob Data Contributor" on the storage account and run again; a new role assignment needs some minutes.',
  AuthorizationFailure: 'Let the runner through the firewall of the storage account and run again.',
  ScopeLocked: 'Remove the lock, or take resources that are not locked, and run again.',
  QuotaExceeded: 'Ask for more quota, or free some, and run again.',
  RequestDisallowedByPolicy: 'Ask the owner of the policy for an exemption, and run again.',
};

const passing =
  'Azure fails here, which should pass: look at https://azure.status.microsoft and run again later.';

const byStatus: Readonly<Record<number, (failure: AzureFailure) => string>> = {
  400: report,
  401: () => 'Azure does not take the token: check how the identity signs in, and run again.',
  403: forbidden,
  404: ({ request }) =>
    `It was deleted meanwhile, or the identity may not see it: look for ${quoted(request)} and run again.`,
  408: () => passing,
  409: busy,
  412: busy,
  429: () =>
    'Azure throttles the subscription or the account: run again later, with fewer runs at once.',
};

/** What is refused whoever asks is refused again. */
function report({ requestId }: AzureFailure): string {
  const id = requestId === undefined ? '' : `, the request ID "${requestId}"`;
  return `Running again will hardly change it: report it with the debug log${id}.`;
}

function forbidden({ request }: AzureFailure): string {
  switch (request?.service) {
    case 'resource-manager':
      return `Compare the roles of the identity on ${request.target === undefined ? 'the subscription' : quoted(request)} with docs/permissions.md, look for policies that deny it, and run again.`;
    case 'blobs':
      return 'Grant the identity "Storage Blob Data Contributor" on the storage account, let the runner through its firewall, and run again.';
    case 'export':
      return 'The read access to the snapshot has ended: see who revoked it, and run again.';
    case 'other':
    case undefined:
      return 'Compare the roles of the identity with docs/permissions.md and run again.';
  }
}

function busy({ request }: AzureFailure): string {
  return `Something else works on it or has changed it: see what works on ${quoted(request)}, wait for its end and run again.`;
}

function quoted(request: AzureFailure['request']): string {
  return request?.target === undefined ? 'it' : `"${request.target}"`;
}

/** Codes of Node and of the SDKs for a service that was not reached, or a connection that broke. */
function isOfNetwork(code: string): boolean {
  return /^(ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EPROTO|EHOST\w+|ENET\w+|REQUEST_SEND_ERROR|UND_ERR_\w+|UNABLE_TO_\w+|CERT_\w+|\w+_CERT\w*)$/.test(
    code,
  );
}

/** Azure tells it by one code of its own, and by one for many things. */
function isOfQuota({ code, message }: AzureFailure): boolean {
  return code === 'QuotaExceeded' || (code === 'OperationNotAllowed' && /quota/i.test(message));
}
