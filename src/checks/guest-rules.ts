import { listOf } from '../errors.ts';
import { PROTECTED_TAGS } from '../marks.ts';
import { planPower } from '../plan.ts';
import type { Facts, Rule } from './rule.ts';

const compute = 'https://learn.microsoft.com/azure/virtual-machines';

/** Rules on what is done inside the VM, and on what cannot be undone. */
export const guestRules: readonly Rule[] = [
  {
    id: 'protected',
    about: 'No tag protects the VM from what is one-way.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources',
    look: ({ inputs, vm }) => {
      const tag = Object.entries(vm?.tags ?? {}).find(
        ([name, value]) =>
          PROTECTED_TAGS.includes(name.toLowerCase()) && value.toLowerCase() === 'protected',
      );
      if (vm === undefined || tag === undefined || inputs.source === 'copy') return [];
      if (!planPower(inputs, vm).generalize && inputs.deleteSource === 'none') return [];
      return [
        `VM "${vm.name}" carries the tag "${tag[0]}: ${tag[1]}", and what is asked for is one-way. Remove the tag if that is what you want, or take "source: copy".`,
      ];
    },
  },
  {
    id: 'guest-running',
    about: 'The VM runs, where its guest is to be worked in.',
    level: 'refusal',
    source: `${compute}/run-command-overview`,
    look: (facts) => {
      const { vm, inputs } = facts;
      if (vm === undefined || !worksInside(facts) || inputs.source !== 'vm') return [];
      const isOff = ['stopped', 'deallocated', 'unknown'].includes(vm.powerState);
      if (!isOff || isUnread(facts)) return [];
      return [
        `VM "${vm.name}" is ${vm.powerState}: ${workOf(facts)} takes a running VM. If its guest was deprovisioned before, also by a run that failed later, set "generalize: mark"; otherwise start it.`,
      ];
    },
  },
  {
    id: 'guest-record-unread',
    about:
      'What an earlier run has done to the guest can be read, where the guest cannot be worked in.',
    level: 'refusal',
    source: `${compute}/boot-diagnostics`,
    look: (facts) => {
      const { serialConsole } = facts.survey;
      if (serialConsole?.kind !== 'failed' || !isUnread(facts)) return [];
      return [
        `Whether an earlier run has deprovisioned the guest of VM "${facts.vm?.name ?? ''}" could not be read from its serial console: ${serialConsole.message} Run again.`,
      ];
    },
  },
  {
    id: 'guest-record',
    about: 'What an earlier run has done to the guest, as the serial console tells.',
    level: 'note',
    source: `${compute}/boot-diagnostics`,
    look: ({ vm }) => {
      if (vm?.guestRecord === undefined) return [];
      return vm.guestRecord.state === 'done'
        ? [
            `The guest of VM "${vm.name}" was deprovisioned by an earlier run and has not started since, as its serial console tells: this one goes on from there.`,
          ]
        : [
            `The guest of VM "${vm.name}" is being deprovisioned by an earlier run, as its serial console tells: this one waits for its end.`,
          ];
    },
  },
  {
    id: 'guest-agent',
    about: 'The VM agent is ready, where the guest is to be worked in.',
    level: 'refusal',
    source: `${compute}/extensions/agent-linux`,
    look: (facts) => {
      const { vm } = facts;
      if (!worksInside(facts) || vm?.powerState !== 'running' || vm.agent === 'ready') return [];
      if (vm.guestRecord !== undefined || isUnread(facts)) return [];
      const agent = vm.agent === 'notReady' ? 'is not ready' : 'does not report';
      return [
        `The VM agent of VM "${vm.name}" ${agent}, and ${workOf(facts)} goes through it. Repair or start it and run again, or deprovision the guest by other means and set "generalize: mark".`,
      ];
    },
  },
  {
    id: 'extension-operations',
    about: 'The VM allows run commands.',
    level: 'refusal',
    source: `${compute}/extensions/features-linux`,
    look: (facts) =>
      worksInside(facts) && facts.inputs.source === 'vm' && facts.vm?.allowsExtensions === false
        ? [
            `VM "${facts.vm.name}" forbids extensions ("allowExtensionOperations: false"), and run commands with them. Allow them, or deprovision the guest by other means and set "generalize: mark".`,
          ]
        : [],
  },
  {
    id: 'extension-files',
    about: 'What extensions leave in the guest when they are removed, or are not.',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/batch/batch-sig-images',
    look: ({ inputs, vm }) => {
      if (vm === undefined || vm.extensions.length === 0) return [];
      if (inputs.source === 'copy') {
        return [
          `The copy of VM "${vm.name}" has none of its extensions (${listOf(vm.extensions)}). What they installed in the guest is in the image.`,
        ];
      }
      return planPower(inputs, vm).removeExtensions
        ? [
            `The extensions of VM "${vm.name}" (${listOf(vm.extensions)}) are removed before the capture. What they installed in the guest stays in the image.`,
          ]
        : [];
    },
  },
];

function worksInside({ inputs, vm }: Facts): boolean {
  if (vm === undefined) return false;
  const { deprovision, removeExtensions } = planPower(inputs, vm);
  return deprovision || removeExtensions;
}

/** A guest that cannot be worked in may be deprovisioned already, and what would tell could not be read. */
function isUnread({ vm, survey }: Facts): boolean {
  const isReady = vm?.powerState === 'running' && vm.agent === 'ready';
  return !isReady && survey.serialConsole?.kind === 'failed';
}

function workOf({ inputs }: Facts): string {
  return inputs.generalize === 'deprovision' ? 'deprovisioning the guest' : 'removing extensions';
}
