import {
  toHttpHeadersLike,
  type CompatResponse,
  type WebResourceLike,
} from '@azure/core-http-compat';
import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type RequestBodyType,
} from '@azure/core-rest-pipeline';

/** The older form of HTTP client that the storage SDK takes. */
export interface StorageHttpClient {
  sendRequest(request: WebResourceLike): Promise<CompatResponse>;
}

/** Gives the storage SDK the same HTTP client that the other SDKs have. */
export function createStorageHttpClient(client: HttpClient): StorageHttpClient {
  return {
    async sendRequest(request) {
      const response = await client.sendRequest(
        createPipelineRequest({
          url: request.url,
          method: request.method,
          headers: createHttpHeaders(request.headers.toJson({ preserveCase: true })),
          body: request.body as RequestBodyType,
          requestId: request.requestId,
          ...(request.abortSignal && { abortSignal: request.abortSignal }),
          ...(request.streamResponseStatusCodes && {
            streamResponseStatusCodes: request.streamResponseStatusCodes,
          }),
        }),
      );
      return { ...response, request, headers: toHttpHeadersLike(response.headers) };
    },
  };
}
