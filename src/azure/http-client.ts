import {
  createDefaultHttpClient,
  RestError,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';

/** One try of a call, in milliseconds; the SDKs have no limit of their own. */
const TRY_TIMEOUT_MS = 60_000;
/** Compute asks for up to 1200 s after throttling, which would outlast most jobs' patience. */
const RETRY_AFTER_LIMIT_SECONDS = 120;

/**
 * The HTTP client below every SDK client. Each try has a time limit (it ends as ETIMEDOUT, which the SDKs'
 * own retries repeat), Retry-After has a ceiling, and connections through a proxy are kept as all others are.
 */
export function createHttpClient(tryTimeoutMs = TRY_TIMEOUT_MS): HttpClient {
  const client = createDefaultHttpClient();
  return {
    async sendRequest(request) {
      keepConnection(request);
      const response = await withTimeout(request, tryTimeoutMs, () => client.sendRequest(request));
      limitRetryAfter(response);
      return response;
    },
  };
}

/**
 * The SDKs make their agent for a proxy so that every call would be a TLS handshake of its own. It finds a kept
 * connection again only where the protocol is said: https://github.com/TooTallNate/proxy-agents
 */
function keepConnection(request: PipelineRequest): void {
  const { agent } = request;
  if (agent === undefined || !('keepAlive' in agent)) return;
  agent.keepAlive = true;
  request.requestOverrides = {
    ...request.requestOverrides,
    protocol: new URL(request.url).protocol,
  };
}

async function withTimeout(
  request: PipelineRequest,
  tryTimeoutMs: number,
  send: () => Promise<PipelineResponse>,
): Promise<PipelineResponse> {
  const outer = request.abortSignal;
  const limit = new AbortController();
  const cancel = (): void => {
    limit.abort();
  };
  const timer = setTimeout(cancel, tryTimeoutMs);
  if (outer?.aborted === true) cancel();
  outer?.addEventListener('abort', cancel);
  request.abortSignal = limit.signal;
  try {
    return await send();
  } catch (error) {
    if (!limit.signal.aborted || outer?.aborted === true) throw error;
    const message = `No answer within ${tryTimeoutMs / 1000} s`;
    throw new RestError(message, { code: 'ETIMEDOUT', request });
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', cancel);
    if (outer === undefined) delete request.abortSignal;
    else request.abortSignal = outer;
  }
}

function limitRetryAfter(response: PipelineResponse): void {
  const asked = Number(response.headers.get('retry-after'));
  if (asked > RETRY_AFTER_LIMIT_SECONDS) {
    response.headers.set('retry-after', String(RETRY_AFTER_LIMIT_SECONDS));
  }
}
