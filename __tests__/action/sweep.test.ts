import type { ChildProcess } from 'node:child_process';
import { ClientSecretCredential } from '@azure/identity';
import { BlobClient } from '@azure/storage-blob';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { FaultRule, Scenario } from '../../local-azure/scenario.ts';
import { changesIn, runAction, runMainAlone } from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { runSweep, type Sweep } from '../support/run-sweep.ts';
import { buildScenario, CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from '../support/scenario.ts';

const SWEEPER = 'cccccccc-dddd-eeee-ffff-000000000000';
const SWEEPER_SECRET = `${CLIENT_SECRET}-of-the-sweep`;
/** Who may do the same, but not see whole copies of VMs. */
const SHORT_SIGHTED = 'cccccccc-dddd-eeee-ffff-111111111111';
const images = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute`;
const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs';

/** The usual scenario with a snapshot and a blob of somebody else, and an identity with the rights that the docs name. */
function sceneWithOthers(): Scenario {
  const usual = buildScenario({
    accounts: [
      {
        resourceGroup: 'images',
        name: 'imageswe1',
        containers: [
          {
            name: 'vhds',
            blobs: [
              {
                name: 'foreign.vhd',
                type: 'PageBlob',
                metadata: { vmtovhd_state: 'copying' },
              },
            ],
          },
        ],
      },
    ],
  });
  const actions = [
    'Microsoft.Compute/snapshots/read',
    'Microsoft.Compute/snapshots/delete',
    'Microsoft.Compute/snapshots/endGetAccess/action',
    'Microsoft.Compute/locations/diskOperations/read',
    'Microsoft.Storage/storageAccounts/read',
  ];
  const dataActions = [`${blobs}/read`, `${blobs}/delete`, `${blobs}/write`];
  const compute = ['virtualMachines', 'disks'].map((type) => `Microsoft.Compute/${type}/read`);
  const networks = ['networkInterfaces', 'virtualNetworks', 'networkSecurityGroups'].map(
    (type) => `Microsoft.Network/${type}/read`,
  );
  const sweeper = {
    name: 'sweeper',
    clientId: SWEEPER,
    clientSecret: SWEEPER_SECRET,
    roleAssignments: [{ role: { actions: [...actions, ...compute, ...networks], dataActions } }],
  };
  const shortSighted = {
    ...{ ...sweeper, name: 'short-sighted', clientId: SHORT_SIGHTED },
    roleAssignments: [{ role: { actions: [...actions, ...compute], dataActions } }],
  };
  return {
    ...usual,
    snapshots: [
      { resourceGroup: 'images', name: 'foreign', sourceDiskId: `${images}/disks/builder-os` },
    ],
    identities: [...(usual.identities ?? []), sweeper, shortSighted],
  };
}

const capture = {
  generalize: 'none',
  'source-power': 'keep',
  'data-disks': 'none',
  'storage-accounts': 'imageswe1',
  'sas-duration': '3600',
};
/** No piece of a blob ever lands. */
const stalled = (blob: string): FaultRule => ({
  match: { method: 'PUT', host: 'blob\\.core', path: `/${blob}\\.vhd\\?comp=page$` },
  times: 0,
  action: { kind: 'hang' },
});

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(sceneWithOthers());
  useLocalAzure(azure);
});

/** One run that keeps its snapshot, and three that die: one of them has a SAS of a day, one overwrites. */
async function setTheScene(): Promise<void> {
  await azure.reset(sceneWithOthers());
  const kept = { ...capture, 'blob-name': 'kept-{disk}.vhd', 'keep-snapshots': 'true' };
  expect((await runAction(azure, kept)).main.exitCode).toBe(0);
  await azure.setFaults([stalled('(dead|alive)-os'), stalled('kept-os\\.draft-[0-9a-f]*')]);
  await die({ 'blob-name': 'dead-{disk}.vhd' }, /dead-os/);
  await freeVm();
  await die({ 'blob-name': 'kept-{disk}.vhd', 'if-exists': 'overwrite' }, /kept-os\.draft-/);
  await freeVm();
  await die({ 'blob-name': 'alive-{disk}.vhd', 'sas-duration': '' }, /alive-os/);
}

/** As if a minute had passed since a run died: the lease on the VM's lock has ended, so that the next run takes it over. */
async function freeVm(): Promise<void> {
  const { blobs } = await azure.state();
  const { url = '' } = blobs.find(({ name }) => name.startsWith('.vm-to-vhd/vm-')) ?? {};
  const credential = new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET);
  await new BlobClient(url, credential).getBlobLeaseClient().breakLease(0);
}

/** Starts a capture and kills it without post as soon as its copy is under way. */
async function die(inputs: Readonly<Record<string, string>>, blob: RegExp): Promise<void> {
  const { promise: started, resolve: onStart } = Promise.withResolvers<ChildProcess>();
  const main = runMainAlone(azure, { ...capture, ...inputs }, { onStart });
  const child = await started;
  while (child.exitCode === null && !(await isPending(blob)));
  child.kill('SIGKILL');
  const { exitCode, log } = await main;
  expect({ exitCode, errors: log.match(/##\[error\].*/g) }).toEqual({
    exitCode: undefined,
    errors: null,
  });
}

async function isPending(blob: RegExp): Promise<boolean> {
  const state = await azure.state();
  return state.blobs.some(
    ({ name, metadata }) => blob.test(name) && metadata['vmtovhd_state'] === 'copying',
  );
}

/** Runs the shipped sub-action with the rights that the docs name, two hours later unless it is told otherwise. */
function sweep(inputs: Readonly<Record<string, string>> = {}, hoursLater = 2): Promise<Sweep> {
  const identity = { 'client-id': SWEEPER, 'client-secret': SWEEPER_SECRET };
  return runSweep(azure, { ...identity, ...inputs }, hoursLater);
}

interface Things {
  readonly snapshots: readonly string[];
  readonly grants: readonly string[];
  readonly blobs: readonly string[];
}

async function things(): Promise<Things> {
  const state = await azure.state();
  const ofSnapshots = state.resources['Microsoft.Compute/snapshots'] ?? [];
  return {
    snapshots: ofSnapshots.map(({ id }) => id).sort(),
    grants: state.grants.map(({ resourceId }) => resourceId).sort(),
    blobs: state.blobs.map(({ url }) => url).sort(),
  };
}

/** What the dead runs left, without the one that may still live: VHDs, the locks of their names, snapshots. */
async function leftByTheDead(): Promise<readonly string[]> {
  const state = await azure.state();
  const left = state.blobs.filter(({ name }) => /^dead-|\.draft-/.test(name));
  const keys = left.map(({ metadata }) => metadata['vmtovhd_key']);
  const locks = state.blobs.filter(
    ({ name, metadata }) => name.endsWith('.lock') && keys.includes(metadata['vmtovhd_key']),
  );
  const snapshots = (state.resources['Microsoft.Compute/snapshots'] ?? []).filter(({ id }) =>
    keys.some((key) => id.endsWith(`-${key ?? 'no key'}`)),
  );
  expect([left.length, locks.length, snapshots.length]).toEqual([2, 2, 2]);
  return [...snapshots.map(({ id }) => id), ...[...left, ...locks].map(({ url }) => url)].sort();
}

const without = (all: readonly string[], gone: readonly string[]): readonly string[] =>
  all.filter((one) => !gone.includes(one));

describe('changes nothing', () => {
  beforeAll(setTheScene);

  test('by itself: it lists what dead runs left', async () => {
    const dead = await leftByTheDead();
    const before = await things();
    const changes = await changesIn(azure);
    const run = await sweep();
    expect(run.log).not.toMatch(/##\[(error|warning)\]/);
    expect(run.exitCode).toBe(0);
    expect(run.found).toEqual(dead);
    expect(run.removed).toEqual([]);
    expect(await things()).toEqual(before);
    expect(await changesIn(azure)).toEqual(changes);
    expect(run.log).toMatch(/snapshot +\S.* +left alone \(kept\) +\/subscriptions\//);
    expect(run.log).toMatch(
      /blob +\S.* +left alone \(its run may live until .*\) +https:.*alive-os/,
    );
    expect(run.log).not.toContain('foreign');
    expect(run.summary).toContain('**6** found, **0** removed.');
  });

  test('and warns when it may not look for copies of VMs, with the rights that lack', async () => {
    const dead = await leftByTheDead();
    const run = await sweep({ 'client-id': SHORT_SIGHTED });
    expect(run.exitCode).toBe(0);
    expect(run.found).toEqual(dead);
    expect(run.log.match(/##\[warning\].*/g)).toEqual([
      `##[warning]Copies of VMs were not looked for: the identity lacks Microsoft.Network/networkInterfaces/read, Microsoft.Network/virtualNetworks/read and Microsoft.Network/networkSecurityGroups/read on "/subscriptions/${SUBSCRIPTION}". Grant it a role that has them (docs/permissions.md); what dead runs left of copies stays until then.`,
    ]);
  });

  test('that is younger', async () => {
    const before = await things();
    const run = await sweep({ remove: 'true' }, 0);
    expect(run.exitCode).toBe(0);
    expect([run.found, run.removed]).toEqual([[], []]);
    expect(run.log).toContain('left alone (too young)');
    expect(await things()).toEqual(before);
  });

  test('outside of the resource group, and without storage accounts no blob', async () => {
    const dead = await leftByTheDead();
    const only = { 'storage-accounts': '' };
    expect((await sweep({ ...only, 'resource-group': 'snapshots' })).found).toEqual([]);
    const { found } = await sweep({ ...only, 'resource-group': 'images' });
    expect(found).toEqual(dead.filter((one) => one.startsWith('/subscriptions/')));
  });

  test('when a storage account is not there: it fails', async () => {
    const before = await things();
    const run = await sweep({ remove: 'true', 'storage-accounts': 'imageswe1, nosuch' });
    expect(run.exitCode).toBe(1);
    expect(run.log).toContain(`has no storage account "nosuch"`);
    expect(await things()).toEqual(before);
  });
});

