import type { Copied, Outcome, Traffic } from '../../src/copy/outcome.ts';
import { explain } from '../../src/errors.ts';
import type { Leak } from '../../src/lease.ts';
import type { Plan, PlannedReplica } from '../../src/plan.ts';
import type { Result } from '../../src/report/result.ts';
import { GIBIBYTE, MEBIBYTE } from '../../src/units.ts';
import {
  blobOf,
  inputsOf,
  planOf,
  replicasOf,
  sas,
  resultOf as plainResultOf,
  vmOf,
  worldOf,
} from './facts.ts';

/** The plan of the plain world. */
export const plan = planOf(worldOf());

/** The CRC-64 of every VHD of the OS disk here. */
export const osCrc64 = '0f1e2d3c4b5a6978';

/** A replica that page ranges copied: 2 GiB of data in 64 seconds, a quarter of them from other replicas. */
export function copied(replica: PlannedReplica, overrides: Partial<Copied> = {}): Copied {
  return {
    kind: 'copied',
    replica,
    etag: '"0x2"',
    lengthBytes: 8 * GIBIBYTE + 512,
    method: 'page-ranges',
    copyId: undefined,
    seconds: 64,
    movedBytes: 2 * GIBIBYTE,
    resumedBytes: 0,
    retries: 3,
    fromExports: 1.5 * GIBIBYTE,
    fromReplicas: 0.5 * GIBIBYTE,
    proof: { kind: 'checksums', crc64: osCrc64 },
    ...overrides,
  };
}

/** A replica that Copy Blob made of another one. */
export function copiedByCopyBlob(replica: PlannedReplica, overrides: Partial<Copied> = {}): Copied {
  return copied(replica, {
    method: 'copy-blob',
    copyId: 'copy-1',
    retries: 0,
    fromExports: 0,
    fromReplicas: 2 * GIBIBYTE,
    proof: { kind: 'copy-status' },
    ...overrides,
  });
}

/** A replica that was there before. */
export function adoptedOf(replica: PlannedReplica): Outcome {
  return { kind: 'adopted', replica, etag: '"0x1"', lengthBytes: 8 * GIBIBYTE + 512 };
}

/** What the copies of `finished` came to: 2 of every 8 GiB moved. */
export const traffic: Traffic = {
  putPages: 2052,
  otherCalls: 48,
  movedBytes: 8 * GIBIBYTE,
  savedBytes: 24 * GIBIBYTE,
  samples: [
    { seconds: 16, bytesPerSecond: 100 * MEBIBYTE },
    { seconds: 32, bytesPerSecond: 150.5 * MEBIBYTE },
    { seconds: 48, bytesPerSecond: 0 },
    { seconds: 61, bytesPerSecond: 90 * MEBIBYTE },
  ],
};

/** A run with these outcomes; without them, of replicas that are all copied. */
export function resultOf(
  ofPlan: Plan,
  outcomes: Outcome[] = replicasOf(ofPlan).map((replica) => copied(replica)),
  overrides: Partial<Result> = {},
): Result {
  const result = plainResultOf(ofPlan);
  const snapshots = result.capture?.snapshots ?? [];
  return { ...result, capture: { snapshots, outcomes, traffic }, ...overrides };
}

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
export const partlyFailed = resultOf(
  plan,
  replicasOf(plan).map((replica) =>
    replica.number === 2 ? { kind: 'failed', replica, error: reason } : copied(replica),
  ),
  { leaks: [leak], failure: reason.message },
);

/** A run that was refused, with names that are hard on Markdown. */
export const refused: Result = {
  plan: undefined,
  permissions: [],
  missing: [],
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
export const adopted = resultOf(adoptedPlan, [], {
  capture: {
    snapshots: [],
    outcomes: replicasOf(adoptedPlan).map(adoptedOf),
    traffic: undefined,
  },
});

/** A run with a VHD of every kind: resumed, by Copy Blob, read back and taken as it was. */
export const mixed = resultOf(
  plan,
  replicasOf(plan).map((replica, index) => {
    const resumed = { movedBytes: GIBIBYTE, resumedBytes: GIBIBYTE, fromExports: 0.5 * GIBIBYTE };
    if (index === 0) return copied(replica, resumed);
    if (index === 1) return copiedByCopyBlob(replica);
    if (index === 2) return adoptedOf(replica);
    return copied(replica, { proof: { kind: 'read-back', crc64: 'aaaaaaaaaaaaaaaa' } });
  }),
);

/** Each of them by its name. */
export const every: readonly (readonly [string, Result])[] = [
  ['finished', finished],
  ['partly failed', partlyFailed],
  ['refused', refused],
  ['adopted', adopted],
  ['mixed', mixed],
];

/** The plan for a VM that differs from the plain one. */
export function withVm(overrides: Parameters<typeof vmOf>[0], inputs = inputsOf()): Plan {
  return planOf(worldOf({ inputs, vm: vmOf(overrides) }));
}
