import { expandRole } from './arm/roles.ts';
import type { Scenario, ScenarioDisk } from './scenario.ts';

interface Named {
  readonly path: string;
  readonly name: string;
}

/** What a schema cannot see: names that must be unique or known. Each problem as `path: message`. */
export function findCrossProblems(scenario: Scenario): readonly string[] {
  return [
    ...findUnknownSubscriptions(scenario),
    ...findUnknownGroups(scenario),
    ...findRepeats(scenario),
    ...findUnknownRoles(scenario),
    ...findBadBlobs(scenario),
    ...findBadExtents(scenario),
    ...findBadPowerStates(scenario),
    ...findBadGuests(scenario),
  ];
}

function findUnknownSubscriptions({ subscriptions, resourceGroups }: Scenario): readonly string[] {
  const known = new Set(subscriptions.map(({ id }) => id.toLowerCase()));
  return resourceGroups.flatMap(({ subscriptionId }, index) =>
    subscriptionId === undefined || known.has(subscriptionId.toLowerCase())
      ? []
      : [`/resourceGroups/${index}/subscriptionId: no such subscription: ${subscriptionId}`],
  );
}

function findUnknownGroups(scenario: Scenario): readonly string[] {
  const known = new Set(scenario.resourceGroups.map(({ name }) => name.toLowerCase()));
  const users = [
    ...(
      [
        'virtualMachines',
        'networks',
        'disks',
        'snapshots',
        'storageAccounts',
        'batchAccounts',
      ] as const
    ).flatMap((list) =>
      (scenario[list] ?? []).map(({ resourceGroup }, index) => ({
        path: `/${list}/${index}`,
        group: resourceGroup,
      })),
    ),
    ...disksOf(scenario).map(({ path, disk }) => ({ path, group: disk.resourceGroup })),
  ];
  return users.flatMap(({ path, group }) =>
    group === undefined || known.has(group.toLowerCase())
      ? []
      : [`${path}/resourceGroup: no such resource group: ${group}`],
  );
}

function findRepeats(scenario: Scenario): readonly string[] {
  const named = (
    list: 'virtualMachines' | 'networks' | 'snapshots' | 'batchAccounts',
  ): readonly Named[] =>
    (scenario[list] ?? []).map(({ resourceGroup, name }, index) => ({
      path: `/${list}/${index}/name`,
      name: `${resourceGroup}/${name}`,
    }));
  const allDisks = [
    ...disksOf(scenario),
    ...(scenario.disks ?? []).map((disk, index) => ({
      path: `/disks/${index}`,
      disk,
      vmGroup: disk.resourceGroup,
    })),
  ];
  return [
    ...repeatsOf('subscription', at('/subscriptions', 'id', scenario.subscriptions)),
    ...repeatsOf('resource group', at('/resourceGroups', 'name', scenario.resourceGroups)),
    ...repeatsOf('virtual machine', named('virtualMachines')),
    ...repeatsOf('snapshot', named('snapshots')),
    ...repeatsOf('network', named('networks')),
    ...repeatsOf('Batch account', named('batchAccounts')),
    ...repeatsOf(
      'disk',
      allDisks
        .filter(({ disk }) => disk.unmanagedUri === undefined)
        .map(({ path, disk, vmGroup }) => ({
          path: `${path}/name`,
          name: `${disk.resourceGroup ?? vmGroup}/${disk.name}`,
        })),
    ),
    ...repeatsOf('storage account', at('/storageAccounts', 'name', scenario.storageAccounts ?? [])),
    ...repeatsOf('client ID', at('/identities', 'clientId', scenario.identities ?? [])),
    ...(scenario.virtualMachines ?? []).flatMap(({ dataDisks = [] }, index) =>
      repeatsOf('LUN', at(`/virtualMachines/${index}/dataDisks`, 'lun', dataDisks)),
    ),
  ];
}

function findUnknownRoles({ identities = [] }: Scenario): readonly string[] {
  return identities.flatMap(({ roleAssignments = [] }, identity) =>
    roleAssignments.flatMap(({ role }, index) => {
      try {
        expandRole(role);
        return [];
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return [`/identities/${identity}/roleAssignments/${index}/role: ${reason}`];
      }
    }),
  );
}

