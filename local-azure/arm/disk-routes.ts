import type { Express } from 'express';
import { setProviderQuota } from './accept.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { openList, openResource, required } from './gate.ts';

const type = 'Microsoft.Compute/disks';

/** Routes that read managed disks. */
export function addDiskRoutes(app: Express, arm: Arm): void {
  app.get(`/subscriptions/:subscription/providers/${type}`, handle(arm, listDisks));
  const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
  app.get(inGroup, handle(arm, listDisks));
  app.get(`${inGroup}/:name`, handle(arm, readDisk));
}

function listDisks(arm: Arm, call: Call): void {
  const scope = openList(arm, call, type);
  setProviderQuota(call, 'HighCostGet3Min;359', 'HighCostGet30Min;2879');
  call.response.json({ value: arm.world.resources.list(scope, type).map(({ body }) => body) });
}

function readDisk(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'read');
  const disk = required(arm.world.resources.disk(target.id), target);
  setProviderQuota(call, 'LowCostGet3Min;14999', 'LowCostGet30Min;119999');
  call.response.json(disk.body);
}
