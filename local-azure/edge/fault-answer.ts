import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FaultAction } from '../scenario.ts';
import type { Service } from '../world.ts';

type Answer = Extract<FaultAction, { kind: 'answer' }>;

/** The usual code of the storage service for a status. */
export function storageCodeOf(status: number): string {
  return storageCodes[status] ?? 'InternalError';
}

const storageCodes: Readonly<Record<number, string>> = {
  403: 'AuthenticationFailed',
  404: 'BlobNotFound',
  408: 'OperationTimedOut',
  412: 'ConditionNotMet',
  500: 'InternalError',
  503: 'ServerBusy',
};

const resourceManagerCodes: Readonly<Record<number, string>> = {
  401: 'InvalidAuthenticationToken',
  403: 'AuthorizationFailed',
  404: 'ResourceNotFound',
  409: 'Conflict',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  503: 'ServerTimeout',
};

/** Answers a call in the service's own form of an error. */
export function answerFault(
  answer: Answer,
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.statusCode = answer.status;
  const message = answer.message ?? 'The service cannot complete the request now.';
  const body =
    service === 'blob' || service === 'export'
      ? storageBody(answer, message, request, response)
      : jsonBody(answer, message, service, response);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  const isBodiless =
    request.method === 'HEAD' || [204, 304].includes(answer.status) || answer.status < 200;
  response.end(isBodiless ? undefined : body);
}

function storageBody(
  answer: Answer,
  message: string,
  request: IncomingMessage,
  response: ServerResponse,
): string {
  const code = answer.code ?? storageCodeOf(answer.status);
  const requestId = randomUUID();
  const version = request.headers['x-ms-version'];
  response.setHeader('content-type', 'application/xml');
  response.setHeader('x-ms-error-code', code);
  response.setHeader('x-ms-request-id', requestId);
  if (typeof version === 'string') response.setHeader('x-ms-version', version);
  const text = `${message}\nRequestId:${requestId}\nTime:${new Date().toISOString()}`;
  return (
    '\ufeff<?xml version="1.0" encoding="utf-8"?>' +
    `<Error><Code>${escapeXml(code)}</Code><Message>${escapeXml(text)}</Message></Error>`
  );
}

function jsonBody(
  answer: Answer,
  message: string,
  service: Service,
  response: ServerResponse,
): string {
  const code = answer.code ?? resourceManagerCodes[answer.status] ?? 'InternalServerError';
  const requestId = randomUUID();
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('x-ms-request-id', requestId);
  response.setHeader('x-ms-correlation-request-id', requestId);
  return service === 'arm'
    ? JSON.stringify({ error: { code, message } })
    : JSON.stringify({ error: code, error_description: message });
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
