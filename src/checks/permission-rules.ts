import { isComplete } from '../plan.ts';
import { foundBlobs, foundContainers, foundExtras } from '../survey.ts';
import { listOf } from '../errors.ts';
import { reasonOf } from './lookups.ts';
import { isGranted, requiredPermissions, type Requirement } from '../permissions.ts';
import type { Facts, Rule } from './rule.ts';

/** Rules on what the identity may do. */
export const permissionRules: readonly Rule[] = [
  {
    id: 'permissions',
    about: 'The identity may do all that this very plan takes, each right at its scope.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/role-based-access-control/custom-roles',
    look: (facts) => tellMissing(facts, (requirement) => !requirement.isOptional, remedyForRights),
  },
  {
    id: 'permissions-optional',
    about:
      'The identity may do what a run takes only where Azure asks for it, or to tell more of a failure.',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/role-based-access-control/custom-roles',
    look: (facts) =>
      tellMissing(
        facts,
        ({ isOptional }) => isOptional === true,
        () =>
          'The run begins without, and may need it later: grant the identity the custom role in the log, or that of docs/permissions.md.',
      ),
  },
  {
    id: 'permissions-unknown',
    about: 'The permissions of the identity can be read.',
    level: 'warning',
    source: 'https://learn.microsoft.com/rest/api/authorization/permissions',
    look: ({ survey }) =>
      [...survey.permissions]
        .filter(([, permissions]) => permissions.kind !== 'found')
        .map(([scope, permissions]) => {
          const reason = permissions.kind === 'failed' ? `: ${reasonOf(permissions)}` : '';
          return `The identity's permissions on "${scope}" cannot be read, so they were not checked beforehand${reason}. Grant the identity "Microsoft.Authorization/permissions/read" (docs/permissions.md).`;
        }),
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

/** A line for each scope. */
function tellMissing(
  facts: Facts,
  isMeant: (requirement: Requirement) => boolean,
  remedyFor: (rights: readonly Requirement[]) => string,
): readonly string[] {
  const missing = missingPermissions(facts).filter(isMeant);
  return [...Map.groupBy(missing, ({ scope }) => scope)].map(
    ([scope, rights]) =>
      `The identity lacks ${listOf(rights.map(nameRight))} on "${scope}". ${remedyFor(rights)}`,
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
