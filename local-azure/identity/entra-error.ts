import { randomUUID } from 'node:crypto';

/** A refusal of the sign-in service: `code` is the number of its AADSTS code. */
export class EntraError extends Error {
  readonly status: number;
  readonly error: string;
  readonly code: number;

  constructor(status: number, error: string, code: number, sentences: readonly string[]) {
    super(sentences.join(' '));
    this.name = 'EntraError';
    this.status = status;
    this.error = error;
    this.code = code;
  }
}

/** The JSON of a refusal, https://learn.microsoft.com/entra/identity-platform/reference-error-codes. */
export function renderEntraError(
  error: EntraError,
  authority: string,
  correlationId: string = randomUUID(),
): Readonly<Record<string, unknown>> {
  const traceId = randomUUID();
  const timestamp = `${new Date().toISOString().slice(0, 19).replace('T', ' ')}Z`;
  return {
    error: error.error,
    error_description:
      `AADSTS${error.code}: ${error.message} ` +
      `Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
    error_codes: [error.code],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://${authority}/error?code=${error.code}`,
  };
}
