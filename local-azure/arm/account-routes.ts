import type { Express } from 'express';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { openList, openResource, required } from './gate.ts';

const type = 'Microsoft.Storage/storageAccounts';

/** Routes that read storage accounts. */
export function addStorageAccountRoutes(app: Express, arm: Arm): void {
  app.get(`/subscriptions/:subscription/providers/${type}`, handle(arm, listAccounts));
  const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
  app.get(inGroup, handle(arm, listAccounts));
  app.get(`${inGroup}/:name`, handle(arm, readAccount));
}

function listAccounts(arm: Arm, call: Call): void {
  const scope = openList(arm, call, type);
  call.response.json({ value: arm.world.resources.list(scope, type).map(({ body }) => body) });
}

function readAccount(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'read');
  call.response.json(required(arm.world.resources.get(target.id), target).body);
}
