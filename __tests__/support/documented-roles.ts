import { readFileSync } from 'node:fs';

/** A custom role, as the docs give it and as az takes it. */
export interface CustomRole {
  readonly Actions: readonly string[];
  readonly DataActions: readonly string[];
  readonly AssignableScopes: readonly string[];
}

/** What a role grants, as a scenario has it. */
export interface Granted {
  readonly actions: readonly string[];
  readonly dataActions: readonly string[];
}

const page = readFileSync(new URL('../../docs/permissions.md', import.meta.url), 'utf8');
const [first = '', second = ''] = [...page.matchAll(/```json\n([^]*?)```/g)].map(
  ([, json]) => json,
);

/** The documented role for captures, and the one for copies of VMs beside it. */
export const captureRole = granted(first);
export const copyRole = granted(second);
/** Both together. */
export const bothRoles: Granted = {
  actions: [...captureRole.actions, ...copyRole.actions],
  dataActions: captureRole.dataActions,
};

/** A role without some rights. */
export function without({ actions, dataActions }: Granted, ...missing: readonly string[]): Granted {
  const keep = (names: readonly string[]): readonly string[] =>
    names.filter((name) => !missing.includes(name));
  return { actions: keep(actions), dataActions: keep(dataActions) };
}

/** Without these a run begins, with a warning from the look that failed. */
const looksThatWarn = [
  'Microsoft.Authorization/permissions/read',
  'Microsoft.Authorization/locks/read',
  'Microsoft.Compute/skus/read',
  'Microsoft.Compute/locations/usages/read',
];

/** Whether a run without a right begins, with a warning. */
export function isSpared({ name, isOptional }: { name: string; isOptional?: true }): boolean {
  return isOptional === true || looksThatWarn.includes(name);
}

function granted(json: string): Granted {
  const { Actions, DataActions } = JSON.parse(json) as CustomRole;
  return { actions: Actions, dataActions: DataActions };
}
