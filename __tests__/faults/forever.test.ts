import { afterAll, describe, test } from '@jest/globals';
import {
  expectCleanFailure,
  expectNothingBehind,
  expectNothingUntold,
  expectSuccess,
  FaultMatrix,
} from '../support/fault-matrix.ts';

const matrix = await FaultMatrix.discover();

afterAll(async () => {
  await matrix.azure.stop();
});

describe.each([400, 403, 404, 409, 500])('%i for ever', (status) => {
  test.each(matrix.calls)('at $name', async (call) => {
    const run = await matrix.run(call, { action: { kind: 'answer', status }, times: 'for ever' });
    if (run.main.exitCode === 0) expectSuccess(run);
    else expectCleanFailure(run);
    if (call.isClosing) await expectNothingUntold(matrix.azure, run);
    else await expectNothingBehind(matrix.azure);
    expectSuccess(await matrix.runAgain());
  });
});
