import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { escapeXml } from './xml.ts';

/** An error answer of the blob service. {@link https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes} */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Further elements of the body, by name. */
  readonly details?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown where a request is refused; the app answers with its problem. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

const badSignature =
  'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.';
const notAuthorized = 'This request is not authorized to perform this operation.';

/** The problems that several parts answer, in Azure's words. */
export const problems = {
  authenticationFailed: { status: 403, code: 'AuthenticationFailed', message: badSignature },
  authorizationFailure: { status: 403, code: 'AuthorizationFailure', message: notAuthorized },
  permissionMismatch: {
    status: 403,
    code: 'AuthorizationPermissionMismatch',
    message: 'This request is not authorized to perform this operation using this permission.',
  },
  keysNotPermitted: {
    status: 403,
    code: 'KeyBasedAuthenticationNotPermitted',
    message: 'Key based authentication is not permitted on this storage account.',
  },
  resourceNotFound: {
    status: 404,
    code: 'ResourceNotFound',
    message: 'The specified resource does not exist.',
  },
  blobNotFound: {
    status: 404,
    code: 'BlobNotFound',
    message: 'The specified blob does not exist.',
  },
  invalidRange: {
    status: 416,
    code: 'InvalidRange',
    message: 'The range specified is invalid for the current size of the resource.',
  },
  invalidPageRange: {
    status: 416,
    code: 'InvalidPageRange',
    message: 'The page range specified is invalid.',
  },
  invalidBlobType: {
    status: 409,
    code: 'InvalidBlobType',
    message: 'The blob type is invalid for this operation.',
  },
  invalidHeaderValue: {
    status: 400,
    code: 'InvalidHeaderValue',
    message: 'The value for one of the HTTP headers is not in the correct format.',
  },
  invalidMarker: {
    status: 400,
    code: 'InvalidMarker',
    message: 'The specified marker is invalid.',
  },
  unsupportedVerb: {
    status: 405,
    code: 'UnsupportedHttpVerb',
    message: "The resource doesn't support specified Http Verb.",
  },
  pendingCopy: {
    status: 409,
    code: 'PendingCopyOperation',
    message: 'There is currently a pending copy operation.',
  },
  noPendingCopy: {
    status: 409,
    code: 'NoPendingCopyOperation',
    message: 'There is currently no pending copy operation.',
  },
  copyIdMismatch: {
    status: 409,
    code: 'CopyIdMismatch',
    message: 'The specified copy ID did not match the copy ID for the pending copy operation.',
  },
  conditionNotMet: {
    status: 412,
    code: 'ConditionNotMet',
    message: 'The condition specified using HTTP conditional header(s) is not met.',
  },
  sourceConditionNotMet: {
    status: 412,
    code: 'SourceConditionNotMet',
    message: 'The source condition specified using HTTP conditional header(s) is not met.',
  },
  leaseIdMissing: {
    status: 412,
    code: 'LeaseIdMissing',
    message: 'There is currently a lease on the blob and no lease ID was specified in the request.',
  },
  infiniteLeaseRequired: {
    status: 412,
    code: 'InfiniteLeaseDurationRequired',
    message: 'The lease ID matched, but the specified lease must be an infinite-duration lease.',
  },
  pageBlobsNotSupported: {
    status: 400,
    code: 'BlobTypeNotSupported',
    message: 'Page blob is not supported for this account type.',
  },
  blockBlobsNotSupported: {
    status: 400,
    code: 'BlobTypeNotSupported',
    message: 'Block blobs are not supported.',
  },
  internalError: {
    status: 500,
    code: 'InternalError',
    message: 'The server encountered an internal error. Please retry the request.',
  },
} satisfies Readonly<Record<string, Problem>>;

/** Why the source of a copy cannot be read; Azure relays the source's own status and words. */
export function cannotVerifySource(status: number, message: string): Problem {
  return { status, code: 'CannotVerifyCopySource', message };
}

type ServiceHeaders = Record<string, string> & { readonly 'x-ms-request-id': string };

/** The headers of every answer of the blob service. */
export function serviceHeaders(
  request: IncomingMessage,
  version: string | undefined,
): ServiceHeaders {
  const clientRequestId = request.headers['x-ms-client-request-id'];
  return {
    server: 'Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0',
    'x-ms-request-id': randomUUID(),
    ...(typeof clientRequestId === 'string' && { 'x-ms-client-request-id': clientRequestId }),
    ...(version !== undefined && { 'x-ms-version': version }),
  };
}

/** Answers with a problem: XML that starts with a byte order mark, nothing but headers on HEAD. */
export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  problem: Problem,
  version: string | undefined,
): void {
  const service = serviceHeaders(request, version);
  const headers = {
    ...service,
    'x-ms-error-code': problem.code,
    ...problem.headers,
  };
  if (request.method === 'HEAD' || problem.status === 304) {
    response.writeHead(problem.status, headers).end();
    return;
  }
  const details = Object.entries(problem.details ?? {}).map(
    ([name, value]) => `<${name}>${escapeXml(value)}</${name}>`,
  );
  const message = `${problem.message}\nRequestId:${service['x-ms-request-id']}\nTime:${new Date().toISOString().replace('Z', '0000Z')}`;
  const body = `\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>${problem.code}</Code><Message>${escapeXml(message)}</Message>${details.join('')}</Error>`;
  response
    .writeHead(problem.status, {
      ...headers,
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(body),
    })
    .end(body);
}
