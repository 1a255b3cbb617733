import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ScenarioIdentity } from '../../local-azure/scenario.ts';
import { cloneRights } from '../../src/clone/clone-rights.ts';
import { rights } from '../../src/rights.ts';
import { changesIn, expectNothingLeft, runAction } from '../support/action.ts';
import { linuxStarts, linuxSucceeds } from '../support/guest-acts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, SUBSCRIPTION } from '../support/scenario.ts';

/** The custom role as the docs give it. */
interface CustomRole {
  readonly Actions: readonly string[];
  readonly DataActions: readonly string[];
  readonly AssignableScopes: readonly string[];
}

const batchAccounts = [
  { resourceGroup: 'images', name: 'pools', poolAllocationMode: 'UserSubscription' as const },
];
const batchAccount = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Batch/batchAccounts/pools`;

let azure: LocalAzure;
let role: CustomRole;
let copyRole: CustomRole;

beforeAll(async () => {
  const page = await readFile(new URL('../../docs/permissions.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/```json\n([^]*?)```/g)].map(([, json = '']) => json);
  const [first = '', second = ''] = blocks;
  role = JSON.parse(first) as CustomRole;
  copyRole = JSON.parse(second) as CustomRole;
  azure = await startLocalAzure(buildScenario());
});

interface Granted {
  readonly actions: readonly string[];
  readonly dataActions: readonly string[];
}

/** The documented role without some rights. */
function without(...missing: readonly string[]): Granted {
  const keep = (names: readonly string[]): readonly string[] =>
    names.filter((name) => !missing.includes(name));
  return { actions: keep(role.Actions), dataActions: keep(role.DataActions) };
}

async function resetWith(...missing: readonly string[]): Promise<void> {
  await resetWithRoles(without(...missing));
}

async function resetWithRoles(...roles: readonly Granted[]): Promise<void> {
  const vm = { extensions: ['CustomScript'], guest: { acts: [linuxStarts(linuxSucceeds)] } };
  const roleAssignments = roles.map((role) => ({ role }));
  await azure.reset(buildScenario({ vm, roleAssignments, scenario: { batchAccounts } }));
}

const deprovision = { generalize: '', source: 'vm', 'remove-extensions': 'true' };

test.each([
  { name: 'mark the VM generalized', inputs: { 'snapshot-resource-group': 'snapshots' } },
  { name: 'restart the VM', inputs: { generalize: 'none', 'source-power': 'restart' } },
  { name: 'deprovision the guest', inputs: deprovision },
])('the documented role is enough to $name', async ({ inputs }) => {
  await resetWith();
  const run = await runAction(azure, inputs);
  expect(run.main.log).not.toMatch(/##\[(error|warning)\].*permission/);
  expect(run.main.exitCode).toBe(0);
  await expectNothingLeft(azure);
});

/** Without these a run begins, with a warning from the look that failed. */
const looksThatWarn = [
  'Microsoft.Authorization/permissions/read',
  'Microsoft.Authorization/locks/read',
  'Microsoft.Compute/skus/read',
  'Microsoft.Compute/locations/usages/read',
];

/** A run that needs every right of the documented role, but for restarting the VM. */
const needsAll = {
  ...deprovision,
  'snapshot-resource-group': 'snapshots',
  'batch-account': batchAccount,
};
const needsRestart = { generalize: 'none', 'source-power': 'restart' };

/** Whether a run begins without a right. */
function isSpared({ name, isOptional }: { name: string; isOptional?: true }): boolean {
  return isOptional === true || looksThatWarn.includes(name);
}

test.each(rights.filter((right) => !isSpared(right)))(
  'without $name the run is refused before anything is changed',
  async ({ name, steps }) => {
    await resetWith(name);
    expect(await errorOfRefused(steps?.includes('restart') ? needsRestart : needsAll)).toContain(
      name,
    );
  },
);

test.each(rights.filter(isSpared))('without $name a warning names it', async ({ name }) => {
  await resetWith(name);
  expect(await warningsOfPlan(needsAll)).toContainEqual(expect.stringContaining(name));
});

test('without all rights that can be spared a run succeeds', async () => {
  await resetWith(...rights.filter(isSpared).map(({ name }) => name));
  const run = await runAction(azure, deprovision);
  expect(run.main.exitCode).toBe(0);
  await expectNothingLeft(azure);
});

test('what is missing is printed as a custom role, with which the run succeeds', async () => {
  const missing = [
    'Microsoft.Compute/virtualMachines/generalize/action',
    'Microsoft.Compute/snapshots/write',
    'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete',
  ];
  await resetWith(...missing);
  const refused = await runAction(azure);
  expect(refused.main.exitCode).toBe(1);
  const [, json = ''] =
    /##\[group\]Custom role with what is missing\n([^]*?)\n##\[endgroup\]/.exec(refused.main.log) ??
    [];
  const { Actions, DataActions, AssignableScopes } = JSON.parse(json) as CustomRole;
  expect([...Actions, ...DataActions].sort()).toEqual(missing.sort());
  expect(AssignableScopes).toEqual([`/subscriptions/${SUBSCRIPTION}/resourceGroups/images`]);
  expect(refused.main.summary).toContain(json);
  expect(refused.manifest?.missingPermissions.map(({ name }) => name)).toEqual(
    expect.arrayContaining(missing),
  );
  await resetWithRoles(without(...missing), { actions: Actions, dataActions: DataActions });
  expect((await runAction(azure)).main.exitCode).toBe(0);
});

/** What a run that changes nothing says as its error. */
async function errorOfRefused(inputs: Readonly<Record<string, string>>): Promise<string> {
  const run = await runAction(azure, inputs);
  expect(run.main.exitCode).toBe(1);
  const error = run.main.log.split('\n').find((line) => line.startsWith('##[error]')) ?? '';
  expect(error).toContain('Nothing was changed.');
  expect(await changesIn(azure)).toEqual([]);
  return error;
}

/** What a run would warn of. */
async function warningsOfPlan(
  inputs: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const run = await runAction(azure, { ...inputs, 'plan-only': 'true' });
  expect(run.main.exitCode).toBe(0);
  return run.main.log.split('\n').filter((line) => line.startsWith('##[warning]'));
}

describe('a copy', () => {
  const copy = { generalize: '', source: 'copy', 'snapshot-resource-group': 'snapshots' };
  const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/snapshots`;

  /** The two documented roles: everywhere without some rights, but for where the VM is. */
  async function resetCopyWithout(...missing: readonly string[]): Promise<void> {
    const actions = [...role.Actions, ...copyRole.Actions];
    const left = actions.filter((name) => !missing.includes(name));
    await resetCopy(
      { role: { actions: left, dataActions: role.DataActions } },
      { role: { actions }, scope: group.replace('snapshots', 'images') },
    );
  }

  async function resetCopy(
    ...roleAssignments: NonNullable<ScenarioIdentity['roleAssignments']>
  ): Promise<void> {
    const vm = { guest: { acts: [linuxStarts(linuxSucceeds)] } };
    await azure.reset(buildScenario({ vm, roleAssignments }));
  }

  /** What the error says of the temporary group. */
  async function errorOfGroup(): Promise<string> {
    const error = await errorOfRefused(copy);
    const told = error.split('The identity ').filter((part) => part.includes(` on "${group}"`));
    expect(told).toHaveLength(1);
    return told.join('');
  }

  test('needs no more than the two documented roles', async () => {
    await resetCopyWithout();
    const run = await runAction(azure, copy);
    expect(run.main.log).not.toMatch(/##\[(error|warning)\].*permission/);
    expect(run.main.exitCode).toBe(0);
    await expectNothingLeft(azure);
  });

  test('that lacks rights is refused before anything is changed, and all are named together', async () => {
    const checked = [
      ...rights.filter(({ at }) => at === 'snapshot-group'),
      ...cloneRights.filter(({ at }) => at === 'group' || at === 'own-network'),
    ].filter((right) => !isSpared(right) && !right.name.endsWith('/read'));
    const missing = checked.map(({ name }) => name);
    await resetCopyWithout(...missing);
    const told = await errorOfGroup();
    for (const name of missing) expect(told).toContain(name);
  });

  const inGroup = cloneRights.filter(({ at }) => at === 'group' || at === 'own-network');

  test.each(inGroup.filter((right) => !isSpared(right)))(
    'without $name in the temporary group is refused',
    async ({ name }) => {
      await resetCopyWithout(name);
      expect(await errorOfGroup()).toContain(name);
    },
  );

  test.each(cloneRights.filter(isSpared))('without $name a warning names it', async ({ name }) => {
    await resetCopyWithout(name);
    expect(await warningsOfPlan(copy)).toContainEqual(expect.stringContaining(name));
  });

  test.each(cloneRights.filter(({ at }) => at === 'source-disk'))(
    "without $name on the VM's disks is refused",
    async ({ name }) => {
      const actions = [...role.Actions, ...copyRole.Actions];
      const left = actions.filter((other) => other !== name);
      await resetCopy(
        { role: { actions: left, dataActions: role.DataActions } },
        { role: { actions }, scope: group },
      );
      expect(await errorOfRefused(copy)).toContain(name);
    },
  );

  const ofSubnet = cloneRights.filter(
    (right) => right.at === 'subnet' || (right.at === 'survey' && !isSpared(right)),
  );

  test.each(ofSubnet)('without $name on a chosen subnet is refused', async ({ name }) => {
    const actions = [...role.Actions, ...copyRole.Actions].filter((other) => other !== name);
    await resetCopy({ role: { actions, dataActions: role.DataActions } });
    const network = group.replace('snapshots', 'images');
    const subnet = `${network}/providers/Microsoft.Network/virtualNetworks/builder-vnet/subnets/default`;
    expect(await errorOfRefused({ ...copy, 'copy-subnet': subnet })).toContain(name);
  });

  test('the rights of the tables are those of the documented roles', () => {
    expect(cloneRights.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...copyRole.Actions]),
    );
    expect(rights.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...role.Actions, ...role.DataActions]),
    );
  });
});
