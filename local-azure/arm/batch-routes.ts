import type { Express } from 'express';
import { batchAccountType as type } from './batch-account.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { openResource, required } from './gate.ts';

/** The route that reads an account of Azure Batch. */
export function addBatchRoutes(app: Express, arm: Arm): void {
  const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
  app.get(`${inGroup}/:name`, handle(arm, readAccount));
}

/** https://learn.microsoft.com/rest/api/batchmanagement/batch-account/get */
function readAccount(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'read');
  call.response.json(required(arm.world.resources.get(target.id), target).body);
}
