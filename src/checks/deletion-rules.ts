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
    look: ({ survey: { sourceParts, locks }, vm }) => {
      const found = vm === undefined ? undefined : locks.get(vm.id);
      if (vm === undefined || sourceParts?.kind !== 'found' || found?.kind !== 'found') return [];
      return found.value.map(
        ({ name, level, scope }) =>
          `Lock "${name}" (${level}) on "${scope}" keeps VM "${vm.name}" from being deleted. Remove it, or leave "delete-source" out.`,
      );
    },
  },
];
