import { capture, type CapturedPhase } from './action.ts';
import { withLocalAzure } from './local-azure-run.ts';
import { ARM_LATENCY_MS, AZURE_PIECES_PER_SECOND, buildModel, buildScenario } from './scenario.ts';

/** Seconds of the operations that only follow each other, as the preset has them. */
const OPERATIONS = { powerOff: 9, deallocate: 33 };

/**
 * Calls that only follow each other: one to see the VM and one to see its disk, one to start each operation and one
 * to see its end, one that marks the VM generalized.
 */
const CALLS = 2 + 2 * Object.keys(OPERATIONS).length + 1;

/** A whole capture of an empty disk against the sum of its critical path. */
export interface ControlPlane {
  readonly seconds: number;
  readonly limitSeconds: number;
  readonly phases: readonly CapturedPhase[];
}

export async function measureControlPlane(): Promise<ControlPlane> {
  const scenario = buildScenario({
    pieces: 0,
    powerState: 'running',
    model: buildModel(AZURE_PIECES_PER_SECOND),
  });
  return await withLocalAzure(scenario, async (azure) => {
    const { seconds, phases } = await capture(azure, { replicas: 1, accounts: 1 });
    const { powerOff, deallocate } = OPERATIONS;
    const limitSeconds = powerOff + deallocate + (CALLS * ARM_LATENCY_MS) / 1000;
    return { seconds, limitSeconds, phases };
  });
}
