import { afterAll, describe, test } from '@jest/globals';
import {
  expectNothingBehind,
  expectSuccess,
  FaultMatrix,
  passingFaults,
} from '../support/fault-matrix.ts';

const matrix = await FaultMatrix.discover();

afterAll(async () => {
  await matrix.azure.stop();
});

describe.each(passingFaults)('$what, once', ({ action, hosts }) => {
  test.each(matrix.at(hosts))('at $name is absorbed', async (call) => {
    const run = await matrix.run(call, { action, times: 'once' });
    expectSuccess(run);
    await expectNothingBehind(matrix.azure);
  });
});
