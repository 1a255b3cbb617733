import type { ChildProcess } from 'node:child_process';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { PageBlobClient } from '@azure/storage-blob';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { compareVhd } from '../../demo/vhd-proof.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { bootImage } from '../../local-azure/disks/booted-image.ts';
import { generateImage } from '../../local-azure/disks/generated-image.ts';
import type { FaultRule } from '../../local-azure/scenario.ts';
import type { DiskImage } from '../../local-azure/world.ts';
import type { Step } from '../../local-runner/run-action.ts';
import {
  expectNoSecrets,
  expectNothingLeft,
  runAction,
  type ActionRun,
} from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from '../support/scenario.ts';

const GIB = 1024 ** 3;
const disk = { name: 'builder-os', sizeGiB: 2, content: { seed: 1, dataMiB: 40 } };
const scenario = buildScenario({ vm: { osDisk: disk, dataDisks: [] } });
const image = generateImage(1, 2 * GIB, 40);
const inputs = { replicas: '2', 'max-exports': '1', 'keep-partial': 'true' };
const second: Partial<Step> = { run: { attempt: '2' } };

/** The second account refuses pieces from the nth on. */
const refusing = (nth: number): FaultRule => ({
  match: { method: 'PUT', host: 'imageswe2\\.blob', path: 'comp=page' },
  nth,
  times: 0,
  action: {
    kind: 'answer',
    status: 403,
    code: 'AuthorizationFailure',
    message: 'This request is not authorized to perform this operation.',
  },
});

let azure: LocalAzure;
let credential: ClientSecretCredential;

beforeAll(async () => {
  azure = await startLocalAzure(scenario);
  useLocalAzure(azure);
  credential = new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET);
});

beforeEach(async () => {
  await azure.reset(scenario);
});

const snapshots = async (): Promise<readonly string[]> =>
  ((await azure.state()).resources['Microsoft.Compute/snapshots'] ?? []).map(({ name }) => name);
/** The accounts whose pieces landed, one entry each, since so many calls. */
const pieces = async (since = 0): Promise<readonly string[]> =>
  (await azure.calls())
    .slice(since)
    .filter(
      ({ method, url, status }) => method === 'PUT' && url.includes('comp=page') && status === 201,
    )
    .map(({ host }) => host.split('.')[0] ?? '');

async function expectRight(run: ActionRun, expected: DiskImage): Promise<void> {
  const urls = JSON.parse(run.main.outputs['vhd-uris'] ?? '[]') as string[];
  expect(urls).toHaveLength(2);
  for (const url of urls) {
    await compareVhd(new PageBlobClient(url, credential), expected, new AbortController().signal);
  }
}

