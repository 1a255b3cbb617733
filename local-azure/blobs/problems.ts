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
  serviceMismatch: {
    status: 403,
    code: 'AuthorizationServiceMismatch',
    message: 'This request is not authorized to perform this operation using this service.',
  },
  resourceTypeMismatch: {
    status: 403,
    code: 'AuthorizationResourceTypeMismatch',
    message: 'This request is not authorized to perform this operation using this resource type.',
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
  containerNotFound: {
    status: 404,
    code: 'ContainerNotFound',
    message: 'The specified container does not exist.',
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
  invalidXmlNodeValue: {
    status: 400,
    code: 'InvalidXmlNodeValue',
    message: 'The value for one of the XML nodes is not in the correct format.',
  },
  missingHeader: {
    status: 400,
    code: 'MissingRequiredHeader',
    message: 'An HTTP header that is mandatory for this request is not specified.',
  },
  bodyTooLarge: {
    status: 413,
    code: 'RequestBodyTooLarge',
    message: 'The request body is too large and exceeds the maximum permissible limit.',
  },
  md5Mismatch: {
    status: 400,
    code: 'Md5Mismatch',
    message:
      'The MD5 value specified in the request did not match with the MD5 value calculated by the server.',
  },
  crc64Mismatch: {
    status: 400,
    code: 'Crc64Mismatch',
    message:
      'The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.',
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
  immutableByPolicy: {
    status: 409,
    code: 'BlobImmutableDueToPolicy',
    message: 'This operation is not permitted as the blob is immutable due to a policy.',
  },
  immutableByHold: {
    status: 409,
    code: 'BlobImmutableDueToLegalHold',
    message:
      'This operation is not permitted as the blob is immutable due to one or more legal holds.',
  },
  serverBusy: { status: 503, code: 'ServerBusy', message: 'The server is busy.' },
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

/** A refusal of who says to be somebody, with the detail that Azure adds. */
export function refuseAuthentication(detail: string): Refusal {
  const details = { AuthenticationErrorDetail: detail };
  return new Refusal({ ...problems.authenticationFailed, details });
}

/** Why the source of a copy cannot be read; Azure relays the source's own status and words. */
export function cannotVerifySource(status: number, message: string): Problem {
  return { status, code: 'CannotVerifyCopySource', message };
}

/** From this version on the destination tells what the source answered. */
const TELLING_VERSION = '2024-08-04';

/**
 * What the destination answers when the source of a copy answers with a problem.
 * {@link https://github.com/Azure/azure-rest-api-specs/pull/28359}
 */
export function relaySourceProblem(
  { status, code, message }: Problem,
  version: string | undefined,
): Problem {
  const problem = cannotVerifySource(status, message);
  if ((version ?? '') < TELLING_VERSION) return problem;
  return {
    ...problem,
    headers: {
      'x-ms-copy-source-status-code': String(status),
      'x-ms-copy-source-error-code': code,
    },
    details: {
      CopySourceStatusCode: String(status),
      CopySourceErrorCode: code,
      CopySourceErrorMessage: message,
    },
  };
}
