import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rights } from '../../src/rights.ts';
import { changesIn, expectNothingLeft, runAction } from '../support/action.ts';
import { linuxStarts, linuxSucceeds } from '../support/guest-acts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario } from '../support/scenario.ts';

/** The custom role as the docs give it. */
interface CustomRole {
  readonly Actions: readonly string[];
  readonly DataActions: readonly string[];
}

let azure: LocalAzure;
let role: CustomRole;

beforeAll(async () => {
  const page = await readFile(new URL('../../docs/permissions.md', import.meta.url), 'utf8');
  role = JSON.parse(/```json\n([^]*?)```/.exec(page)?.[1] ?? '') as CustomRole;
  azure = await startLocalAzure(buildScenario());
});

afterAll(async () => {
  await azure.stop();
});

async function resetWith(without?: string): Promise<void> {
  const keep = (names: readonly string[]): readonly string[] =>
    names.filter((name) => name !== without);
  const assigned = { actions: keep(role.Actions), dataActions: keep(role.DataActions) };
  const vm = { extensions: ['CustomScript'], guest: { acts: [linuxStarts(linuxSucceeds)] } };
  await azure.reset(buildScenario({ vm, roleAssignments: [{ role: assigned }] }));
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
