import { describe, expect, test } from '@jest/globals';
import type { Permission } from '../../src/facts.ts';
import type { Inputs } from '../../src/inputs.ts';
import {
  containerScopes,
  isGranted,
  requiredPermissions,
  type Requirement,
} from '../../src/permissions.ts';
import { group, inputsOf, layoutOf, vmOf, worldOf } from '../support/facts.ts';

const vm = 'Microsoft.Compute/virtualMachines';
const snapshots = 'Microsoft.Compute/snapshots';
const containers = 'Microsoft.Storage/storageAccounts/blobServices/containers';

function permission(overrides: Partial<Permission>): Permission {
  return { actions: [], notActions: [], dataActions: [], notDataActions: [], ...overrides };
}

describe('a right', () => {
  test.each<readonly [string, readonly string[], readonly string[], string, boolean]>([
    ['by its very name', [`${vm}/deallocate/action`], [], `${vm}/deallocate/action`, true],
    [
      'in other case',
      [`${vm.toUpperCase()}/DEALLOCATE/action`],
      [],
      `${vm}/deallocate/action`,
      true,
    ],
    ['by a star alone', ['*'], [], `${vm}/deallocate/action`, true],
    ['by a star over slashes', ['Microsoft.Compute/*'], [], `${vm}/deallocate/action`, true],
    ['by a star in the middle', ['Microsoft.Compute/*/action'], [], `${vm}/start/action`, true],
    ['not by a star elsewhere', ['*/read'], [], `${vm}/deallocate/action`, false],
    [
      'not by a name that begins like it',
      [`${vm}/deallocate`],
      [],
      `${vm}/deallocate/action`,
      false,
    ],
    [
      'not by a dot that stands for any letter',
      ['MicrosoftxCompute/*'],
      [],
      `${vm}/start/action`,
      false,
    ],
    ['not when it is taken away', ['*'], [`${vm}/*`], `${vm}/start/action`, false],
    ['not by nothing', [], [], `${vm}/start/action`, false],
  ])('is granted %s', (_name, actions, notActions, name, expected) => {
    const permissions = [permission({ actions, notActions })];
    expect(isGranted({ kind: 'action', name }, permissions)).toBe(expected);
    const data = [permission({ dataActions: actions, notDataActions: notActions })];
    expect(isGranted({ kind: 'dataAction', name }, data)).toBe(expected);
  });

  test('that one role takes away another one gives', () => {
    const roles = [
      permission({ actions: ['*'], notActions: [`${vm}/start/action`] }),
      permission({ actions: [`${vm}/start/action`] }),
    ];
    expect(isGranted({ kind: 'action', name: `${vm}/start/action` }, roles)).toBe(true);
  });

  test('on data is not known when no role speaks of data, and not granted without roles', () => {
    const need = { kind: 'dataAction', name: `${containers}/blobs/write` } as const;
    const silent = permission({ actions: ['*'], dataActions: undefined });
    expect(isGranted(need, [silent])).toBeUndefined();
    expect(isGranted(need, [silent, permission({})])).toBe(false);
    expect(isGranted(need, [silent, permission({ dataActions: ['*'] })])).toBe(true);
    expect(isGranted(need, [])).toBe(false);
  });

  test('on actions does not grant data', () => {
    const need = { kind: 'dataAction', name: `${containers}/blobs/write` } as const;
    expect(isGranted(need, [permission({ actions: ['*'] })])).toBe(false);
  });
});

describe('what a run needs', () => {
  type PowerState = 'running' | 'deallocated';

  function neededAt(
    scope: string,
    inputs: Partial<Inputs>,
    powerState: PowerState,
  ): readonly Requirement[] {
    const world = worldOf({ inputs: inputsOf(inputs), vm: vmOf({ powerState }) });
    const needed = requiredPermissions(world.inputs, world.vm, layoutOf(world));
    return needed.filter((requirement) => requirement.scope === scope);
  }

  /** Without which a run is refused. */
  function namesAt(...args: Parameters<typeof neededAt>): readonly string[] {
    return neededAt(...args).flatMap(({ name, isOptional }) => (isOptional ? [] : [name]));
  }

  test.each([
    ['running', {}, ['virtualMachines/instanceView/read', 'locations/operations/read']],
    ['deallocated', {}, ['virtualMachines/instanceView/read']],
    [
      'running',
      { generalize: 'deprovision' },
      [
        'virtualMachines/instanceView/read',
        'locations/operations/read',
        'virtualMachines/retrieveBootDiagnosticsData/action',
      ],
    ],
  ] as const)(
    'on a VM that is %s, with %j, is also what Azure may ask for',
    (powerState, inputs, names) => {
      const optional = neededAt(vmOf().id, inputs, powerState).filter(
        ({ isOptional }) => isOptional,
      );
      expect(optional.map(({ name }) => name)).toEqual(
        names.map((name) => `Microsoft.Compute/${name}`),
      );
    },
  );

  test.each([
    ['running', {}, ['powerOff', 'deallocate', 'generalize']],
    ['deallocated', {}, ['generalize']],
    ['running', { generalize: 'none', sourcePower: 'restart' }, ['powerOff', 'start']],
    ['running', { generalize: 'none', sourcePower: 'keep' }, []],
  ] as const)('on a VM that is %s follows the power plan of %j', (powerState, inputs, verbs) => {
    expect(namesAt(vmOf().id, inputs, powerState)).toEqual(
      verbs.map((verb) => `${vm}/${verb}/action`),
    );
  });

  test('on the group of the snapshots comes once for all disks', () => {
    expect(namesAt(group, {}, 'running')).toEqual([
      `${snapshots}/read`,
      `${snapshots}/write`,
      `${snapshots}/delete`,
      `${snapshots}/beginGetAccess/action`,
      `${snapshots}/endGetAccess/action`,
    ]);
    const temp = group.replace('images', 'temp');
    expect(namesAt(temp, { snapshotResourceGroup: 'temp' }, 'running')).toHaveLength(5);
  });

  test('on every disk is to read it', () => {
    for (const { diskId } of layoutOf(worldOf()).disks) {
      expect(namesAt(diskId, {}, 'running')).toEqual([
        'Microsoft.Compute/disks/beginGetAccess/action',
      ]);
    }
  });

  test('on every container is to write it and its blobs', () => {
    const scopes = containerScopes(layoutOf(worldOf()));
    expect(scopes).toEqual(
      ['imageswe1', 'imageswe2'].map(
        (name) =>
          `${group}/providers/Microsoft.Storage/storageAccounts/${name}/blobServices/default/containers/vhds`,
      ),
    );
    expect(namesAt(scopes[1] ?? '', {}, 'running')).toEqual([
      `${containers}/write`,
      `${containers}/blobs/read`,
      `${containers}/blobs/write`,
      `${containers}/blobs/delete`,
    ]);
  });
});
