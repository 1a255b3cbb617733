import type { Express, Request } from 'express';
import type { ScenarioLock } from '../scenario.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { requireAction, requireGroup, requireSubscription } from './gate.ts';
import { effectivePermissions } from './rbac.ts';
import { isAtOrUnder, segmentAfter } from './resource-id.ts';
import { uuidFrom } from './uuid.ts';

/** Routes of permissions and locks, which exist on every scope. */
export function addAuthorizationRoutes(app: Express, arm: Arm): void {
  const at = '/subscriptions/*scope/providers/Microsoft.Authorization';
  app.get(`${at}/permissions`, handle(arm, listPermissions));
  app.get(`${at}/locks`, handle(arm, listLocks));
}

/** https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource */
function listPermissions(arm: Arm, call: Call): void {
  const scope = openScope(arm, call, 'Microsoft.Authorization/permissions/read');
  call.response.json({ value: effectivePermissions(call.principal, scope) });
}

/**
 * Locks at, above and below the scope; `atScope()` leaves out those below.
 * https://learn.microsoft.com/rest/api/resources/management-locks/list-at-resource-level
 */
function listLocks(arm: Arm, call: Call): void {
  const scope = openScope(arm, call, 'Microsoft.Authorization/locks/read');
  const isAtScope = call.query.get('$filter')?.toLowerCase() === 'atscope()';
  const locks = (arm.world.scenario.locks ?? []).filter(
    (lock) => isAtOrUnder(scope, lock.scope) || (!isAtScope && isAtOrUnder(lock.scope, scope)),
  );
  call.response.json({ value: locks.map(showLock) });
}

function openScope(arm: Arm, call: Call, action: string): string {
  const scope = scopeOf(call.request);
  const subscriptionId = segmentAfter(scope, 'subscriptions') ?? '';
  requireSubscription(arm, subscriptionId);
  requireAction(call.principal, action, scope);
  const group = segmentAfter(scope, 'resourceGroups');
  if (group !== undefined) requireGroup(arm, subscriptionId, group);
  return scope;
}

function scopeOf(request: Request): string {
  const end = request.path.toLowerCase().lastIndexOf('/providers/microsoft.authorization/');
  return decodeURIComponent(request.path.slice(0, end));
}

function showLock({ scope, level, name }: ScenarioLock): Record<string, unknown> {
  const lockName = name ?? uuidFrom(`${scope}/${level}`);
  return {
    properties: { level },
    id: `${scope}/providers/Microsoft.Authorization/locks/${lockName}`,
    type: 'Microsoft.Authorization/locks',
    name: lockName,
  };
}
