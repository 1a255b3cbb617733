import { describe as suite, expect, test } from '@jest/globals';
import {
  ActionError,
  azureFailure,
  describe,
  explain,
  isAbort,
  listOf,
  redact,
} from '../../src/errors.ts';
import { sas, signature } from '../support/facts.ts';

/** An error with the fields that an SDK puts on it. */
function sdkError(message: string, fields: object): Error {
  return Object.assign(new Error(message), { name: 'RestError' }, fields);
}

const denied = sdkError('The client does not have authorization.\nRequestId:1\nTime:2', {
  code: 'AuthorizationFailed',
  statusCode: 403,
});
const abort = sdkError('The operation was aborted.', { name: 'AbortError' });

suite('what Azure said', () => {
  test.each<readonly [string, unknown, object]>([
    [
      'a code and a status',
      denied,
      {
        code: 'AuthorizationFailed',
        status: 403,
        message: 'The client does not have authorization.',
      },
    ],
    [
      'details with an errorCode',
      sdkError('x', { code: 'y', details: { errorCode: 'BlobNotFound' } }),
      { code: 'BlobNotFound', status: undefined, message: 'x' },
    ],
    [
      'details with a code',
      sdkError('x', { code: '', details: { code: 'z' } }),
      { code: 'z', status: undefined, message: 'x' },
    ],
    [
      'an error of another kind',
      new Error(' plain '),
      { code: undefined, status: undefined, message: 'plain' },
    ],
    ['a text', 'just text', { code: undefined, status: undefined, message: 'just text' }],
    ['nothing', undefined, { code: undefined, status: undefined, message: 'undefined' }],
    [
      'a SAS',
      sdkError(`GET ${sas} failed`, {}),
      {
        code: undefined,
        status: undefined,
        message: 'GET https://md-export.blob.storage.azure.net/abc/def failed',
      },
    ],
  ])('is read out of %s', (_name, error, expected) => {
    expect(azureFailure(error)).toEqual(expected);
  });
});

suite('the error of a step', () => {
  test.each<readonly [string, unknown, string | undefined, string]>([
    [
      'the remedy of its code',
      denied,
      undefined,
      'Could not x: AuthorizationFailed (403): the client does not have authorization. Grant the identity this action (docs/permissions.md), wait some minutes and run again.',
    ],
    [
      'the remedy of the caller first',
      denied,
      'Do this.',
      'Could not x: AuthorizationFailed (403): the client does not have authorization. Do this.',
    ],
    [
      'the remedy of its status where the code is unknown',
      sdkError('VM is busy', { code: 'Busy', statusCode: 409 }),
      undefined,
      'Could not x: Busy (409): VM is busy. Something else works on it or has changed it: see what works on it, wait for its end and run again.',
    ],
    [
      'no label without code and status',
      new Error('Nobody answers'),
      undefined,
      'Could not x: nobody answers. Run again; if it stays so, report it with the debug log.',
    ],
    [
      'a status alone',
      sdkError('Bad gateway!', { statusCode: 502 }),
      undefined,
      'Could not x: (502): bad gateway! Azure fails here, which should pass: look at https://azure.status.microsoft and run again later.',
    ],
  ])('has %s', (_name, cause, next, expected) => {
    const error = explain('Could not x', cause, next);
    expect(error).toMatchObject({ name: 'ActionError', code: 'azure', message: expected, cause });
  });

  test('of a cancelled call is "cancelled"', () => {
    expect(explain('Could not x', abort)).toMatchObject({
      code: 'cancelled',
      message: 'Could not x: cancelled.',
      cause: abort,
    });
  });

  test('that is explained already passes through', () => {
    const inner = new ActionError('copy', 'The copy failed.');
    expect(explain('Could not x', inner)).toBe(inner);
  });
});

suite('one line for the log', () => {
  const first = new ActionError('azure', 'First.');
  const second = new ActionError('copy', 'Second.');
  const bug = 'This is a bug in azure-vm-to-vhd; report it with the debug log.';
  test.each<readonly [string, unknown, string]>([
    ['an error of the action', first, 'First.'],
    ['collected errors', new AggregateError([first, second]), 'First. Second.'],
    [
      'collected errors inside others',
      new AggregateError([new AggregateError([first]), second]),
      'First. Second.',
    ],
    [
      'a suppressed error',
      new SuppressedError(first, second),
      'Second. (then, while closing: First.)',
    ],
    [
      'a suppressed collection',
      new SuppressedError(second, new AggregateError([first, second])),
      'First. Second. (then, while closing: Second.)',
    ],
    [
      'an unexpected error',
      new TypeError('x is not a function'),
      `Unexpected error: x is not a function. ${bug}`,
    ],
    [
      'an unexpected code',
      sdkError('nobody answers', { code: 'ECONNREFUSED' }),
      `Unexpected error: ECONNREFUSED: nobody answers. ${bug}`,
    ],
    [
      'a code that the message has',
      sdkError('connect ECONNREFUSED', { code: 'ECONNREFUSED' }),
      `Unexpected error: connect ECONNREFUSED. ${bug}`,
    ],
    ['a thrown text', 'oh!', `Unexpected error: oh! ${bug}`],
  ])('tells %s', (_name, error, expected) => {
    expect(describe(error)).toBe(expected);
  });
});

suite('secrets', () => {
  const leaky = new Error(`Copy from "${sas}" failed`);
  test.each<readonly [string, unknown]>([
    ['an error', leaky],
    ['an error of the action', new ActionError('azure', leaky.message)],
    ['a collection', new AggregateError([leaky, explain('x', leaky)])],
    ['a suppressed error', new SuppressedError(leaky, leaky)],
    ['a signature without its URL', new Error(`sv=1&sig=${signature}&sp=r`)],
    ['two URLs', new Error(`${sas} to ${sas}`)],
    ['a text', sas],
  ])('a SAS does not survive in %s', (_name, error) => {
    expect(describe(error)).not.toContain(signature);
  });

  test('a SAS does not survive in the error of a step', () => {
    expect(explain('Could not x', leaky).reason).toBe(
      'Could not x: copy from "https://md-export.blob.storage.azure.net/abc/def" failed.',
    );
  });

  test.each([
    [`GET ${sas}, then`, 'GET https://md-export.blob.storage.azure.net/abc/def then'],
    ['"https://x/y?sig=1" is bad', '"https://x/y" is bad'],
    ['https://x/y is good', 'https://x/y is good'],
    ['client_secret=abc&x=1', 'client_secret=***&x=1'],
    ['client_assertion=ey.J.x', 'client_assertion=***'],
    ['Authorization: Bearer abc.def-ghi== here', 'Authorization: Bearer *** here'],
    ['SIG=abc', 'SIG=***'],
    ['token eyJhbGciOi.eyJpc3Mi.c2ln is bad', 'token *** is bad'],
  ])('"%s" is redacted', (message, expected) => {
    expect(redact(message)).toBe(expected);
  });
});

test('errors of an AbortSignal are told from others', () => {
  expect(isAbort(abort)).toBe(true);
  expect(isAbort(sdkError('late', { name: 'TimeoutError' }))).toBe(true);
  expect(isAbort(new Error('AbortError'))).toBe(false);
  expect(isAbort(undefined)).toBe(false);
});

test.each([
  [[], ''],
  [['a'], 'a'],
  [['a', 'b'], 'a and b'],
  [['a', 'b', 'c'], 'a, b and c'],
])('the list %j reads "%s"', (parts, expected) => {
  expect(listOf(parts)).toBe(expected);
});

test('a list may be of alternatives', () => {
  expect(listOf(['a', 'b'], 'or')).toBe('a or b');
});
