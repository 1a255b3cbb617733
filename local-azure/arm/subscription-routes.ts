import type { Express } from 'express';
import type { ScenarioSubscription } from '../scenario.ts';
import { handle, parameter } from './call.ts';
import type { Arm, Call } from './call.ts';
import { requireAction, requireGroup, requireSubscription } from './gate.ts';
import { isAtOrUnder, isSame } from './resource-id.ts';
import { resourceGroupType } from './resource-store.ts';

/** Routes of subscriptions, resource groups and registered providers. */
export function addSubscriptionRoutes(app: Express, arm: Arm): void {
  app.get('/subscriptions', handle(arm, listSubscriptions));
  app.get('/subscriptions/:subscription', handle(arm, readSubscription));
  app.get('/subscriptions/:subscription/resourceGroups', handle(arm, listGroups));
  app.get('/subscriptions/:subscription/resourceGroups/:group', handle(arm, readGroup));
  app.get('/subscriptions/:subscription/providers/:namespace', handle(arm, readProvider));
}

/** Only the subscriptions in which the caller has any role. */
function listSubscriptions(arm: Arm, call: Call): void {
  const { resources, scenario } = arm.world;
  const scopes = call.principal.roleAssignments.map(({ scope }) => scope);
  const seen = resources.subscriptions.filter(({ id }) =>
    scopes.some((scope) => meets(scope, `/subscriptions/${id}`)),
  );
  call.response.json({
    value: seen.map((each) => showSubscription(each, scenario.tenantId)),
    count: { type: 'Total', value: seen.length },
  });
}

function meets(scope: string, other: string): boolean {
  return isAtOrUnder(scope, other) || isAtOrUnder(other, scope);
}

function readSubscription(arm: Arm, call: Call): void {
  const id = openSubscription(arm, call, 'Microsoft.Resources/subscriptions/read');
  const { resources, scenario } = arm.world;
  const found = resources.subscriptions.filter((each) => isSame(each.id, id));
  for (const each of found) call.response.json(showSubscription(each, scenario.tenantId));
}

function listGroups(arm: Arm, call: Call): void {
  const action = 'Microsoft.Resources/subscriptions/resourceGroups/read';
  const id = openSubscription(arm, call, action);
  const groups = arm.world.resources.list(`/subscriptions/${id}`, resourceGroupType);
  call.response.json({ value: groups.map(({ body }) => body) });
}

function readGroup(arm: Arm, call: Call): void {
  const subscriptionId = parameter(call, 'subscription');
  const group = parameter(call, 'group');
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${group}`;
  requireSubscription(arm, subscriptionId);
  requireAction(call.principal, 'Microsoft.Resources/subscriptions/resourceGroups/read', id);
  requireGroup(arm, subscriptionId, group);
  call.response.json(arm.world.resources.get(id)?.body);
}

/** Every provider is registered: the scenario has no others. */
function readProvider(arm: Arm, call: Call): void {
  const id = openSubscription(arm, call, 'Microsoft.Resources/subscriptions/providers/read');
  const namespace = parameter(call, 'namespace');
  call.response.json({
    id: `/subscriptions/${id}/providers/${namespace}`,
    namespace,
    registrationPolicy: 'RegistrationRequired',
    registrationState: 'Registered',
    resourceTypes: [],
  });
}

function openSubscription(arm: Arm, call: Call, action: string): string {
  const id = parameter(call, 'subscription');
  requireSubscription(arm, id);
  requireAction(call.principal, action, `/subscriptions/${id}`);
  return id;
}

function showSubscription(
  { id, name }: ScenarioSubscription,
  tenantId: string,
): Record<string, unknown> {
  return {
    id: `/subscriptions/${id}`,
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    subscriptionId: id,
    tenantId,
    displayName: name ?? id,
    state: 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  };
}
