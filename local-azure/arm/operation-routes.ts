import type { Express } from 'express';
import { setProviderQuota, setRetryAfter } from './accept.ts';
import { ArmError, gatewayError } from './arm-error.ts';
import { spendTokens } from './compute-quota.ts';
import { handle, parameter } from './call.ts';
import type { Arm, Call } from './call.ts';

/** Routes under which long-running operations are polled. */
export function addOperationRoutes(app: Express, arm: Arm): void {
  const providers = '/subscriptions/:subscription/providers';
  const at = `${providers}/Microsoft.Compute/locations/:location`;
  app.get(`${at}/operations/:operation`, handle(arm, pollOperation));
  app.get(`${at}/DiskOperations/:operation`, handle(arm, pollOperation));
  const network = `${providers}/Microsoft.Network/locations/:location/operations/:operation`;
  app.get(network, handle(arm, pollOperation));
}

function pollOperation(arm: Arm, call: Call): void {
  if (!arm.signer.isGenuine(call.request.path, call.query)) {
    // What Azure answers to a changed poll URL is not recorded.
    throw gatewayError(
      403,
      'AuthorizationFailed',
      'The signature of the asynchronous operation URL is not valid.',
    );
  }
  const operation = arm.operations.get(parameter(call, 'operation'));
  if (operation === undefined) {
    throw new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.');
  }
  const isDisk = /\/DiskOperations\//i.test(call.request.path);
  const isNetwork = /\/Microsoft\.Network\//i.test(call.request.path);
  if (!isNetwork) setOperationQuota(arm, call, isDisk);
  const state = operation.poll();
  // The disk service has never been seen to say when to come back.
  if (state.status === 'InProgress') {
    setRetryAfter(arm, call, isDisk ? undefined : state.remainingSeconds);
  }
  if (call.query.get('monitor') !== 'true') {
    call.response.json(operation.describe(state));
    return;
  }
  if (state.status === 'InProgress') call.response.status(202).end();
  else if (state.status === 'Succeeded') sendResult(call, state.output);
  // Not recorded: no client has been seen to ask for the result of a failed operation.
  else throw new ArmError(409, state.code, state.message);
}

function sendResult(call: Call, output: unknown): void {
  if (output === undefined) call.response.status(200).end();
  else call.response.json(output);
}

function setOperationQuota(arm: Arm, call: Call, isDisk: boolean): void {
  if (isDisk) {
    setProviderQuota(call, 'GetOperation3Min;49999', 'GetOperation30Min;399999');
    return;
  }
  const id = parameter(call, 'operation');
  spendTokens(arm, call, 'GetOperation', { subscriptionId: parameter(call, 'subscription'), id });
}
