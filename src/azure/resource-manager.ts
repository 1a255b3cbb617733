import type { TokenCredential } from '@azure/core-auth';
import {
  bearerTokenAuthenticationPolicy,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  RestError,
  type HttpMethods,
} from '@azure/core-rest-pipeline';
import { followOperation, type ArmAnswer } from './arm-operation.ts';
import type { Cloud } from './clouds.ts';
import { found, type Patience } from './compute-clients.ts';
import { createHttpClient } from './http-client.ts';

/** Reads, makes and deletes resources of any provider; what has no SDK here goes through this. */
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
  /**
   * Makes a resource, or gives it what the body says, and reads it when that is done. The request that starts it is
   * not given up when the run is cancelled: what it makes could then appear after everything was closed.
   */
  put(path: string, body: unknown, options: ChangeOptions): Promise<unknown>;
  /** Done also when there is none any more. */
  delete(path: string, options: ChangeOptions): Promise<void>;
}

/** How a change is asked for and waited for. */
export interface ChangeOptions {
  readonly apiVersion: string;
  readonly patience: Patience;
  readonly signal: AbortSignal;
  /** Beside the api-version. */
  readonly query?: Readonly<Record<string, string>>;
}

/** A client for Azure Resource Manager with the SDKs' own retries. */
export function createResourceManager(credential: TokenCredential, cloud: Cloud): ResourceManager {
  const client = createHttpClient();
  const pipeline = createPipelineFromOptions({});
  pipeline.addPolicy(
    bearerTokenAuthenticationPolicy({ credential, scopes: cloud.resourceManagerScope }),
    { phase: 'Sign' },
  );

  async function call(
    url: string,
    {
      method = 'GET',
      body,
      signal,
    }: { readonly method?: HttpMethods; readonly body?: unknown; readonly signal?: AbortSignal },
  ): Promise<ArmAnswer> {
    const headers = createHttpHeaders({ accept: 'application/json' });
    if (body !== undefined) headers.set('content-type', 'application/json');
    const request = createPipelineRequest({
      ...{ url, method, headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { abortSignal: signal }),
    });
    const response = await pipeline.sendRequest(client, request);
    const { status } = response;
    const parsed = parseJson(response.bodyAsText);
    if ([200, 201, 202, 204].includes(status)) {
      return { status, header: (name) => response.headers.get(name), body: parsed };
    }
    const { code, message } = errorOf(parsed);
    throw new RestError(message ?? `HTTP status ${status}`, {
      statusCode: status,
      ...(code === undefined ? {} : { code }),
      request,
      response,
    });
  }

  const read = (url: string, signal: AbortSignal): Promise<ArmAnswer> => call(url, { signal });
  const send = async (url: string, signal: AbortSignal): Promise<unknown> =>
    (await read(url, signal)).body;

  /** Starts a change and waits for its end; gives the URL of the resource. */
  async function change(
    method: HttpMethods,
    path: string,
    body: unknown,
    { apiVersion, query = {}, ...options }: ChangeOptions,
  ): Promise<string> {
    options.signal.throwIfAborted();
    const url = urlOf(path, apiVersion);
    const more = Object.entries(query).map(([name, value]) => `&${name}=${value}`);
    const started = await call(url + more.join(''), { method, body });
    await followOperation(started, url, read, options);
    return url;
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
    async put(path, body, options) {
      return send(await change('PUT', path, body, options), options.signal);
    },
    async delete(path, options) {
      await found(change('DELETE', path, undefined, options));
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