function findBadBlobs({ storageAccounts = [] }: Scenario): readonly string[] {
  return storageAccounts.flatMap(({ containers = [] }, account) =>
    containers.flatMap(({ blobs = [] }, container) =>
      blobs.flatMap(({ type, sizeBytes = 0 }, blob) =>
        type === 'PageBlob' && sizeBytes % 512 !== 0
          ? [
              `/storageAccounts/${account}/containers/${container}/blobs/${blob}/sizeBytes: must be a multiple of 512 for a page blob`,
            ]
          : [],
      ),
    ),
  );
}

function findBadExtents(scenario: Scenario): readonly string[] {
  const free = (scenario.disks ?? []).map((disk, index) => ({ path: `/disks/${index}`, disk }));
  return [...disksOf(scenario), ...free].flatMap(({ path, disk: { content, sizeGiB = 4 } }) => {
    if (content === undefined || 'vhd' in content || content.extents === undefined) return [];
    const { count, bytes, everyBytes } = content.extents;
    const at = `${path}/content/extents`;
    if (bytes > everyBytes) return [`${at}/everyBytes: must be >= bytes`];
    const endBytes = (count - 1) * everyBytes + bytes;
    return count > 0 && endBytes > sizeGiB * 1024 ** 3
      ? [`${at}: they end at byte ${endBytes}, beyond the disk's ${sizeGiB} GiB`]
      : [];
  });
}

function findBadPowerStates({ virtualMachines = [] }: Scenario): readonly string[] {
  return virtualMachines.flatMap(({ stoppedFromInside, powerState }, index) =>
    stoppedFromInside === true && powerState !== 'stopped'
      ? [`/virtualMachines/${index}/stoppedFromInside: is for a VM whose powerState is stopped`]
      : [],
  );
}

function findBadGuests({ virtualMachines = [] }: Scenario): readonly string[] {
  const roots = virtualMachines.flatMap(({ guest, osType }, vm) =>
    guest?.root !== undefined && osType !== 'Linux'
      ? [`/virtualMachines/${vm}/guest/root: is for a VM whose osType is Linux`]
      : [],
  );
  const acts = virtualMachines.flatMap(({ guest }, vm) =>
    (guest?.acts ?? []).flatMap((act, index) => {
      const path = `/virtualMachines/${vm}/guest/acts/${index}`;
      const isEndless = act.hangs === true && (act.fails ?? act.output ?? act.stderr) !== undefined;
      return [
        ...(isEndless ? [`${path}/hangs: a command that never ends neither prints nor fails`] : []),
        ...(act.effects ?? []).flatMap(({ do: what, text }, effect) =>
          (what === 'serial') === (text !== undefined)
            ? []
            : [`${path}/effects/${effect}/text: is there for serial, and for nothing else`],
        ),
      ];
    }),
  );
  return [...roots, ...acts];
}

/** The disks of all VMs. */
function disksOf({ virtualMachines = [] }: Scenario): readonly {
  readonly path: string;
  readonly disk: ScenarioDisk;
  readonly vmGroup: string;
}[] {
  return virtualMachines.flatMap(({ osDisk, dataDisks = [], resourceGroup: vmGroup }, index) => [
    { path: `/virtualMachines/${index}/osDisk`, disk: osDisk, vmGroup },
    ...dataDisks.map((disk, at) => ({
      path: `/virtualMachines/${index}/dataDisks/${at}`,
      disk,
      vmGroup,
    })),
  ]);
}

function at<Key extends string>(
  path: string,
  key: Key,
  entries: readonly Readonly<Record<Key, string | number>>[],
): readonly Named[] {
  return entries.map((entry, index) => ({
    path: `${path}/${index}/${key}`,
    name: String(entry[key]),
  }));
}

function repeatsOf(what: string, entries: readonly Named[]): readonly string[] {
  const seen = new Set<string>();
  return entries.flatMap(({ path, name }) => {
    const key = name.toLowerCase();
    const isRepeat = seen.has(key);
    seen.add(key);
    return isRepeat ? [`${path}: ${what} ${name} is there twice`] : [];
  });
}
