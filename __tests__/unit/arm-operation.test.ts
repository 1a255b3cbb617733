import { describe, expect, test } from '@jest/globals';
import { followOperation, type ArmAnswer } from '../../src/azure/arm-operation.ts';
import { azureFailure } from '../../src/errors.ts';

const url = 'https://management.azure.com/thing';
const operation = 'https://management.azure.com/operations/1?sig=x';
const result = 'https://management.azure.com/results/1?sig=x';
const at = (headers: Readonly<Record<string, string>>) => ({ 'retry-after': '0', ...headers });

function answer(
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = at({}),
): ArmAnswer {
  return { status, body, header: (name) => headers[name] };
}

/** Follows an operation whose polls are answered in turn, and tells what was asked. */
async function follow(
  started: ArmAnswer,
  polls: readonly ArmAnswer[],
  signal = new AbortController().signal,
): Promise<readonly string[]> {
  const asked: string[] = [];
  const left = polls.values();
  const get = (polled: string): Promise<ArmAnswer> => {
    asked.push(polled);
    const { value } = left.next();
    return value === undefined
      ? Promise.reject(new Error('asked too often'))
      : Promise.resolve(value);
  };
  const patience = { deadlineMs: 60_000, intervalMs: 0, firstPauseMs: 0 };
  await followOperation(started, url, get, { patience, signal });
  return asked;
}

const state = (status: string, error?: unknown): ArmAnswer => answer(200, { status, error });
const provisioning = (provisioningState: string): ArmAnswer =>
  answer(200, { properties: { provisioningState } });
const accepted = answer(
  202,
  undefined,
  at({ 'azure-asyncoperation': operation, location: result }),
);

describe('an operation', () => {
  test.each<[string, ArmAnswer, readonly ArmAnswer[], readonly string[]]>([
    ['is over at once', answer(200, {}), [], []],
    ['is over at once without a body', answer(204), [], []],
    ['is over at once with its resource', provisioning('Succeeded'), [], []],
    [
      'is asked for under its own URL first, whatever word says that it runs',
      accepted,
      [state('InProgress'), state('Cooking'), answer(200, {}), state('succeeded')],
      [operation, operation, operation, operation],
    ],
    [
      'of a resource that is answered with 201 too',
      answer(201, {}, at({ 'azure-asyncoperation': operation })),
      [state('Succeeded')],
      [operation],
    ],
    [
      'without one is asked for under that of its result',
      answer(202, undefined, at({ location: result })),
      [answer(202), answer(200)],
      [result, result],
    ],
    [
      'without both is what its resource tells',
      answer(201, { properties: { provisioningState: 'Updating' } }),
      [provisioning('Updating'), provisioning('Succeeded')],
      [url, url],
    ],
  ])('%s', async (_name, started, polls, asked) => {
    expect(await follow(started, polls)).toEqual(asked);
  });

  test.each<[string, ArmAnswer, string, string]>([
    [
      'failed',
      state('Failed', { code: 'QuotaExceeded', message: 'No cores left.' }),
      'QuotaExceeded',
      'No cores left.',
    ],
    ['was cancelled', state('Canceled'), 'Canceled', 'the operation ended as Canceled'],
  ])(
    'that %s throws what Azure says, though the status is 200',
    async (_n, poll, code, message) => {
      const failure = await follow(accepted, [poll]).then(
        () => undefined,
        (error: unknown) => azureFailure(error),
      );
      expect(failure).toMatchObject({ code, message });
    },
  );

  test('of a resource that ends as failed throws too', async () => {
    const started = answer(201, { properties: { provisioningState: 'Creating' } });
    await expect(follow(started, [provisioning('Failed')])).rejects.toThrow(
      'the operation ended as Failed',
    );
  });

  test('is not asked for any more when the run is cancelled', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(follow(accepted, [], controller.signal)).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  test.each<[string, string | undefined, string | undefined, readonly number[]]>([
    ['as long as Azure asks for', '7', '3', [7000, 3000, 3000]],
    ['as usual where Azure names no pause', undefined, undefined, [100, 200, 200]],
    ['as usual where Azure asks for none, as the pollers of the SDK do', '0', '0', [100, 200, 200]],
    ['as usual where Azure asks for what is no pause', '-1', 'soon', [100, 200, 200]],
  ])('is waited for %s', async (_name, first, later, pauses) => {
    const header = (seconds: string | undefined) =>
      seconds === undefined ? {} : { 'retry-after': seconds };
    const headers = { 'azure-asyncoperation': operation, ...header(first) };
    const running = answer(200, { status: 'InProgress' }, header(later));
    const polls = [running, running, state('Succeeded')].values();
    const waited: number[] = [];
    await followOperation(
      answer(202, undefined, headers),
      url,
      () => Promise.resolve(polls.next().value ?? state('Failed')),
      {
        patience: { deadlineMs: 60_000, intervalMs: 200, firstPauseMs: 100 },
        signal: new AbortController().signal,
        wait: (milliseconds) => {
          waited.push(milliseconds);
          return Promise.resolve();
        },
      },
    );
    expect(waited).toEqual(pauses);
  });

  test('that does not end within its deadline says so', async () => {
    const get = (): Promise<ArmAnswer> => Promise.resolve(state('InProgress'));
    const patience = { deadlineMs: 6, intervalMs: 0, firstPauseMs: 0 };
    const { signal } = new AbortController();
    await expect(followOperation(accepted, url, get, { patience, signal })).rejects.toThrow(
      'the operation has not ended after 0.0001 minutes',
    );
  });
});
