import { describe, test } from '@jest/globals';
import type { Flow } from './fault-flows.ts';
import type { FaultKind } from './fault-kinds.ts';
import { FaultMatrix } from './fault-matrix.ts';

/** Registers the tests of these kinds of faults in a flow: one for each call that a fault of the kind can strike. */
export async function playFaults(flow: Flow, kinds: readonly FaultKind[]): Promise<void> {
  const matrix = await FaultMatrix.discover(flow);

  describe.each(kinds)(`${flow.what}: $what`, ({ canStrike, play }) => {
    test.each(matrix.calls.filter(canStrike))('at $name', async (call) => {
      await play(matrix, call);
    });
  });
}
