import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Problem } from './problems.ts';
import { escapeXml } from './xml.ts';

type ServiceHeaders = Record<string, string> & { readonly 'x-ms-request-id': string };

/** The headers of every answer of the blob service. */
export function serviceHeaders(
  request: IncomingMessage,
  version: string | undefined,
): ServiceHeaders {
  const clientRequestId = request.headers['x-ms-client-request-id'];
  return {
    server: 'Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0',
    'x-ms-request-id': randomUUID(),
    ...(typeof clientRequestId === 'string' && { 'x-ms-client-request-id': clientRequestId }),
    ...(version !== undefined && { 'x-ms-version': version }),
  };
}

/** Answers with a problem: XML that starts with a byte order mark, nothing but headers on HEAD. */
export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  problem: Problem,
  version: string | undefined,
): void {
  const service = serviceHeaders(request, version);
  const headers = {
    ...service,
    'x-ms-error-code': problem.code,
    ...problem.headers,
  };
  if (request.method === 'HEAD' || problem.status === 304) {
    response.writeHead(problem.status, headers).end();
    return;
  }
  const details = Object.entries(problem.details ?? {}).map(
    ([name, value]) => `<${name}>${escapeXml(value)}</${name}>`,
  );
  const message = `${problem.message}\nRequestId:${service['x-ms-request-id']}\nTime:${new Date().toISOString().replace('Z', '0000Z')}`;
  const body = `\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>${problem.code}</Code><Message>${escapeXml(message)}</Message>${details.join('')}</Error>`;
  response
    .writeHead(problem.status, {
      ...headers,
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(body),
    })
    .end(body);
}
