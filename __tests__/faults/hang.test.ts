import { afterAll, describe, expect, test } from '@jest/globals';
import { expectNoSecrets } from '../support/action.ts';
import {
  azureHosts,
  expectNothingBehind,
  expectSuccess,
  FaultMatrix,
} from '../support/fault-matrix.ts';

const matrix = await FaultMatrix.discover();

afterAll(async () => {
  await matrix.azure.stop();
});

describe('a call that never answers', () => {
  test.each(matrix.at(azureHosts))('once at $name is tried again', async (call) => {
    const run = await matrix.run(call, { action: { kind: 'hang' }, times: 'once' }, true);
    expectSuccess(run);
    await expectNothingBehind(matrix.azure);
  });
});

describe.each([
  { signal: 'SIGINT', calls: matrix.at(azureHosts) },
  { signal: 'SIGKILL', calls: matrix.calls },
] as const)('$signal', ({ signal, calls }) => {
  test.each(calls)('at $name, and post', async (call) => {
    const run = await matrix.runKilledAt(call, signal);
    if (signal === 'SIGKILL') expect(run.main.exitCode).toBeUndefined();
    expect(run.post.exitCode).toBe(0);
    await expectNothingBehind(matrix.azure);
    expectNoSecrets(run);
    expectSuccess(await matrix.runAgain());
  });
});
