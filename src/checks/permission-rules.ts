import { isComplete } from '../plan.ts';
import { foundBlobs, foundContainers, foundExtras } from '../survey.ts';
import { listOf } from '../errors.ts';
import { isGranted, requiredPermissions, type Requirement } from '../permissions.ts';
import type { Facts, Rule } from './rule.ts';

/** Rules on what the identity may do. */
export const permissionRules: readonly Rule[] = [
  {
    id: 'permissions',
    about: 'The identity may do all that this very plan takes, each right at its scope.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/role-based-access-control/custom-roles',
    look: lookAtPermissions,
  },
  {
    id: 'permissions-unknown',
    about: 'The permissions of the identity can be read.',
    level: 'warning',
    source: 'https://learn.microsoft.com/rest/api/authorization/permissions',
    look: ({ survey }) =>
      [...survey.permissions]
        .filter(([, permissions]) => permissions.kind !== 'found')
        .map(
          ([scope]) =>
            `The identity's permissions on "${scope}" cannot be read, so they were not checked beforehand.`,
        ),
  },
];

/** The rights that this very plan takes and that the identity is known not to have. */
export function missingPermissions({ survey, inputs, vm, layout }: Facts): readonly Requirement[] {
  if (vm === undefined || isComplete(inputs, layout, foundBlobs(survey.blobs))) return [];
  return requiredPermissions(inputs, vm, layout, foundExtras(survey)).filter((requirement) => {
    const permissions = survey.permissions.get(requirement.scope);
    return (
      permissions?.kind === 'found' &&
      !isNotNeeded(requirement, survey) &&
      isGranted(requirement, permissions.value) === false
    );
  });
}

function lookAtPermissions(facts: Facts): readonly string[] {
  const byScope = Map.groupBy(missingPermissions(facts), ({ scope }) => scope);
  return [...byScope].map(
    ([scope, rights]) =>
      `The identity lacks ${listOf(rights.map(nameRight))} on "${scope}". ${remedyForRights(rights)}`,
  );
}

/** A container that is there is not made. */
function isNotNeeded({ scope, name }: Requirement, { containers }: Facts['survey']): boolean {
  if (!name.endsWith('/containers/write')) return false;
  return [...foundContainers(containers)].some((id) => scope.startsWith(`${id}/`));
}

function nameRight({ kind, name }: Requirement): string {
  return kind === 'action' ? name : `${name} (data action)`;
}

function remedyForRights(rights: readonly Requirement[]): string {
  return rights.every(({ kind }) => kind === 'dataAction')
    ? 'Grant it "Storage Blob Data Contributor" there; "Contributor" and "Owner" do not reach blobs.'
    : 'Grant it the custom role in the log, or that of docs/permissions.md.';
}
