import { cloneRequirements } from './clone/clone-rights.ts';
import { deletionRequirements, planDeletion } from './delete-source.ts';
import type { Permission, VirtualMachine } from './facts.ts';
import type { Inputs } from './inputs.ts';
import type { Layout } from './layout.ts';
import { planPower, type Extras } from './plan.ts';
import { requireResourceId, resourceGroupId } from './resource-id.ts';
import { rights, type Right } from './rights.ts';

/** A right that the run needs at a scope. */
export interface Requirement {
  readonly scope: string;
  readonly kind: 'action' | 'dataAction';
  readonly name: string;
  /** A run without it begins, with a warning. */
  readonly isOptional?: true;
}

/**
 * The rights that a run needs beyond those that its survey has used already, each once per scope.
 * https://learn.microsoft.com/azure/role-based-access-control/permissions/compute and .../storage
 */
export function requiredPermissions(
  inputs: Inputs,
  source: VirtualMachine,
  layout: Layout,
  { clone, sourceParts }: Extras = {},
): readonly Requirement[] {
  const power = planPower(inputs, source);
  const groups = layout.disks.map(({ snapshotId }) =>
    resourceGroupId(requireResourceId(snapshotId)),
  );
  const scopes: Readonly<Record<Right['at'], readonly string[]>> = {
    // A copy is what these are done with, and has a table of its own.
    vm: inputs.source === 'copy' ? [] : [source.id],
    disk: inputs.source === 'copy' ? [] : layout.disks.map(({ diskId }) => diskId),
    'snapshot-group': unique(groups),
    container: containerScopes(layout),
    survey: [],
  };
  const captured = new Set(layout.disks.map(({ key }) => key));
  const own = rights
    .filter(({ steps }) => steps?.some((step) => power[step]) ?? true)
    .flatMap(({ at, ...right }) => scopes[at].map((scope) => requirementOf(scope, right)));
  const all = [
    ...own,
    ...(clone ? cloneRequirements(clone) : []),
    ...(sourceParts ? deletionRequirements(planDeletion(sourceParts, captured)) : []),
  ];
  return [...new Map(all.map((one) => [`${one.scope} ${one.kind} ${one.name}`, one])).values()];
}

/** A right at one of the scopes where it is needed. */
export function requirementOf(
  scope: string,
  { kind, name, isOptional }: Omit<Requirement, 'scope'>,
): Requirement {
  return { scope, kind, name, ...(isOptional && { isOptional }) };
}

/** A right and its scope, as a line. */
export function describeRequirement({ scope, kind, name, isOptional }: Requirement): string {
  const right = `${kind === 'dataAction' ? 'data action' : 'action'} ${name} on ${scope}`;
  return isOptional ? `${right} (optional)` : right;
}

/** The containers that are written to, as resource IDs. */
export function containerScopes(layout: Layout): readonly string[] {
  return unique(
    layout.disks.flatMap((disk) =>
      disk.replicas.map(
        ({ account, container }) => `${account.id}/blobServices/default/containers/${container}`,
      ),
    ),
  );
}

/**
 * Whether permissions grant a right. Undefined when they do not tell: an answer without data actions
 * says nothing about the data plane.
 */
export function isGranted(
  { kind, name }: Pick<Requirement, 'kind' | 'name'>,
  permissions: readonly Permission[],
): boolean | undefined {
  if (kind === 'action') {
    return permissions.some(
      ({ actions, notActions }) => matchesAny(actions, name) && !matchesAny(notActions, name),
    );
  }
  if (permissions.length > 0 && permissions.every(({ dataActions }) => dataActions === undefined)) {
    return undefined;
  }
  return permissions.some(
    ({ dataActions = [], notDataActions }) =>
      matchesAny(dataActions, name) && !matchesAny(notDataActions, name),
  );
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

/** `*` stands for any text, slashes included; case does not matter. */
function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.\\+?^${}()|[\]]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 'i').test(name);
  });
}
