import { explain } from '../../src/errors.ts';
import type { Leak } from '../../src/lease.ts';
import type { Plan } from '../../src/plan.ts';
import type { Result } from '../../src/report/result.ts';
import { GIBIBYTE } from '../../src/units.ts';
import {
  blobOf,
  copied,
  inputsOf,
  planOf,
  replicasOf,
  resultOf,
  sas,
  vmOf,
  worldOf,
} from './facts.ts';

/** The plan of the plain world. */
export const plan = planOf(worldOf());
/** A run whose replicas are all copied. */
export const finished = resultOf(plan);
/** Why a replica failed; its cause had a SAS. */
export const reason = explain('Could not copy blob "x"', new Error(`GET ${sas} failed`));
/** A snapshot that is left behind. */
export const leak: Leak = {
  lease: { kind: 'snapshot', id: '/s', key: 'k' },
  reason: reason.message,
  command: 'az snapshot delete --ids "/s"',
};

/** A run whose second OS VHD failed. */
export const partlyFailed = resultOf(plan, {
  capture: {
    snapshots: finished.capture?.snapshots ?? [],
    outcomes: replicasOf(plan).map((replica) =>
      replica.number === 2 ? { kind: 'failed', replica, error: reason } : copied(replica),
    ),
  },
  leaks: [leak],
  failure: reason.message,
});

/** A run that was refused, with names that are hard on Markdown. */
export const refused: Result = {
  plan: undefined,
  permissions: [],
  capture: undefined,
  findings: [
    { rule: 'blob-name', level: 'refusal', message: 'Blob name "a|b<c>`d`" is bad.' },
    { rule: 'region', level: 'warning', message: 'Far away.' },
  ],
  phases: [],
  leaks: [],
  failure: 'Blob name "a|b<c>`d`" is bad. Nothing was changed.',
};

/** The plan of `adopted`. */
export const adoptedPlan = planOf(
  worldOf({
    inputs: inputsOf({ ifExists: 'skip' }),
    existing: new Map(replicasOf(plan).map(({ url }) => [url, blobOf(url)])),
  }),
);
/** A run that took the VHDs that were there. */
export const adopted = resultOf(adoptedPlan, {
  capture: {
    snapshots: [],
    outcomes: replicasOf(adoptedPlan).map((replica) => ({
      kind: 'adopted',
      replica,
      etag: '"0x1"',
      lengthBytes: 8 * GIBIBYTE + 512,
    })),
  },
});

/** Each of them by its name. */
export const every: readonly (readonly [string, Result])[] = [
  ['finished', finished],
  ['partly failed', partlyFailed],
  ['refused', refused],
  ['adopted', adopted],
];

/** The plan for a VM that differs from the plain one. */
export function withVm(overrides: Parameters<typeof vmOf>[0], inputs = inputsOf()): Plan {
  return planOf(worldOf({ inputs, vm: vmOf(overrides) }));
}
