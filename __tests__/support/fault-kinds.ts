import { expect } from '@jest/globals';
import type { FaultAction } from '../../local-azure/scenario.ts';
import { expectNoSecrets } from './action.ts';
import type { DistinctCall } from './distinct-calls.ts';
import {
  expectCleanFailure,
  expectNothingBehind,
  expectNothingUntold,
  expectSuccess,
  type FaultMatrix,
} from './fault-matrix.ts';

/** A kind of fault: the calls that it can strike, and a case of it with everything that must become of the run. */
export interface FaultKind {
  readonly what: string;
  readonly calls: (matrix: FaultMatrix) => readonly DistinctCall[];
  readonly play: (matrix: FaultMatrix, call: DistinctCall) => Promise<void>;
}

/** Services of Azure, as the calls name them; the OIDC service of GitHub is none. */
const azureHosts = ['management', 'login', 'imageswe1', 'md-'];

/** What passes by itself is absorbed at these hosts; elsewhere the libraries give up. */
function passing(what: string, action: FaultAction, hosts: readonly string[]): FaultKind {
  return {
    what: `${what}, once`,
    calls: (matrix) => matrix.at(hosts),
    play: async (matrix, call) => {
      const run = await matrix.run(call, { action, times: 'once' }, action.kind === 'hang');
      expectSuccess(run);
      await expectNothingBehind(matrix.azure);
      await matrix.expectTrue(run);
    },
  };
}

/**
 * The run fails cleanly, or succeeds all the same; only what the fault keeps from being closed is left, and told. What
 * is tried again is so for minutes, which pass faster with the limits.
 */
function lasting(what: string, action: FaultAction, isTriedAgain = false): FaultKind {
  return {
    what: `${what}, for ever`,
    calls: ({ calls }) => calls,
    play: async (matrix, call) => {
      const run = await matrix.run(call, { action, times: 'for ever' }, isTriedAgain);
      if (run.main.exitCode === 0) expectSuccess(run);
      else expectCleanFailure(run);
      if (what === '404' && isAsking(call)) await matrix.expectOnlyDenied();
      else if (call.isClosing || isAsking(call)) await expectNothingUntold(matrix.azure, run);
      else await expectNothingBehind(matrix.azure);
      await matrix.expectTrue(run);
      expectSuccess(await matrix.runAgain());
    },
  };
}

/** Where closing learns whether something is there at all: a 404 that is not true cannot be told from one that is. */
function isAsking({ name }: DistinctCall): boolean {
  return /^(HEAD imageswe1|DELETE)/.test(name);
}

/** A run whose process ends while a call is under way, and its post step. */
function ending(signal: 'SIGINT' | 'SIGKILL'): FaultKind {
  return {
    what: signal,
    calls: (matrix) => (signal === 'SIGINT' ? matrix.at(azureHosts) : matrix.calls),
    play: async (matrix, call) => {
      const run = await matrix.runKilledAt(call, signal);
      // A run that is cancelled when only the closing is left has succeeded.
      if (call.isClosing && run.main.exitCode === 0) expectSuccess(run);
      else expect(run.main.exitCode).toBe(signal === 'SIGKILL' ? undefined : 1);
      expect(run.post.exitCode).toBe(0);
      await expectNothingBehind(matrix.azure);
      await matrix.expectTrue(run);
      expectNoSecrets(run);
      expectSuccess(await matrix.runAgain());
    },
  };
}

const throttled: FaultAction = { kind: 'answer', status: 429, headers: { 'retry-after': '1' } };

/** What passes by itself. */
export const passingFaults: readonly FaultKind[] = [
  passing('429', throttled, ['management', 'login']),
  passing('500', answer(500), azureHosts),
  passing('503', answer(503), [...azureHosts, 'pipelines']),
  passing('a connection that is cut before', { kind: 'drop' }, azureHosts),
  passing('a connection that is cut after', { kind: 'drop', afterBytes: 0 }, azureHosts),
  passing('no answer', { kind: 'hang' }, azureHosts),
];

/** What Azure does not do, whatever comes. */
export const refusals: readonly FaultKind[] = [400, 403, 404, 409].map((status) =>
  lasting(String(status), answer(status)),
);

/** What does not pass. */
export const outages: readonly FaultKind[] = [
  lasting('429', throttled, true),
  lasting('500', answer(500), true),
  lasting('503', answer(503), true),
  lasting('a connection that is cut', { kind: 'drop' }, true),
];

/** What ends the run itself. */
export const signals: readonly FaultKind[] = [ending('SIGINT'), ending('SIGKILL')];

/** Every kind of the matrix. */
export const faultKinds: readonly FaultKind[] = [
  ...passingFaults,
  ...refusals,
  ...outages,
  ...signals,
];

function answer(status: number): FaultAction {
  return { kind: 'answer', status };
}
