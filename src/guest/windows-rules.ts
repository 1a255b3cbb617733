import type { Finding } from '../checks/check.ts';
import type { Level } from '../checks/rule.ts';
import { listOf } from '../errors.ts';
import { isDomainMember, sysprepPhase, type WindowsFacts } from './windows-facts.ts';
import { known, type CutList, type Fact } from './windows-report.ts';
import { roleSupport, type RoleSupport } from './windows-roles.ts';

/** What must hold in a Windows guest before Sysprep is started. `look` gives what follows `VM "...": `. */
interface GuestRule {
  readonly id: string;
  readonly level: Level;
  /** Public documentation that the rule rests on. */
  readonly source: string;
  /** Where it holds also when Sysprep works already or has ended. */
  readonly always?: true;
  readonly look: (facts: WindowsFacts) => readonly string[];
}

const generalize = 'https://learn.microsoft.com/azure/virtual-machines/generalize';
const manufacture = 'https://learn.microsoft.com/windows-hardware/manufacture/desktop';
const setupStates = `${manufacture}/windows-setup-states`;
const overview = `${manufacture}/sysprep--system-preparation--overview`;
const roleTable = `${manufacture}/sysprep-support-for-server-roles`;

/** The first build on which Sysprep takes a Windows that was upgraded: Windows 10 1607, Server 2016. */
const UPGRADE_BUILD = 14393;

/** The value of the registry for a driver that is disabled, and for one that starts with the system. */
const DISABLED = 4;
const SYSTEM_START = 1;

