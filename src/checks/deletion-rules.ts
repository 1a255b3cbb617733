import { planDeletion } from '../delete-source.ts';
import { listOf } from '../errors.ts';
import { requireResourceId } from '../resource-id.ts';
import { locksOn, nameLock } from './locks.ts';
import { notFound } from './lookups.ts';
import type { Facts, Rule } from './rule.ts';

/** Rules on deleting the VM after its capture, with `delete-source: vm`. */
export const deletionRules: readonly Rule[] = [
  {
    id: 'delete-source-readable',
    about: 'What belongs to the VM can be read.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/virtual-machines/delete',
    look: ({ survey: { sourceParts }, vm }) =>
      sourceParts === undefined || vm === undefined
        ? []
        : notFound(
            sourceParts,
            `VM "${vm.name}" with its disks, interfaces and public addresses`,
            'Let the identity read them, or leave "delete-source" out.',
          ),
  },
  {
    id: 'delete-source',
    about: 'Nothing else keeps what belongs to the VM.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/virtual-machines/delete',
    look: ({ survey: { sourceParts }, layout }) =>
      sourceParts?.kind === 'found'
        ? planDeletion(sourceParts.value, new Set(layout.disks.map(({ key }) => key))).refusals
        : [],
  },
  {
    id: 'delete-source-lock',
    about: 'No lock keeps it from being deleted.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources',
    look: lookAtDeletionLocks,
  },
];

/** Any lock forbids to delete: https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources */
function lookAtDeletionLocks({ survey, layout }: Facts): readonly string[] {
  const { sourceParts } = survey;
  if (sourceParts?.kind !== 'found') return [];
  const captured = new Set(layout.disks.map(({ key }) => key));
  const { vmId, stages } = planDeletion(sourceParts.value, captured);
  const held = [vmId, ...stages.flat()].flatMap((id) =>
    locksOn(id, survey).map((lock) => ({ lock: nameLock(lock), name: requireResourceId(id).name })),
  );
  return [...Map.groupBy(held, ({ lock }) => lock)].map(([lock, parts]) => {
    const names = parts.map(({ name }) => `"${name}"`);
    return `${lock} keeps ${listOf(names)} from being deleted. Remove it, or leave "delete-source" out.`;
  });
}
