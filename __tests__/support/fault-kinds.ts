import { expect } from '@jest/globals';
import type { FaultAction } from '../../local-azure/scenario.ts';
import { expectNoSecrets } from './action.ts';
import type { DistinctCall } from './distinct-calls.ts';
import { expectCleanFailure, type Fault, type FaultMatrix } from './fault-matrix.ts';

/** A kind of fault: the calls that it can strike, and a case of it with everything that must become of the run. */
export interface FaultKind {
  readonly what: string;
  readonly canStrike: (call: DistinctCall) => boolean;
  readonly play: (matrix: FaultMatrix, call: DistinctCall) => Promise<void>;
}

const any: FaultKind['canStrike'] = () => true;

/** What a call that was given up may have left. */
const isChange = ({ strikes }: DistinctCall): boolean =>
  !['GET', 'HEAD'].includes(strikes.match.method ?? '') && strikes.match.host !== '^login';

/** What passes by itself is absorbed. */
function passing(what: string, action: FaultAction): FaultKind {
  return {
    what: `${what}, once`,
    canStrike: any,
    play: async (matrix, call) => {
      const run = await matrix.run(call, { action, times: 'once' }, action.kind === 'hang');
      matrix.expectSuccess(run);
      await matrix.expectNothingBehind();
      await matrix.expectUntouched();
      await matrix.expectTrue(run);
    },
  };
}

/**
 * The run fails cleanly, or succeeds all the same; only what the fault keeps from being closed is left, and told. What
 * is tried again is so for minutes, which pass faster with the limits.
 */
function failing(
  what: string,
  fault: Fault,
  { isTriedAgain = false, canStrike = any } = {},
): FaultKind {
  return {
    what: `${what}, ${fault.times}`,
    canStrike,
    play: async (matrix, call) => {
      const run = await matrix.run(call, fault, isTriedAgain);
      if (run.main.exitCode === 0) matrix.expectSuccess(run);
      else expectCleanFailure(run);
      if (what === '404' && isAsking(call)) await matrix.expectOnlyDenied(run);
      else if (call.isClosing || isAsking(call)) await matrix.expectNothingUntold(run);
      else await matrix.expectNothingBehind();
      await matrix.expectUntouched();
      await matrix.expectTrue(run);
      await matrix.expectNextSucceeds();
    },
  };
}

/** Where closing learns whether something is there at all: a 404 that is not true cannot be told from one that is. */
function isAsking({ name }: DistinctCall): boolean {
  return /^(HEAD imageswe1|DELETE)/.test(name);
}

/** A run whose process ends while a call is under way, and its post step. */
function ending(signal: 'SIGINT' | 'SIGKILL', served: boolean): FaultKind {
  return {
    what: served ? `${signal} once the call was served` : signal,
    canStrike: served ? isChange : any,
    play: async (matrix, call) => {
      const run = await matrix.runKilledAt(call, signal, served);
      // A run that is cancelled when only the closing is left has succeeded.
      if (call.isClosing && run.main.exitCode === 0) matrix.expectSuccess(run);
      else expect(run.main.exitCode).toBe(signal === 'SIGKILL' ? undefined : 1);
      expect(run.post.exitCode).toBe(0);
      await matrix.expectNothingBehind();
      await matrix.expectUntouched();
      await matrix.expectTrue(run);
      expectNoSecrets(run);
      await matrix.expectNextSucceeds();
    },
  };
}

/** A run whose machine is lost, so that only a later sweep can close what it opened. */
const lostMachine: FaultKind = {
  what: 'a machine that is lost, then the sweep',
  canStrike: isChange,
  play: async (matrix, call) => {
    const sweep = await matrix.runLostAt(call);
    expect(sweep.log).not.toMatch(/##\[(error|warning)\]/);
    expect(sweep.exitCode).toBe(0);
    expect(sweep.removed).toEqual(sweep.found);
    await matrix.expectNothingBehind();
    await matrix.expectUntouched();
    await matrix.expectNextSucceeds();
  },
};

const throttled: FaultAction = { kind: 'answer', status: 429, headers: { 'retry-after': '1' } };

/** What passes by itself. */
export const passingFaults: readonly FaultKind[] = [
  passing('429', throttled),
  passing('500', answer(500)),
  passing('503', answer(503)),
  passing('a connection that is cut before', { kind: 'drop' }),
  passing('a connection that is cut after', { kind: 'drop', afterBytes: 0 }),
  passing('no answer', { kind: 'hang' }),
];

/** What Azure does not do, whatever comes, or not at that moment. */
export const refusals: readonly FaultKind[] = [400, 403, 404, 409].flatMap((status) => [
  refusal(status, 'for ever'),
  // Who looks and is refused gives up at once: asked again or not makes no difference.
  refusal(status, 'once', (call) => isChange(call) || call.isClosing),
]);

/** What does not pass. */
export const outages: readonly FaultKind[] = [
  outage('429', throttled),
  outage('500', answer(500)),
  outage('503', answer(503)),
  outage('a connection that is cut', { kind: 'drop' }),
];

/** What ends no call by itself: its cases wait for the limits, and are apart so that others run meanwhile. */
export const silence: readonly FaultKind[] = [outage('no answer', { kind: 'hang' })];

/** What ends the run itself. */
export const signals: readonly FaultKind[] = [
  ...[false, true].flatMap((served) => [ending('SIGINT', served), ending('SIGKILL', served)]),
  lostMachine,
];

/** Every kind of the matrix. */
export const faultKinds: readonly FaultKind[] = [
  ...passingFaults,
  ...refusals,
  ...outages,
  ...silence,
  ...signals,
];

function answer(status: number): FaultAction {
  return { kind: 'answer', status };
}

function refusal(status: number, times: Fault['times'], canStrike = any): FaultKind {
  return failing(String(status), { action: answer(status), times }, { canStrike });
}

function outage(what: string, action: FaultAction): FaultKind {
  return failing(what, { action, times: 'for ever' }, { isTriedAgain: true });
}
