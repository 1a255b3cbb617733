import { planDeletion } from '../delete-source.ts';
import { notFound } from './lookups.ts';
import type { Rule } from './rule.ts';

/** Rules on deleting the VM after its capture, with `delete-source: vm`. */
export const deletionRules: readonly Rule[] = [
  {
    id: 'delete-source-readable',
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
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/virtual-machines/delete',
    look: ({ survey: { sourceParts }, layout }) =>
      sourceParts?.kind === 'found'
        ? planDeletion(sourceParts.value, new Set(layout.disks.map(({ key }) => key))).refusals
        : [],
  },
  {
    id: 'delete-source-lock',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources',
    look: ({ survey: { sourceParts, locks }, layout, vm }) => {
      if (vm === undefined || sourceParts?.kind !== 'found') return [];
      const scopes = [vm.id, ...layout.disks.map(({ diskId }) => diskId)];
      const found = scopes.flatMap((id) => {
        const lookup = locks.get(id);
        return lookup?.kind === 'found' ? lookup.value : [];
      });
      const messages = found.map(
        ({ name, level, scope }) =>
          `Lock "${name}" (${level}) on "${scope}" keeps VM "${vm.name}" or its disks from being deleted. Remove it, or leave "delete-source" out.`,
      );
      return [...new Set(messages)];
    },
  },
];
