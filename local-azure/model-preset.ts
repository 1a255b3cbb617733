import type { ScenarioModel } from './scenario.ts';

/** A Gbit/s in MiB/s. */
const GIGABIT_MIB = 1e9 / 8 / 1024 ** 2;

/** Fair rather than favourable; scenario.schema.json says where each figure comes from. */
const azure: ScenarioModel = {
  operationMs: {
    powerOff: 9000,
    deallocate: 33_000,
    snapshot: 700,
    grantAccess: 200,
    revokeAccess: 200,
    delete: 200,
  },
  copyMiBPerSecond: 40,
  blobs: {
    latencyMs: { p50: 80, p99: 400 },
    acrossRegionsFactor: 2,
    perBlob: { mibPerSecond: 60, requestsPerSecond: 500 },
    perExport: { mibPerSecond: 60, requestsPerSecond: 500 },
    perAccount: { mibPerSecond: Math.round(25 * GIGABIT_MIB), requestsPerSecond: 20_000 },
    longestQueueMs: 2000,
    retryAfterSeconds: 1,
    copyAcrossMiBPerSecond: 7,
    copiesInTurn: true,
    copiesUseBudgets: true,
    ownCopyMs: { p50: 5000, p99: 90_000 },
  },
};

/** The model with the figures of its preset, where it names one; what it says itself counts first. */
export function fillModel(model: ScenarioModel): ScenarioModel {
  if (model.preset === undefined) return model;
  return {
    ...azure,
    ...model,
    operationMs: { ...azure.operationMs, ...model.operationMs },
    blobs: { ...azure.blobs, ...model.blobs },
  };
}
