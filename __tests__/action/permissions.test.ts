import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
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

/** Rights that are checked before this run; the others show by themselves while it looks. */
const checked = rights.filter(({ at, step }) => at !== 'survey' && step !== 'restart');

test.each(checked.map(({ name }) => name))(
  'without %s the run is refused before anything is changed',
  async (missing) => {
    await resetWith(missing);
    const run = await runAction(azure, deprovision);
    expect(run.main.exitCode).toBe(1);
    const error = run.main.log.split('\n').find((line) => line.startsWith('##[error]'));
    expect(error).toContain(missing);
    expect(error).toContain('Nothing was changed.');
    expect(await changesIn(azure)).toEqual([]);
  },
);

/** What Azure itself refuses to look at without. */
const looks = [
  'Microsoft.Compute/virtualMachines/read',
  'Microsoft.Compute/disks/read',
  'Microsoft.Storage/storageAccounts/read',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.Batch/batchAccounts/read',
  'Microsoft.Storage/storageAccounts/blobServices/containers/read',
];

test.each(looks)('without %s the run is refused by what it cannot look at', async (missing) => {
  await resetWith(missing);
  const run = await runAction(azure, {
    'snapshot-resource-group': 'snapshots',
    'batch-account': batchAccount,
    'remove-extensions': 'true',
  });
  expect(run.main.exitCode).toBe(1);
  const error = run.main.log.split('\n').find((line) => line.startsWith('##[error]'));
  expect(error).toContain(missing);
  expect(error).toContain('Nothing was changed.');
  expect(await changesIn(azure)).toEqual([]);
});

test('without the right to start a VM it is not stopped for its snapshots', async () => {
  const missing = 'Microsoft.Compute/virtualMachines/start/action';
  await resetWith(missing);
  const run = await runAction(azure, { generalize: 'none', 'source-power': 'restart' });
  expect(run.main.exitCode).toBe(1);
  expect(run.main.log).toContain(`lacks ${missing} on`);
  expect(await changesIn(azure)).toEqual([]);
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

test.each([
  ['permissions', 'Microsoft.Authorization/permissions/read', "The identity's permissions on"],
  ['locks', 'Microsoft.Authorization/locks/read', 'The locks on'],
])('without the right to read %s the run goes on with a warning', async (_name, right, says) => {
  await resetWith(right);
  const run = await runAction(azure, { 'data-disks': 'none' });
  expect(run.main.exitCode).toBe(0);
  expect(run.main.log).toContain(`##[warning]${says}`);
});

test('without the right to read the blob service the run goes on without a word', async () => {
  await resetWith('Microsoft.Storage/storageAccounts/blobServices/read');
  const run = await runAction(azure, { 'data-disks': 'none', 'storage-accounts': 'imageswe1' });
  expect(run.main.exitCode).toBe(0);
  expect(run.main.log.replace(/##\[warning\].*extensions.*/g, '')).not.toContain('##[warning]');
});

describe('a copy', () => {
  const copy = { generalize: '', source: 'copy', 'snapshot-resource-group': 'snapshots' };
  const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/snapshots`;

  /** The two documented roles; on the temporary group without some rights. */
  async function resetCopyWith(isLeft: (name: string) => boolean): Promise<void> {
    const actions = [...role.Actions, ...copyRole.Actions];
    const roleAssignments = [
      { role: { actions: actions.filter(isLeft), dataActions: role.DataActions } },
      { role: { actions }, scope: group.replace('snapshots', 'images') },
    ];
    const vm = { guest: { acts: [linuxStarts(linuxSucceeds)] } };
    await azure.reset(buildScenario({ vm, roleAssignments }));
  }

  /** Runs it, and gives what it says of the temporary group. */
  async function runRefused(): Promise<string> {
    const run = await runAction(azure, copy);
    expect(run.main.exitCode).toBe(1);
    const error = run.main.log.split('\n').find((line) => line.startsWith('##[error]')) ?? '';
    expect(error).toContain('Nothing was changed.');
    expect(await changesIn(azure)).toEqual([]);
    const told = error.split('The identity ').filter((part) => part.includes(` on "${group}"`));
    expect(told).toHaveLength(1);
    return told.join('');
  }

  test('needs no more than the two documented roles', async () => {
    await resetCopyWith(() => true);
    const run = await runAction(azure, copy);
    expect(run.main.log).not.toMatch(/##\[(error|warning)\].*permission/);
    expect(run.main.exitCode).toBe(0);
    await expectNothingLeft(azure);
  });

  test('that lacks rights is refused before anything is changed, and all are named together', async () => {
    const checked = [
      ...rights.filter(({ at }) => at === 'snapshot-group'),
      ...cloneRights.filter(({ at }) => at === 'group' || at === 'own-network'),
    ].filter(({ name }) => !name.endsWith('/read'));
    await resetCopyWith((name) => !checked.some((right) => right.name === name));
    const told = await runRefused();
    for (const { name } of checked) expect(told).toContain(name);
  });

  test("that may not take snapshots of the copy's own disks is refused", async () => {
    const name = 'Microsoft.Compute/disks/beginGetAccess/action';
    await resetCopyWith((other) => other !== name);
    expect(await runRefused()).toContain(name);
  });
});
