import { afterAll, describe, test } from '@jest/globals';
import { faultKinds } from '../support/fault-kinds.ts';
import { FaultMatrix } from '../support/fault-matrix.ts';

const matrix = await FaultMatrix.discover();

afterAll(async () => {
  await matrix.azure.stop();
});

describe.each(faultKinds)('$what', ({ calls, play }) => {
  test.each(calls(matrix))('at $name', async (call) => {
    await play(matrix, call);
  });
});
