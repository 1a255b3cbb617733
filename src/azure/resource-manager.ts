import type { TokenCredential } from '@azure/core-auth';
import {
  bearerTokenAuthenticationPolicy,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  RestError,
} from '@azure/core-rest-pipeline';
import type { Cloud } from './clouds.ts';
import { createHttpClient } from './http-client.ts';

/** Reads resources of any provider; what has no SDK here goes through this. */
export interface ResourceManager {
  /** GET of a path below the endpoint, with its api-version. Throws a RestError with Azure's code. */
  get(path: string, apiVersion: string, signal: AbortSignal): Promise<unknown>;
  /** All pages of a list, of what the filter lets through. */
  list(
    path: string,
    apiVersion: string,
    signal: AbortSignal,
    filter?: string,
  ): Promise<readonly unknown[]>;
}

/** A client for Azure Resource Manager with the SDKs' own retries. */
export function createResourceManager(credential: TokenCredential, cloud: Cloud): ResourceManager {
  const client = createHttpClient();
  const pipeline = createPipelineFromOptions({});
  pipeline.addPolicy(
    bearerTokenAuthenticationPolicy({ credential, scopes: cloud.resourceManagerScope }),
    { phase: 'Sign' },
  );

  async function send(url: string, signal: AbortSignal): Promise<unknown> {
    const headers = createHttpHeaders({ accept: 'application/json' });
    const request = createPipelineRequest({ url, headers, abortSignal: signal });
    const response = await pipeline.sendRequest(client, request);
    const body = parseJson(response.bodyAsText);
    if (response.status === 200) return body;
    const { code, message } = errorOf(body);
    throw new RestError(message ?? `HTTP status ${response.status}`, {
      statusCode: response.status,
      ...(code === undefined ? {} : { code }),
      request,
      response,
    });
  }

  const urlOf = (path: string, apiVersion: string): string =>
    `${cloud.resourceManagerEndpoint}${path}?api-version=${apiVersion}`;

  return {
    get: (path, apiVersion, signal) => send(urlOf(path, apiVersion), signal),
    async list(path, apiVersion, signal, filter) {
      const items: unknown[] = [];
      const query = filter === undefined ? '' : `&$filter=${encodeURIComponent(filter)}`;
      let next: string | undefined = urlOf(path, apiVersion) + query;
      while (next !== undefined) {
        const page = (await send(next, signal)) as { value?: unknown[]; nextLink?: string };
        items.push(...(page.value ?? []));
        next = page.nextLink;
      }
      return items;
    },
  };
}

function parseJson(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** ARM wraps code and message in `error`, Compute's throttling does not. */
function errorOf(body: unknown): { code?: string; message?: string } {
  if (typeof body !== 'object' || body === null) return {};
  return 'error' in body ? (body.error as { code?: string; message?: string }) : body;
}
