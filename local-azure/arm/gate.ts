import type { Principal } from '../world.ts';
import {
  gatewayError,
  resourceGroupNotFound,
  resourceNotFound,
  subscriptionNotFound,
} from './arm-error.ts';
import { parameter } from './call.ts';
import type { Arm, Call } from './call.ts';
import { isAllowed } from './rbac.ts';
import { isAtOrUnder, isSame } from './resource-id.ts';

/** The resource that a call is about. */
export interface Target {
  readonly subscriptionId: string;
  readonly group: string;
  readonly type: string;
  readonly name: string;
  readonly id: string;
}

/**
 * Lets a call through to a resource of a type, or refuses it in the gateway's order: unknown
 * subscription, no right, unknown group, lock. `verb` is the rest of the action, as `read`.
 */
export function openResource(arm: Arm, call: Call, type: string, verb: string): Target {
  const subscriptionId = parameter(call, 'subscription');
  const group = parameter(call, 'group');
  const name = parameter(call, 'name');
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/${type}/${name}`;
  requireSubscription(arm, subscriptionId);
  requireAction(call.principal, `${type}/${verb}`, id);
  requireGroup(arm, subscriptionId, group);
  requireUnlocked(arm, call.request.method, id);
  return { subscriptionId, group, type, name, id };
}

/** Lets a call through that lists resources of a type in a group or a subscription; returns that scope. */
export function openList(arm: Arm, call: Call, type: string): string {
  const subscriptionId = parameter(call, 'subscription');
  const scope = `/subscriptions/${subscriptionId}`;
  requireSubscription(arm, subscriptionId);
  const namespace = type.split('/')[0] ?? type;
  if (call.request.params['group'] === undefined) {
    requireAction(call.principal, `${type}/read`, `${scope}/providers/${namespace}`);
    return scope;
  }
  const group = parameter(call, 'group');
  const groupScope = `${scope}/resourceGroups/${group}`;
  requireAction(call.principal, `${type}/read`, `${groupScope}/providers/${namespace}`);
  requireGroup(arm, subscriptionId, group);
  return groupScope;
}

/** A found resource, or 404 in the gateway's words. */
export function required<T>(found: T | undefined, target: Target): T {
  if (found === undefined) throw resourceNotFound(target.type, target.name, target.group);
  return found;
}

/** 404 for a subscription that is not there. */
export function requireSubscription(arm: Arm, subscriptionId: string): void {
  if (!arm.world.resources.subscriptions.some(({ id }) => isSame(id, subscriptionId))) {
    throw subscriptionNotFound(subscriptionId);
  }
}

/** 404 for a resource group that is not there. */
export function requireGroup(arm: Arm, subscriptionId: string, group: string): void {
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${group}`;
  if (arm.world.resources.get(id) === undefined) throw resourceGroupNotFound(group);
}

/** 403 for a caller without the right. */
export function requireAction(principal: Principal, action: string, scope: string): void {
  if (isAllowed(principal, action, scope)) return;
  throw gatewayError(
    403,
    'AuthorizationFailed',
    `The client '${principal.clientId}' with object id '${principal.objectId}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}

/** 403 for a caller who may act on a resource, but not on another one that it names. */
export function requireLinkedAction(
  principal: Principal,
  own: { readonly action: string; readonly scope: string },
  linked: { readonly action: string; readonly scope: string },
): void {
  if (isAllowed(principal, linked.action, linked.scope)) return;
  throw gatewayError(
    403,
    'LinkedAuthorizationFailed',
    `The client '${principal.clientId}' with object id '${principal.objectId}' has permission to perform action '${own.action}' on scope '${own.scope}'; however, it does not have permission to perform action '${linked.action}' on the linked scope(s) '${linked.scope}' or the linked scope(s) are invalid.`,
  );
}

/**
 * 409 for a resource under a lock: CanNotDelete refuses DELETE, ReadOnly everything but reads.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
 */
function requireUnlocked(arm: Arm, method: string, id: string): void {
  if (method === 'GET' || method === 'HEAD') return;
  const verb = method === 'DELETE' ? 'delete' : 'write';
  const locks = (arm.world.scenario.locks ?? []).filter(
    ({ scope, level }) => isAtOrUnder(id, scope) && (verb === 'delete' || level === 'ReadOnly'),
  );
  if (locks.length === 0) return;
  const scopes = locks.map(({ scope }) => `'${scope}'`).join(',');
  throw gatewayError(
    409,
    'ScopeLocked',
    `The scope '${id}' cannot perform ${verb} operation because following scope(s) are locked: ${scopes}. Please remove the lock and try again.`,
  );
}
