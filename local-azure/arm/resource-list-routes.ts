import type { Express } from 'express';
import type { Resource } from '../world.ts';
import { invalidParameter } from './arm-error.ts';
import { handle, parameter } from './call.ts';
import type { Arm, Call } from './call.ts';
import { requireGroup, requireSubscription } from './gate.ts';
import { isAllowed } from './rbac.ts';
import { isSame } from './resource-id.ts';
import { resourceGroupType } from './resource-store.ts';

/** Routes that list resources of every type. */
export function addResourceListRoutes(app: Express, arm: Arm): void {
  app.get('/subscriptions/:subscription/resources', handle(arm, listResources));
  app.get(
    '/subscriptions/:subscription/resourceGroups/:group/resources',
    handle(arm, listResources),
  );
}

/** https://learn.microsoft.com/rest/api/resources/resources/list: what the caller may read. */
function listResources(arm: Arm, call: Call): void {
  const subscriptionId = parameter(call, 'subscription');
  requireSubscription(arm, subscriptionId);
  const group = call.request.params['group'];
  if (typeof group === 'string') requireGroup(arm, subscriptionId, group);
  const scope = `/subscriptions/${subscriptionId}${typeof group === 'string' ? `/resourceGroups/${group}` : ''}`;
  const isAsked = readFilter(call.query.get('$filter') ?? '');
  const found = arm.world.resources.under(scope).filter(({ body, id }) => {
    if (isSame(body.type, resourceGroupType)) return false;
    return isAllowed(call.principal, `${body.type}/read`, id);
  });
  call.response.json({ value: found.filter(isAsked).map(outline) });
}

/** A list shows less than the resource itself. */
function outline({ body }: Resource): Record<string, unknown> {
  const { id, name, type, location, tags, zones, managedBy } = body;
  return {
    ...{ id, name, type, location, tags },
    ...(zones === undefined ? {} : { zones }),
    ...(managedBy === undefined ? {} : { managedBy }),
  };
}

/** Filters by tag and by type; 400 for any other. */
function readFilter(filter: string): (resource: Resource) => boolean {
  if (filter === '') return () => true;
  const tag = /^tagName eq '([^']*)'(?: and tagValue eq '([^']*)')?$/i.exec(filter);
  const type = /^resourceType eq '([^']*)'$/i.exec(filter)?.[1];
  if (type !== undefined) return ({ body }) => isSame(body.type, type);
  if (tag === null) throw invalidParameter(`The filter '${filter}' is invalid.`);
  const [, name = '', value] = tag;
  return ({ body }) =>
    Object.entries(body.tags ?? {}).some(
      ([key, text]) => isSame(key, name) && (value === undefined || text === value),
    );
}
