import { remedyFor } from './remedies.ts';

/**
 * Whose fault an error is: `input` (fix the workflow), `refused` (a check before anything was touched),
 * `azure` (a call failed), `copy` and `verify` (a VHD is not right), `cancelled`, `bug` (ours).
 */
export type ErrorCode = 'input' | 'refused' | 'azure' | 'copy' | 'verify' | 'cancelled' | 'bug';

/** An error whose message is one finished sentence or more for the user, on one line, without secrets. */
export class ActionError extends Error {
  readonly code: ErrorCode;
  /** The message without what to do next: for a failure that does not end the run. */
  readonly reason: string;

  constructor(
    code: ErrorCode,
    message: string,
    { cause, reason = message }: { cause?: unknown; reason?: string } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ActionError';
    this.code = code;
    this.reason = reason;
  }
}

/** What Azure said of a failed call, from the shapes that its SDKs throw. */
export interface AzureFailure {
  readonly code: string | undefined;
  readonly status: number | undefined;
  /** One line, without request IDs, times and URL queries. */
  readonly message: string;
  /** What the source of a copy answered, where it was the source that failed. */
  readonly source: { readonly status: number; readonly code: string | undefined } | undefined;
  /** How long Azure asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** What was called; undefined where the error does not tell, or no single thing was. */
  readonly request: CalledResource | undefined;
  /** Of the answer, by which Azure's support finds it. */
  readonly requestId: string | undefined;
}

/** What a call was to. */
export interface CalledResource {
  readonly service: 'resource-manager' | 'blobs' | 'export' | 'other';
  readonly host: string;
  /** Resource ID, or URL without its query; undefined for what belongs to a whole subscription, as its operations. */
  readonly target: string | undefined;
}

/** How the SDKs word a long-running operation that ended as Failed, with HTTP status 200. */
const operationFailure = /^The long-running operation has failed\. (\w+)\. (.+)$/;

/** Reads code, HTTP status and the first line of the message out of an SDK error; works for any value. */
export function azureFailure(error: unknown): AzureFailure {
  const fields = isRecord(error) ? error : {};
  const details = isRecord(fields['details']) ? fields['details'] : {};
  const whole = firstLine(redact(messageOf(error)));
  const [, operationCode, operationMessage] = operationFailure.exec(whole) ?? [];
  const code = text(details['errorCode']) ?? text(fields['code']) ?? text(details['code']);
  const status = typeof fields['statusCode'] === 'number' ? fields['statusCode'] : undefined;
  const header = headersOf(fields['response']);
  const sourceStatus = Number(header('x-ms-copy-source-status-code') ?? NaN);
  const retryAfterSeconds = Number(header('retry-after') ?? NaN);
  return {
    code: code ?? operationCode,
    status,
    message: operationMessage ?? whole,
    source: Number.isInteger(sourceStatus)
      ? { status: sourceStatus, code: header('x-ms-copy-source-error-code') }
      : undefined,
    retryAfterMs: retryAfterSeconds >= 0 ? retryAfterSeconds * 1000 : undefined,
    request: calledResource(fields['request']),
    requestId: header('x-ms-request-id') ?? header('x-ms-correlation-request-id'),
  };
}

/** Reads a header of a response, in whichever form the SDK keeps it. */
function headersOf(response: unknown): (name: string) => string | undefined {
  const headers = isRecord(response) ? response['headers'] : undefined;
  return (name) => {
    if (!isRecord(headers) || typeof headers['get'] !== 'function') return undefined;
    return text((headers as { get: (name: string) => unknown }).get(name));
  };
}

const resourceGroup = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+(\/providers(\/[^/]+){3})?/i;

function calledResource(request: unknown): CalledResource | undefined {
  const url = URL.parse((isRecord(request) ? text(request['url']) : undefined) ?? '');
  if (url === null) return undefined;
  const { host, origin, pathname } = url;
  if (/^\/subscriptions\//i.test(pathname)) {
    return { service: 'resource-manager', host, target: resourceGroup.exec(pathname)?.[0] };
  }
  const target = `${origin}${pathname}`;
  if (host.startsWith('md-')) return { service: 'export', host, target: origin };
  return { service: host.includes('.blob.') ? 'blobs' : 'other', host, target };
}

/**
 * The error of a step: what failed, with the object quoted, why, and what to do next.
 * An ActionError passes through as it is, so that the innermost sentence wins.
 */
export function explain(what: string, error: unknown, next?: string): ActionError {
  if (error instanceof ActionError) return error;
  if (isAbort(error)) return new ActionError('cancelled', `${what}: cancelled.`, { cause: error });
  const reason = `${what}: ${reasonOf(error)}`;
  const remedy = next ?? remedyFor(azureFailure(error));
  return new ActionError('azure', `${reason} ${remedy}`, { cause: error, reason });
}

/** Why a call failed, as a sentence: code, HTTP status and message, as far as there are any. */
export function reasonOf(error: unknown): string {
  if (error instanceof ActionError) return error.reason;
  const { code, status, message } = azureFailure(error);
  const label = [code, status === undefined ? undefined : `(${status})`].filter(Boolean).join(' ');
  const parts = [label, lowerFirst(message)].filter((part) => part !== '');
  return endSentence(parts.length === 0 ? 'no reason was given' : parts.join(': '));
}

/** One line for the job log, whatever was thrown; wrapped, suppressed and collected errors are unfolded. */
export function describe(error: unknown): string {
  if (error instanceof SuppressedError) {
    return `${describe(error.suppressed)} (then, while closing: ${describe(error.error)})`;
  }
  if (error instanceof AggregateError) {
    return [...new Set(error.errors.map((inner) => describe(inner)))].join(' ');
  }
  if (error instanceof ActionError) return redact(error.message);
  const { code, message } = azureFailure(error);
  const known = code === undefined || message.includes(code) ? message : `${code}: ${message}`;
  return `Unexpected error: ${endSentence(known)} This is a bug in azure-vm-to-vhd; report it with the debug log.`;
}

/** True for an error that comes from an AbortSignal. */
export function isAbort(error: unknown): boolean {
  return isRecord(error) && (error['name'] === 'AbortError' || error['name'] === 'TimeoutError');
}

/** An error of Node's own can be without a message of its own, or keep the reason in its cause. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  const cause =
    error instanceof TypeError && error.cause instanceof Error ? error.cause : undefined;
  return cause === undefined ? error.message : `${error.message}: ${messageOf(cause)}`;
}

/** Takes the query out of every URL, and signatures and tokens out of the rest: none of it belongs in a log. */
export function redact(message: string): string {
  return message
    .replace(/(https?:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/g, '$1')
    .replace(
      /\b(sig|se|si|skoid|client_secret|client_assertion|access_token)=[^\s&"'<>]+/gi,
      '$1=***',
    )
    .replace(/\bBearer\s+[\w.~+/-]+=*/gi, 'Bearer ***')
    .replace(/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, '***');
}

/** Lists parts as a sentence does: `a`, `a and b`, `a, b and c`. */
export function listOf(parts: readonly string[], word = 'and'): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} ${word} ${parts.at(-1) ?? ''}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Storage ends its messages with `RequestId:...` and `Time:...` on lines of their own. */
function firstLine(message: string): string {
  return (message.split(/\r?\n/, 1)[0] ?? '').trim();
}

function lowerFirst(message: string): string {
  return /^[A-Z][a-z]/.test(message) ? message.charAt(0).toLowerCase() + message.slice(1) : message;
}

/** With a stop at its end, whatever it ended with. */
export function endSentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}