const rules: readonly GuestRule[] = [
  {
    id: 'windows-image-state',
    level: 'refusal',
    source: setupStates,
    look: ({ imageState }) =>
      imageState.kind === 'known'
        ? imageStateProblem(imageState.value)
        : [
            `the ImageState of Windows cannot be read (${imageState.error}): the end of Sysprep could not be seen. Repair the guest, or generalize it yourself and set "generalize: mark".`,
          ],
  },
  {
    id: 'windows-sysprep-missing',
    level: 'refusal',
    source: generalize,
    look: ({ sysprepFound }) =>
      known(sysprepFound) === false
        ? [
            'Windows has no Sysprep ("System32\\Sysprep\\sysprep.exe"). Take an installation that has it, or set "generalize: none" for a specialized image.',
          ]
        : [],
  },
  {
    id: 'windows-sysprep-running',
    level: 'warning',
    source: generalize,
    always: true,
    look: (facts) =>
      sysprepPhase(facts) === 'running'
        ? [
            'Sysprep works already, as an earlier run or somebody else started it: it is only watched.',
          ]
        : [],
  },
  {
    id: 'windows-generalized',
    level: 'warning',
    source: setupStates,
    always: true,
    look: (facts) =>
      sysprepPhase(facts) === 'generalized'
        ? ['Windows is generalized already: Sysprep is not started again.']
        : [],
  },
  {
    id: 'windows-bitlocker',
    level: 'refusal',
    source: generalize,
    always: true,
    look: ({ bitLocker }) =>
      someOf(bitLocker).map(
        (volumes) =>
          `volumes are not fully decrypted: ${volumes}. Turn BitLocker off for each ("Disable-BitLocker -MountPoint C:"), wait for "FullyDecrypted" and run again.`,
      ),
  },
  {
    id: 'windows-pending-restart',
    level: 'refusal',
    source: 'https://github.com/hashicorp/packer/issues/8428',
    look: ({ pendingReboot }) => {
      const pending = known(pendingReboot);
      const waiting = [
        ...(pending?.servicing === true ? ['servicing of components'] : []),
        ...(pending?.update === true ? ['Windows Update'] : []),
      ];
      return waiting.length === 0
        ? []
        : [
            `a restart is pending (${waiting.join(', ')}), and Sysprep fails until then. Restart the VM and run again.`,
          ];
    },
  },
  {
    id: 'windows-pending-renames',
    level: 'warning',
    source: generalize,
    look: ({ pendingReboot }) => {
      const renames = known(pendingReboot)?.renames ?? 0;
      return renames === 0
        ? []
        : [
            `files wait for a restart to be renamed or deleted (${renames}). If Sysprep fails, restart the VM and run again.`,
          ];
    },
  },
  {
    id: 'windows-domain-controller',
    level: 'refusal',
    source: roleTable,
    look: ({ system }) =>
      known(system)?.kind === 'domain controller'
        ? ['it is a domain controller, which cannot be generalized. Take another VM.']
        : [],
  },
  {
    id: 'windows-roles',
    level: 'refusal',
    source: roleTable,
    look: (facts) =>
      rolesOf(facts, 'none').map(
        ({ name, title }) =>
          `server role "${title}" is not supported by Sysprep and may not work in the image. Remove it ("Uninstall-WindowsFeature ${name}"), restart the VM, run again, and add the role to what is made from the image.`,
      ),
  },
  {
    id: 'windows-roles-conditional',
    level: 'warning',
    source: roleTable,
    look: (facts) => [
      ...rolesOf(facts, 'conditional').map(
        ({ title, condition }) =>
          `server role "${title}" is supported by Sysprep on a condition: ${condition ?? ''}.`,
      ),
      ...rolesOf(facts, 'unsettled').map(
        ({ title }) =>
          `it is not settled that Sysprep supports server role "${title}". Try what is made from the image before you rely on it.`,
      ),
    ],
  },
  {
    id: 'windows-roles-more',
    level: 'warning',
    source: roleTable,
    look: ({ roles }) => {
      const list = known(roles);
      const more = list === undefined ? 0 : list.count - list.names.length;
      return more > 0
        ? [
            `server roles are installed that were not judged (${more}). Check them against ${roleTable}.`,
          ]
        : [];
    },
  },
  {
    id: 'windows-cdrom',
    level: 'refusal',
    source: generalize,
    look: ({ cdromStart }) =>
      known(cdromStart) === DISABLED
        ? [
            'the CD-ROM driver is disabled, and without it VMs made from the image hang in their setup. Set "Start" under "HKLM\\SYSTEM\\CurrentControlSet\\Services\\cdrom" to 1, restart the VM and run again.',
          ]
        : [],
  },
  {
    id: 'windows-cdrom-start',
    level: 'warning',
    source: generalize,
    look: ({ cdromStart }) => {
      const start = known(cdromStart) ?? SYSTEM_START;
      return start === SYSTEM_START || start === DISABLED
        ? []
        : [
            `the CD-ROM driver has start type ${start}, not 1. If VMs made from the image hang in their setup, set "Start" under "HKLM\\SYSTEM\\CurrentControlSet\\Services\\cdrom" to 1.`,
          ];
    },
  },
  {
    id: 'windows-removable-storage',
    level: 'refusal',
    source: generalize,
    look: ({ removableStorage }) =>
      someOf(removableStorage).map(
        (policies) =>
          `a policy denies removable storage (${policies}), and VMs made from the image could not read their setup from the DVD drive. Unset it under "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\RemovableStorageDevices" or in the group policy, and run again.`,
      ),
  },
  {
    id: 'windows-appx',
    level: 'warning',
    source:
      'https://learn.microsoft.com/troubleshoot/windows-client/deployment/sysprep-fails-remove-or-update-store-apps',
    look: ({ appx }) =>
      someOf(appx).map(
        (packages) =>
          `app packages are installed for a user but not provisioned for all users, which makes Sysprep fail: ${packages}. If it does, remove them ("Remove-AppxPackage -AllUsers -Package NAME") and run again.`,
      ),
  },
  {
    id: 'windows-upgraded',
    level: 'refusal',
    source: overview,
    look: (facts) =>
      isUpgraded(facts, (build) => build < UPGRADE_BUILD)
        ? [
            'Windows was upgraded in place, and its Sysprep refuses that. Take a clean installation.',
          ]
        : [],
  },
  {
    id: 'windows-upgraded-since',
    level: 'warning',
    source: overview,
    look: (facts) =>
      isUpgraded(facts, (build) => build >= UPGRADE_BUILD)
        ? [
            'Windows was upgraded in place. Sysprep takes it since Windows 10 1607 and Windows Server 2016, but not if it had been generalized before the upgrade.',
          ]
        : [],
  },
  {
    id: 'windows-domain',
    level: 'warning',
    source: overview,
    look: (facts) =>
      isDomainMember(facts)
        ? [
            `Windows is a member of domain "${known(facts.domain) ?? ''}": Sysprep takes it out of the domain, and settings of group policies may stay in the image.`,
          ]
        : [],
  },
  {
    id: 'windows-rearm',
    level: 'warning',
    source: `${manufacture}/sysprep--generalize--a-windows-installation`,
    look: ({ rearmCount }) =>
      known(rearmCount) === 0
        ? [
            'its activation cannot be reset any more (rearm count 0), which may make Sysprep fail. Take a newer installation if it does.',
          ]
        : [],
  },
  {
    id: 'windows-answer-file',
    level: 'warning',
    source: `${manufacture}/windows-setup-automation-overview`,
    look: ({ unattendFile }) =>
      (known(unattendFile) ?? '') === ''
        ? []
        : [
            `the registry names an answer file ("${known(unattendFile) ?? ''}"), which Sysprep takes. Azure supports none: remove the value "UnattendFile" under "HKLM\\SYSTEM\\Setup" if it is yours.`,
          ],
  },
  {
    id: 'windows-agent-services',
    level: 'warning',
    source: 'https://learn.microsoft.com/azure/virtual-machines/extensions/agent-windows',
    look: ({ services }) => {
      const idle = (known(services)?.names ?? []).filter(
        (service) => !service.endsWith(' Running'),
      );
      return idle.length === 0
        ? []
        : [
            `services of the Azure agent do not run (${listOf(idle)}). Check the agent if VMs made from the image do not become ready.`,
          ];
    },
  },
  {
    id: 'windows-unread',
    level: 'warning',
    source: generalize,
    look: (facts) => {
      const unread = unreadFacts(facts);
      return unread.length === 0
        ? []
        : [
            `not everything could be checked: ${listOf(unread)}. What these would tell is not known.`,
          ];
    },
  },
];

