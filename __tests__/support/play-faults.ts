import { afterAll, describe, test } from '@jest/globals';
import type { FaultKind } from './fault-kinds.ts';
import { FaultMatrix } from './fault-matrix.ts';

/** Registers the tests of these kinds of faults: one for each call that a fault of the kind can strike. */
export async function playFaults(kinds: readonly FaultKind[]): Promise<void> {
  const matrix = await FaultMatrix.discover();

  afterAll(async () => {
    await matrix.azure.stop();
  });

  describe.each(kinds)('$what', ({ calls, play }) => {
    test.each(calls(matrix))('at $name', async (call) => {
      await play(matrix, call);
    });
  });
}