describe('told to remove', () => {
  beforeEach(setTheScene);

  test('it takes exactly that away, with no more rights than the docs name', async () => {
    const dead = await leftByTheDead();
    const before = await things();
    const run = await sweep({ remove: 'true' });
    expect(run.log).not.toMatch(/##\[(error|warning)\]/);
    expect(run.exitCode).toBe(0);
    expect(run.found).toEqual(dead);
    expect(run.removed).toEqual(dead);
    const after = await things();
    expect(after).toEqual({
      snapshots: without(before.snapshots, dead),
      grants: without(before.grants, dead),
      blobs: without(before.blobs, dead),
    });
    expect([after.snapshots.length, after.grants.length]).toEqual([3, 1]);
    expect(
      after.blobs.map((url) =>
        url
          .split('/')
          .at(-1)
          ?.replace(/-[0-9a-f]{16}/, ''),
      ),
    ).toEqual(['set.lock', 'vm.lock', 'alive-os.vhd', 'foreign.vhd', 'kept-os.vhd']);
    expect(run.summary).toContain('**6** found, **6** removed.');
    expect(run.raw).not.toMatch(/[?&]sig=/);
    expect((await sweep({ remove: 'true' })).found).toEqual([]);
  });

  test('it fails with the az command for what cannot be removed, and removes the rest', async () => {
    const dead = await leftByTheDead();
    const [stuck = ''] = dead;
    await azure.setFaults([
      {
        match: { method: 'DELETE', host: '^management', path: stuck },
        times: 0,
        action: { kind: 'answer', status: 403, code: 'AuthorizationFailed', message: 'No.' },
      },
    ]);
    const run = await sweep({ remove: 'true' });
    expect(run.exitCode).toBe(1);
    expect(run.log).toContain(`az snapshot delete --ids "${stuck}"`);
    expect(run.log).toMatch(/##\[error\]1 of 6 leftovers could not be removed\./);
    expect(run.removed).toEqual(without(dead, [stuck]));
    expect(run.summary).toContain('### Left behind');
  });
});
