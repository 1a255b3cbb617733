import {
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  RestError,
} from '@azure/core-rest-pipeline';
import { createHttpClient } from './http-client.ts';

/** Where a job may ask GitHub for OIDC assertions, and what it shows there. */
export interface AssertionSource {
  readonly url: string;
  readonly token: string;
}

/** Tries after the first, with pauses of 1, 2, 4 and 8 s. */
const RETRIES = 4;

/**
 * Asks GitHub for an OIDC assertion for an audience. What passes by itself is tried again, and each try has the time
 * limit of all calls: the toolkit's own client waits three minutes for an answer, and gives up at a connection that is
 * cut. Throws a RestError; what it returns is a secret.
 * https://docs.github.com/actions/reference/security/oidc
 */
export async function requestAssertion(
  { url, token }: AssertionSource,
  audience: string,
): Promise<string> {
  const pipeline = createPipelineFromOptions({ retryOptions: { maxRetries: RETRIES } });
  const request = createPipelineRequest({
    url: `${url}&audience=${encodeURIComponent(audience)}`,
    headers: createHttpHeaders({ accept: 'application/json', authorization: `Bearer ${token}` }),
  });
  const response = await pipeline.sendRequest(createHttpClient(), request);
  const { status } = response;
  const value = status === 200 ? assertionIn(response.bodyAsText) : undefined;
  if (value !== undefined) return value;
  throw new RestError(status === 200 ? 'The answer has no token' : `HTTP status ${status}`, {
    statusCode: status,
    request,
    response,
  });
}

function assertionIn(text: string | null | undefined): string | undefined {
  try {
    const { value } = JSON.parse(text ?? '') as { value?: unknown };
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    return undefined;
  }
}
