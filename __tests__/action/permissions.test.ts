import { beforeAll, describe, expect, test } from '@jest/globals';
import { cloneRights } from '../../src/clone/clone-rights.ts';
import { rights } from '../../src/rights.ts';
import { changesIn, expectNothingLeft, runAction } from '../support/action.ts';
import {
  bothRoles,
  captureRole,
  isSpared,
  without,
  type CustomRole,
  type Granted,
} from '../support/documented-roles.ts';
import { linuxStarts, linuxSucceeds } from '../support/guest-acts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, SUBSCRIPTION } from '../support/scenario.ts';

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

async function resetWith(...missing: readonly string[]): Promise<void> {
  await resetWithRoles(without(captureRole, ...missing));
}

async function resetWithRoles(...roles: readonly Granted[]): Promise<void> {
  const vm = { extensions: ['CustomScript'], guest: { acts: [linuxStarts(linuxSucceeds)] } };
  const roleAssignments = roles.map((role) => ({ role }));
  await azure.reset(buildScenario({ vm, roleAssignments }));
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
  expect(await changesIn(azure)).toEqual([]);
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
  await resetWithRoles(without(captureRole, ...missing), {
    actions: Actions,
    dataActions: DataActions,
  });
  expect((await runAction(azure)).main.exitCode).toBe(0);
});

describe('a copy', () => {
  const copy = { generalize: '', source: 'copy', 'snapshot-resource-group': 'snapshots' };
  const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/snapshots`;

  /** The two documented roles: everywhere without some rights, but for where the VM is. */
  async function resetWithout(...missing: readonly string[]): Promise<void> {
    const vm = { guest: { acts: [linuxStarts(linuxSucceeds)] } };
    const roleAssignments = [
      { role: without(bothRoles, ...missing) },
      { role: { actions: bothRoles.actions }, scope: group.replace('snapshots', 'images') },
    ];
    await azure.reset(buildScenario({ vm, roleAssignments }));
  }

  test('needs no more than the two documented roles', async () => {
    await resetWithout();
    const run = await runAction(azure, copy);
    expect(run.main.log).not.toMatch(/##\[(error|warning)\].*permission/);
    expect(run.main.exitCode).toBe(0);
    await expectNothingLeft(azure);
  });

  test('that lacks rights is refused before anything is changed, and all are named together', async () => {
    const missing = [
      ...rights.filter(({ at }) => at === 'snapshot-group'),
      ...cloneRights.filter(({ at }) => at === 'group' || at === 'own-network'),
    ]
      .filter(({ name, isOptional }) => isOptional === undefined && !name.endsWith('/read'))
      .map(({ name }) => name);
    await resetWithout(...missing);
    const run = await runAction(azure, copy);
    expect(run.main.exitCode).toBe(1);
    const error = run.main.log.split('\n').find((line) => line.startsWith('##[error]')) ?? '';
    expect(error).toContain('Nothing was changed.');
    expect(await changesIn(azure)).toEqual([]);
    const told = error.split('The identity ').filter((part) => part.includes(` on "${group}"`));
    expect(told).toHaveLength(1);
    for (const name of missing) expect(told[0]).toContain(name);
  });
});
