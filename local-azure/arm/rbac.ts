import type { Permissions, Principal, RoleAssignment } from '../world.ts';
import { isAtOrUnder } from './resource-id.ts';

/** Whether a principal may perform an action of the control plane on a scope (a resource ID). */
export function isAllowed(principal: Principal, action: string, scope: string): boolean {
  return assignmentsOn(principal, scope).some(
    ({ actions, notActions }) => matchesAny(actions, action) && !matchesAny(notActions, action),
  );
}

/** Whether a principal may perform an action of the data plane on a scope (a resource ID). */
export function isDataAllowed(principal: Principal, dataAction: string, scope: string): boolean {
  return assignmentsOn(principal, scope).some(
    ({ dataActions, notDataActions }) =>
      matchesAny(dataActions, dataAction) && !matchesAny(notDataActions, dataAction),
  );
}

/** What a principal holds on a scope: one entry for each assignment there or above. */
export function effectivePermissions(principal: Principal, scope: string): readonly Permissions[] {
  return assignmentsOn(principal, scope).map(
    ({ actions, notActions, dataActions, notDataActions }) => ({
      actions,
      notActions,
      dataActions,
      notDataActions,
    }),
  );
}

/**
 * Assignments are inherited from above, and `notActions` count within their own assignment only.
 * https://learn.microsoft.com/azure/role-based-access-control/role-definitions#notactions
 */
function assignmentsOn(principal: Principal, scope: string): readonly RoleAssignment[] {
  return principal.roleAssignments.filter((assignment) => isAtOrUnder(scope, assignment.scope));
}

function matchesAny(patterns: readonly string[], action: string): boolean {
  return patterns.some((pattern) => toExpression(pattern).test(action));
}

function toExpression(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'i');
}