/** Judges what was found in a Windows guest, before anything in it is changed. */
export function judgeWindowsFacts(facts: WindowsFacts, vmName: string): readonly Finding[] {
  const isPending = sysprepPhase(facts) === 'pending';
  return rules
    .filter(({ always }) => isPending || always === true)
    .flatMap(({ id, level, look }) =>
      look(facts).map((text) => ({ rule: id, level, message: `VM "${vmName}": ${text}` })),
    );
}

function imageStateProblem(state: string): readonly string[] {
  const advice: Readonly<Record<string, string>> = {
    UNDEPLOYABLE:
      'an earlier Sysprep or setup failed, and Windows cannot be generalized any more. Make the VM anew or go back to a snapshot from before.',
    SPECIALIZE_RESEAL_TO_OOBE:
      'its setup has not ended, often because a restart is pending. Restart the VM, wait until the setup has ended and run again.',
    SPECIALIZE_RESEAL_TO_AUDIT:
      'it is to continue in audit mode. Restart the VM, let the setup end and run again.',
    GENERALIZE_RESEAL_TO_AUDIT:
      'it was generalized for audit mode, which Azure does not start. Start it once, run Sysprep with /oobe, or make the VM anew.',
  };
  if (['COMPLETE', 'GENERALIZE_RESEAL_TO_OOBE'].includes(state)) return [];
  return [
    `Windows is in ImageState "${state}": ${advice[state] ?? 'Sysprep needs "COMPLETE". Let its setup end and run again.'}`,
  ];
}

function rolesOf(
  { roles }: WindowsFacts,
  support: RoleSupport['support'],
): readonly (RoleSupport & { readonly name: string })[] {
  return (known(roles)?.names ?? []).flatMap((name) => {
    const role = roleSupport.get(name);
    return role?.support === support ? [{ ...role, name }] : [];
  });
}

function isUpgraded(
  { upgraded, system }: WindowsFacts,
  holds: (build: number) => boolean,
): boolean {
  return known(upgraded) === true && holds(known(system)?.build ?? UPGRADE_BUILD);
}

/** The names of a list as one text, with how many more there are; nothing for an empty list. */
function someOf(fact: Fact<CutList>): readonly string[] {
  const list = known(fact);
  if (list === undefined || list.count === 0) return [];
  const more = list.count - list.names.length;
  return [more > 0 ? `${list.names.join(', ')} and ${more} more` : listOf(list.names)];
}

/** Cmdlets that are missing are not an error: without the feature there is nothing to find. */
const optional: readonly (keyof WindowsFacts)[] = ['bitLocker', 'appx', 'roles'];

function unreadFacts(facts: WindowsFacts): readonly string[] {
  const isClient = known(facts.system)?.kind === 'client';
  const names = Object.keys(facts) as readonly (keyof WindowsFacts)[];
  return names.flatMap((name) => {
    const fact: Fact<unknown> = facts[name];
    if (fact.kind === 'known' || name === 'imageState') return [];
    if (fact.error === 'CommandNotFoundException' && optional.includes(name)) return [];
    if (name === 'roles' && isClient) return [];
    return [`${name} (${fact.error})`];
  });
}
