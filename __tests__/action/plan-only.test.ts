import { beforeAll, expect, test } from '@jest/globals';
import { cloneRights } from '../../src/clone/clone-rights.ts';
import { changesIn, expectNoSecrets, runAction } from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario } from '../support/scenario.ts';

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

test('plan-only shows every name and right, and changes nothing', async () => {
  await azure.reset(buildScenario());
  const run = await runAction(azure, { 'plan-only': 'true', replicas: '2' });
  expect(run.main.exitCode).toBe(0);
  expect(await changesIn(azure)).toEqual([]);
  const vhds = ['imageswe1', 'imageswe2'].map(
    (name, index) =>
      `https://${name}.blob.core.windows.net/vhds/builder-1234567890-os-${index + 1}.vhd`,
  );
  expect(run.manifest).toMatchObject({
    succeeded: true,
    plan: {
      isDone: false,
      power: { powerOff: true, deallocate: true, generalize: true, restart: false },
      snapshots: { length: 4 },
      vhds: { length: 4 },
      claim: expect.stringMatching(/\/snapshots\/builder-claim-[0-9a-f]{12}$/),
      expected: { changes: 21, copies: 4, exports: 4, bytes: 6 * 1024 ** 3 },
    },
  });
  for (const text of [run.main.log, run.main.summary, run.manifestText]) {
    for (const vhd of vhds) expect(text).toContain(vhd);
  }
  expect(run.main.summary).toContain('Plan for the image VHDs');
  for (const { kind, name, scope } of run.manifest?.plan?.permissions ?? []) {
    const line = `${kind === 'action' ? 'action' : 'data action'} ${name} on ${scope}`;
    expect(run.main.log).toContain(line);
    expect(run.main.summary).toContain(line);
  }
  expect(run.main.log).toContain('Microsoft.Compute/virtualMachines/generalize/action');
  expect(run.main.outputs['vhd-uris']).toBe('[]');
  expect(run.post.log).toBe('Nothing is left to close.');
  expectNoSecrets(run);
});

test('plan-only of a copy tells the rights to make it', async () => {
  await azure.reset(buildScenario());
  const run = await runAction(azure, { 'plan-only': 'true', generalize: '', source: 'copy' });
  expect(run.main.exitCode).toBe(0);
  const inGroup = (run.manifest?.plan?.permissions ?? [])
    .filter(({ scope }) => scope.endsWith('/resourceGroups/images'))
    .map(({ name }) => name);
  expect(inGroup).toEqual([...new Set(inGroup)]);
  for (const { name } of cloneRights.filter(({ at }) => at === 'group' || at === 'own-network')) {
    expect(inGroup).toContain(name);
    expect(run.main.summary).toContain(name);
  }
});

test('plan-only fails where the run would be refused', async () => {
  await azure.reset(buildScenario({ vm: { securityType: 'ConfidentialVM' } }));
  const run = await runAction(azure, { 'plan-only': 'true' });
  expect(run.main.exitCode).toBe(1);
  expect(run.main.summary).toContain('confidential VM');
  expect(await changesIn(azure)).toEqual([]);
});