describe('a run that keeps what is half done', () => {
  test('leaves the snapshot, the finished VHD and the unfinished one with its sidecar, and no grant', async () => {
    await azure.setFaults([refusing(4)]);
    const run = await runAction(azure, inputs);
    expect(run.main.exitCode).toBe(1);
    expect(run.main.log).toContain('Kept for a re-run');
    expect(await snapshots()).toHaveLength(1);
    const { blobs, grants } = await azure.state();
    expect(grants).toEqual([]);
    expect(blobs.map(({ name, metadata }) => [name, metadata['vmtovhd_state']]).sort()).toEqual([
      ['builder-1234567890-os-1.vhd', 'complete'],
      ['builder-1234567890-os-2.vhd', 'copying'],
      ['builder-1234567890-os-2.vhd.pieces', 'copying'],
    ]);
    expectNoSecrets(run);
  });

  test('is gone on with by its re-run, which copies only what is missing', async () => {
    await azure.setFaults([refusing(4)]);
    await runAction(azure, inputs);
    const before = await pieces();
    const there = before.filter((account) => account === 'imageswe2').length;
    const whole = before.filter((account) => account === 'imageswe1').length;
    expect(there).toBe(3);
    await azure.setFaults([]);
    const { length } = await azure.calls();
    const run = await runAction(azure, inputs, second);
    expect(run.main.log).not.toContain('##[error]');
    expect(run.main.exitCode).toBe(0);
    expect(run.main.log).toContain(`has 3 of ${whole} pieces already`);
    expect(await pieces(length)).toEqual(Array.from({ length: whole - there }, () => 'imageswe2'));
    await expectRight(run, image);
    await expectNothingLeft(azure);
    expect((await azure.state()).blobs).toHaveLength(2);
    expectNoSecrets(run);
  });

  test('is gone on with by a third attempt too', async () => {
    await azure.setFaults([refusing(4)]);
    await runAction(azure, inputs);
    await azure.setFaults([refusing(2)]);
    await runAction(azure, inputs, second);
    await azure.setFaults([]);
    const run = await runAction(azure, inputs, { run: { attempt: '3' } });
    expect(run.main.exitCode).toBe(0);
    expect(run.main.log).toMatch(/has 4 of \d+ pieces already/);
    await expectRight(run, image);
    await expectNothingLeft(azure);
  });

  test('after which the VM has run is not mixed with what it is now: everything is copied anew', async () => {
    const specialized = { ...inputs, generalize: 'none' };
    const { virtualMachines } = new ComputeManagementClient(credential, SUBSCRIPTION);
    const options = { updateIntervalInMs: 10 };
    await virtualMachines.powerOff('images', 'builder', options);
    await azure.setFaults([refusing(4)]);
    expect((await runAction(azure, specialized)).main.log).toContain('Kept for a re-run');
    await azure.setFaults([]);
    await virtualMachines.start('images', 'builder', options);
    await virtualMachines.powerOff('images', 'builder', options);
    const run = await runAction(azure, specialized, second);
    expect(run.main.log).toContain('VM "builder" may have run since');
    expect(run.main.exitCode).toBe(0);
    await expectRight(run, bootImage(image, 1));
    await expectNothingLeft(azure);
    expect((await azure.state()).blobs).toHaveLength(2);
  });

  test('that was killed leaves the same to its re-run, and post closes the grant', async () => {
    await azure.setFaults([
      {
        match: { method: 'PUT', host: 'imageswe2\\.blob', path: 'comp=page' },
        nth: 4,
        times: 0,
        action: { kind: 'hang' },
      },
    ]);
    const started = Promise.withResolvers<ChildProcess>();
    const running = runAction(azure, inputs, { onStart: started.resolve });
    const child = await started.promise;
    for (;;) if ((await pieces()).filter((account) => account === 'imageswe2').length === 3) break;
    child.kill('SIGKILL');
    await running;
    expect((await azure.state()).grants).toEqual([]);
    expect(await snapshots()).toHaveLength(1);
    await azure.setFaults([]);
    const run = await runAction(azure, inputs, second);
    expect(run.main.exitCode).toBe(0);
    expect(run.main.log).toContain('is taken up');
    await expectRight(run, image);
    await expectNothingLeft(azure);
  });
});

test('without keep-partial a re-run does not touch what the first attempt finished, unless it is told to', async () => {
  const usual = { ...inputs, 'keep-partial': '' };
  await azure.setFaults([refusing(4)]);
  const first = await runAction(azure, usual);
  expect(first.main.exitCode).toBe(1);
  await expectNothingLeft(azure);
  await azure.setFaults([]);
  const refused = await runAction(azure, usual, second);
  expect(refused.main.log).toMatch(/Blob "[^"]*os-1\.vhd" exists\..*Nothing was changed\./);
  const run = await runAction(azure, { ...usual, 'if-exists': 'overwrite' }, second);
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  await expectRight(run, image);
  await expectNothingLeft(azure);
});

test('the same names in another workflow run are foreign', async () => {
  const named = { ...inputs, 'blob-name': 'builder-{disk}-{replica}.vhd' };
  await azure.setFaults([refusing(4)]);
  await runAction(azure, named);
  await azure.setFaults([]);
  const run = await runAction(azure, named, { run: { runId: '99', attempt: '2' } });
  expect(run.main.exitCode).toBe(1);
  expect(run.main.log).toMatch(/Blob "[^"]*" exists/);
});
