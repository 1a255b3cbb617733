import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { accountKeys } from './account-keys.ts';
import type { Caller } from './caller.ts';
import { refuseAuthentication } from './problems.ts';

/** One who holds the account's key, and may do everything. */
const owner: Caller = { authorize: () => Promise.resolve() };

/** Headers of the string to sign, in its order; after them come those that start with x-ms-, and the resource. */
const signedHeaders = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
];

/**
 * Who calls by a signature with the account's key; refuses one that is not right.
 * {@link https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key}
 */
export function identifyKeyHolder(account: string, request: IncomingMessage): Caller {
  const { authorization = '' } = request.headers;
  const [, name = '', signature = ''] = /^SharedKey ([^:]+):(.+)$/.exec(authorization) ?? [];
  const text = writeStringToSign(account, request);
  if (name !== account || !isSignedByAccount(account, text, signature)) {
    throw refuseAuthentication(
      `The MAC signature found in the HTTP request '${signature}' is not the same as any computed signature. Server used following string to sign: '${text}'.`,
    );
  }
  return owner;
}

/** Whether a text was signed (HMAC-SHA256, base64) with one of the account's keys. */
export function isSignedByAccount(account: string, text: string, signature: string): boolean {
  return accountKeys(account).some(({ value }) => isSignedWith(value, text, signature));
}

/** Whether a text was signed with a key given as base64. */
export function isSignedWith(key: string, text: string, signature: string): boolean {
  const expected = createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest();
  const given = Buffer.from(signature, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function writeStringToSign(account: string, { method, headers, url }: IncomingMessage): string {
  const values = signedHeaders.map((name) => {
    const value = String(headers[name] ?? '');
    const isUnsigned =
      (name === 'content-length' && value === '0') || (name === 'date' && 'x-ms-date' in headers);
    return isUnsigned ? '' : value;
  });
  const ours = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-ms-'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${String(value).trim()}\n`);
  return `${[method, ...values].join('\n')}\n${ours.join('')}${writeResource(account, url ?? '/')}`;
}

/** The path as it stands on the wire, and the query decoded, sorted and a parameter a line. */
function writeResource(account: string, url: string): string {
  const [path = '', query = ''] = url.split(/\?(.*)/s);
  const values = Map.groupBy(new URLSearchParams(query.replaceAll('+', '%2B')), ([name]) =>
    name.toLowerCase(),
  );
  const lines = [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, all]) =>
        `\n${name}:${all
          .map(([, value]) => value)
          .sort()
          .join(',')}`,
    );
  return `/${account}${path}${lines.join('')}`;
}
