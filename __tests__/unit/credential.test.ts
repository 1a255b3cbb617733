import type { AccessToken, TokenCredential } from '@azure/core-auth';
import { describe, expect, test } from '@jest/globals';
import { shareTokens } from '../../src/azure/credential.ts';

/** A credential whose answers come when they are told to. */
function slowCredential(): TokenCredential & { asked: string[]; answer: (token: string) => void } {
  const asked: string[] = [];
  let waiting: PromiseWithResolvers<AccessToken>[] = [];
  return {
    asked,
    answer: (token) => {
      for (const { resolve } of waiting) resolve({ token, expiresOnTimestamp: 1 });
      waiting = [];
    },
    getToken: (scopes) => {
      asked.push(String(scopes));
      const next = Promise.withResolvers<AccessToken>();
      waiting.push(next);
      return next.promise;
    },
  };
}

describe('tokens that are shared', () => {
  test('are asked for once by all who want the same at the same moment, and anew afterwards', async () => {
    const credential = slowCredential();
    const shared = shareTokens(credential);
    const first = [shared.getToken('a'), shared.getToken('a'), shared.getToken('b')];
    expect(credential.asked).toEqual(['a', 'b']);
    credential.answer('one');
    expect((await Promise.all(first)).map((token) => token?.token)).toEqual(['one', 'one', 'one']);
    const again = shared.getToken('a');
    credential.answer('two');
    expect((await again)?.token).toBe('two');
  });

  test('are asked for apart when they are to have other claims', () => {
    const credential = slowCredential();
    const shared = shareTokens(credential);
    void shared.getToken('a');
    void shared.getToken('a', { claims: 'c' });
    void shared.getToken('a', { tenantId: 't' });
    expect(credential.asked).toHaveLength(3);
  });

  test('that could not be had fail all who waited, and are tried again', async () => {
    let tries = 0;
    const shared = shareTokens({
      getToken: () => {
        tries += 1;
        return tries === 1
          ? Promise.reject(new Error('no'))
          : Promise.resolve({ token: 't', expiresOnTimestamp: 1 });
      },
    });
    const both = await Promise.allSettled([shared.getToken('a'), shared.getToken('a')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await shared.getToken('a'))?.token).toBe('t');
    expect(tries).toBe(2);
  });
});
