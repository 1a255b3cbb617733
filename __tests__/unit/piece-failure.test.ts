import { describe, expect, test } from '@jest/globals';
import { judgePiece } from '../../src/copy/piece-failure.ts';
import type { AzureFailure } from '../../src/errors.ts';

function failureOf(overrides: Partial<AzureFailure> = {}): AzureFailure {
  return {
    code: undefined,
    status: undefined,
    message: 'no',
    source: undefined,
    retryAfterMs: undefined,
    request: undefined,
    requestId: undefined,
    ...overrides,
  };
}

const again = (overrun: 'source' | 'destination' | undefined, retryAfterMs?: number): object => ({
  kind: 'again',
  overrun,
  retryAfterMs,
});
/** What the destination relays of its source. */
const relayed = (status: number): Partial<AzureFailure> => ({
  status,
  code: 'CannotVerifyCopySource',
  source: { status, code: 'x' },
});

describe('a piece that failed', () => {
  interface Case {
    readonly name: string;
    readonly failure: Partial<AzureFailure>;
    readonly fromExport: object;
    readonly fromReplica: object;
  }
  const [renew, edge, unsupported, fatal] = ['renew', 'edge', 'unsupported', 'fatal'].map(
    (kind) => ({ kind }),
  ) as [object, object, object, object];
  const same = (verdict: object): Pick<Case, 'fromExport' | 'fromReplica'> => ({
    fromExport: verdict,
    fromReplica: verdict,
  });
  const cases: readonly Case[] = [
    { name: 'without an answer', failure: {}, ...same(again(undefined)) },
    { name: 'ETIMEDOUT', failure: { code: 'ETIMEDOUT' }, ...same(again(undefined)) },
    ...[408, 500, 502, 504].map((status) => ({
      name: `with ${status}`,
      failure: { status },
      ...same(again(undefined)),
    })),
    ...[429, 503].map((status) => ({
      name: `with ${status} and Retry-After`,
      failure: { status, retryAfterMs: 30_000 },
      ...same(again('destination', 30_000)),
    })),
    ...[408, 429, 500, 503].map((status) => ({
      name: `since its source answers ${status}`,
      failure: relayed(status),
      ...same(again('source')),
    })),
    ...[401, 403, 404, 409].map((status) => ({
      name: `since its source answers ${status}`,
      failure: relayed(status),
      fromExport: renew,
      fromReplica: edge,
    })),
    ...[304, 400, 412, 416].map((status) => ({
      name: `since its source answers ${status}`,
      failure: relayed(status),
      fromExport: unsupported,
      fromReplica: edge,
    })),
    {
      name: 'since its source cannot be verified, in an older version without headers',
      failure: { status: 403, code: 'CannotVerifyCopySource' },
      fromExport: renew,
      fromReplica: edge,
    },
    ...[304, 401, 403, 404, 409, 412, 416].map((status) => ({
      name: `with ${status} that may be the source's or the destination's`,
      failure: { status },
      fromExport: fatal,
      fromReplica: edge,
    })),
    {
      name: 'with 400, for which a replica gets the blame in doubt',
      failure: { status: 400 },
      fromExport: unsupported,
      fromReplica: edge,
    },
    ...[405, 501].map((status) => ({
      name: `with ${status}`,
      failure: { status },
      ...same(unsupported),
    })),
    { name: 'with 411', failure: { status: 411 }, ...same(fatal) },
  ];

  test.each(cases)('$name', ({ failure, fromExport, fromReplica }) => {
    expect(judgePiece(failureOf(failure), 'export')).toEqual(fromExport);
    expect(judgePiece(failureOf(failure), 'replica')).toEqual(fromReplica);
  });
});
