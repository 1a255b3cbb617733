import {
  toHttpHeadersLike,
  type CompatResponse,
  type WebResourceLike,
} from '@azure/core-http-compat';
import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type PipelineRequest,
  type RequestBodyType,
} from '@azure/core-rest-pipeline';

/** How many requests the blob service got. */
export interface BlobCalls {
  putPages: number;
  others: number;
}

/** The older form of HTTP client that the storage SDK takes. */
export interface StorageHttpClient {
  sendRequest(request: WebResourceLike): Promise<CompatResponse>;
}

/** Gives the storage SDK the same HTTP client that the other SDKs have, and counts what it sends. */
export function createStorageHttpClient(client: HttpClient, calls: BlobCalls): StorageHttpClient {
  return {
    async sendRequest(request) {
      calls[request.headers.get('x-ms-page-write') === undefined ? 'others' : 'putPages'] += 1;
      const response = await client.sendRequest(requestFrom(request));
      // The storage SDK repeats what is answered with 503, but nothing that is answered with 429.
      const status = response.status === 429 ? 503 : response.status;
      return { ...response, status, request, headers: toHttpHeadersLike(response.headers) };
    },
  };
}

function requestFrom(older: WebResourceLike): PipelineRequest {
  const request = createPipelineRequest({
    url: older.url,
    method: older.method,
    headers: createHttpHeaders(older.headers.toJson({ preserveCase: true })),
    body: older.body as RequestBodyType,
    requestId: older.requestId,
  });
  // The agent carries the proxy; the constructor above does not take it.
  if (older.agent) request.agent = older.agent;
  if (older.abortSignal) request.abortSignal = older.abortSignal;
  if (older.streamResponseStatusCodes) {
    request.streamResponseStatusCodes = older.streamResponseStatusCodes;
  }
  return request;
}
