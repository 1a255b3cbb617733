import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  type HttpMethods,
} from '@azure/core-rest-pipeline';

export interface Answer {
  readonly status: number;
  readonly body: string;
  header(name: string): string | undefined;
}

/** Sends one request as an SDK client would, through the proxy of the environment and without retries. */
export async function send(
  url: string,
  options: {
    readonly method?: HttpMethods;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  const pipeline = createPipelineFromOptions({ retryOptions: { maxRetries: 0 } });
  const request = createPipelineRequest({
    url,
    method,
    headers: createHttpHeaders({ ...headers }),
    allowInsecureConnection: true,
    ...(body !== undefined && { body }),
  });
  const response = await pipeline.sendRequest(createDefaultHttpClient(), request);
  return {
    status: response.status,
    body: response.bodyAsText ?? '',
    header: (name) => response.headers.get(name),
  };
}
