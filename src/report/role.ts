import type { Requirement } from '../permissions.ts';

/** A right, as a role grants it. */
type Granted = Pick<Requirement, 'kind' | 'name'>;

/**
 * A custom role as JSON, as `az role definition create --role-definition` takes it.
 * https://learn.microsoft.com/azure/role-based-access-control/custom-roles
 */
export function renderRole(
  name: string,
  description: string,
  rights: readonly Granted[],
  assignableScopes: readonly string[],
): string {
  const named = (kind: Granted['kind']): readonly string[] =>
    [...new Set(rights.filter((right) => right.kind === kind).map(({ name }) => name))].sort();
  const role = {
    Name: name,
    Description: description,
    Actions: named('action'),
    NotActions: [],
    DataActions: named('dataAction'),
    NotDataActions: [],
    AssignableScopes: assignableScopes,
  };
  return JSON.stringify(role, undefined, 2);
}

/** The custom role that grants just these; resource groups are the smallest scopes that a role can be made for. */
export function renderMissingRole(missing: readonly Requirement[]): string {
  const groups = new Set(missing.map(({ scope }) => groupOf(scope)));
  const description = 'What a run of azure-vm-to-vhd lacked';
  return renderRole('VM to VHD, missing rights', description, missing, [...groups].sort());
}

function groupOf(scope: string): string {
  return /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+/i.exec(scope)?.[0] ?? scope;
}
