import type { Capture } from '../capture.ts';
import type { Finding } from '../checks/check.ts';
import type { Outcome } from '../copy/outcome.ts';
import type { DiskKey } from '../layout.ts';
import type { Leak } from '../lease.ts';
import type { Requirement } from '../permissions.ts';
import type { Plan } from '../plan.ts';
import type { Phase } from '../timeline.ts';

/** All that a run has to report, as far as it came. */
export interface Result {
  readonly plan: Plan | undefined;
  /** What the plan needs the identity to be allowed. */
  readonly permissions: readonly Requirement[];
  /** Of these, what the identity is known not to have. */
  readonly missing: readonly Requirement[];
  readonly capture: Capture | undefined;
  readonly findings: readonly Finding[];
  readonly phases: readonly Phase[];
  readonly leaks: readonly Leak[];
  /** One line; undefined for a run that succeeded. */
  readonly failure: string | undefined;
}

/** A replica that is there and right. */
export type FinishedReplica = Exclude<Outcome, { kind: 'failed' }>;

/** The finished replicas of a disk, in their order. */
export function finishedReplicas(result: Result, disk?: DiskKey): readonly FinishedReplica[] {
  return (result.capture?.outcomes ?? [])
    .filter((outcome) => outcome.kind !== 'failed')
    .filter(({ replica }) => disk === undefined || replica.disk === disk)
    .sort((left, right) => left.replica.number - right.replica.number);
}

/** The generation of the VM, or that of its OS disk where the VM does not tell. */
export function hyperVGenerationOf(plan: Plan): 'V1' | 'V2' {
  return plan.vm.hyperVGeneration ?? plan.osDiskGeneration ?? 'V1';
}
