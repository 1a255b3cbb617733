import type { RequestListener } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import { addNetworkRoutes } from '../network/network-routes.ts';
import { addAccessRoutes } from './access-routes.ts';
import { addStorageAccountRoutes } from './account-routes.ts';
import { ArmError, gatewayError } from './arm-error.ts';
import { addAuthorizationRoutes } from './authorization-routes.ts';
import { addBatchRoutes } from './batch-routes.ts';
import { addCapacityRoutes } from './capacity-routes.ts';
import { handle, queryOf, setCommonHeaders } from './call.ts';
import type { Arm, ArmWorld, Call } from './call.ts';
import { addBootDiagnosticsRoutes } from './boot-diagnostics-routes.ts';
import { addDiskChangeRoutes } from './disk-change-routes.ts';
import { addDiskRoutes } from './disk-routes.ts';
import { requireGroup, requireSubscription } from './gate.ts';
import { addExtensionRoutes } from './extension-routes.ts';
import { addImageRoutes } from './image-routes.ts';
import { addMetadataRoutes } from './metadata-routes.ts';
import { addOperationRoutes } from './operation-routes.ts';
import { Operations } from './operations.ts';
import { PollUrlSigner } from './poll-url.ts';
import { segmentAfter } from './resource-id.ts';
import { addResourceListRoutes } from './resource-list-routes.ts';
import { addRunCommandRoutes } from './run-command-routes.ts';
import { addSnapshotRoutes } from './snapshot-routes.ts';
import { addSubscriptionRoutes } from './subscription-routes.ts';
import { TokenBuckets } from './token-buckets.ts';
import { addVirtualMachineChangeRoutes } from './vm-change-routes.ts';
import { addVirtualMachineRoutes } from './vm-routes.ts';

/** Azure Resource Manager of a world, as a listener for requests to its host name. */
export function createArmApp(world: ArmWorld): RequestListener {
  const arm: Arm = {
    world,
    operations: new Operations(world.scenario.model),
    signer: new PollUrlSigner(),
    tokens: new TokenBuckets(),
  };
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(setCommonHeaders);
  app.use(waitFor(world.scenario.model?.armLatencyMs ?? 0));
  app.use(requireApiVersion);
  addMetadataRoutes(app, world);
  app.use(express.json({ type: () => true }));
  addAuthorizationRoutes(app, arm);
  addOperationRoutes(app, arm);
  addVirtualMachineRoutes(app, arm);
  addVirtualMachineChangeRoutes(app, arm);
  addExtensionRoutes(app, arm);
  addCapacityRoutes(app, arm);
  addRunCommandRoutes(app, arm);
  addBootDiagnosticsRoutes(app, arm);
  addDiskRoutes(app, arm);
  addDiskChangeRoutes(app, arm);
  addSnapshotRoutes(app, arm);
  addImageRoutes(app, arm);
  addAccessRoutes(app, arm);
  addNetworkRoutes(app, arm);
  addStorageAccountRoutes(app, arm);
  addBatchRoutes(app, arm);
  addResourceListRoutes(app, arm);
  addSubscriptionRoutes(app, arm);
  app.use(handle(arm, refuseUnknown));
  app.use(sendError);
  return app;
}

function waitFor(latencyMs: number) {
  return async (_request: Request, _response: Response, next: NextFunction): Promise<void> => {
    if (latencyMs > 0) await delay(latencyMs);
    next();
  };
}

function requireApiVersion(request: Request, _response: Response, next: NextFunction): void {
  if ((queryOf(request).get('api-version') ?? '') === '') {
    throw gatewayError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  next();
}

function refuseUnknown(arm: Arm, { request, query }: Call): void {
  const subscriptionId = segmentAfter(request.path, 'subscriptions');
  if (subscriptionId !== undefined) requireSubscription(arm, subscriptionId);
  const group = segmentAfter(request.path, 'resourceGroups');
  if (subscriptionId !== undefined && group !== undefined) requireGroup(arm, subscriptionId, group);
  const namespace = segmentAfter(request.path, 'providers');
  throw gatewayError(
    404,
    'InvalidResourceType',
    `The resource type could not be found in the namespace '${namespace ?? 'Microsoft.Resources'}' for api version '${query.get('api-version') ?? ''}'.`,
  );
}

function sendError(
  error: unknown,
  _request: Request,
  response: Response,
  next: NextFunction,
): void {
  if (response.headersSent) {
    next(error);
    return;
  }
  const known = toArmError(error);
  if (known.source === 'gateway') response.set('x-ms-failure-cause', 'gateway');
  response.set(known.headers).status(known.status).json(known.body);
}

function toArmError(error: unknown): ArmError {
  if (error instanceof ArmError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isBodyProblem(error)) {
    return gatewayError(
      400,
      'InvalidRequestContent',
      `The request content was invalid and could not be deserialized: '${message}'.`,
    );
  }
  return new ArmError(500, 'InternalServerError', `The local Azure failed: ${message}`);
}

/** Whether express.json could not read the body. */
function isBodyProblem(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'type' in error &&
    error.type === 'entity.parse.failed'
  );
}
