import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { FaultRule, ScenarioStorageAccount } from '../../local-azure/scenario.ts';
import {
  expectNoSecrets,
  expectNothingLeft,
  runAction,
  type ActionRun,
} from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario } from '../support/scenario.ts';
import {
  expectSameVhd,
  fileCrc64,
  imageOf,
  vhdClient,
  type ExtentDisk,
} from '../support/vhd-check.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const FOOTER_BYTES = 512;
const EXTENT_BYTES = 128 * 1024;

/** Every extent is a piece of its own: the holes are too large to be copied, and no extent crosses 4 MiB. */
const osDisk = {
  name: 'builder-os',
  sizeGiB: 1,
  content: { seed: 11, extents: { count: 20, bytes: EXTENT_BYTES, everyBytes: 48 * MIB } },
} satisfies ExtentDisk;
const PIECES = osDisk.content.extents.count + 1;
const DATA_BYTES = osDisk.content.extents.count * EXTENT_BYTES + FOOTER_BYTES;
const image = imageOf(osDisk);

const withoutData = { 'data-disks': 'none' };

let azure: LocalAzure;
let expectedCrc64: string;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario({ vm: { osDisk } }));
  useLocalAzure(azure);
  expectedCrc64 = await fileCrc64(image);
});

beforeEach(async () => {
  await azure.reset(buildScenario({ vm: { osDisk } }));
});

/** What the manifest says of a finished replica and of the traffic. */
interface Made {
  readonly url: string;
  readonly lengthBytes: number;
  readonly method: 'page-ranges' | 'copy-blob';
  readonly movedBytes: number;
  readonly fromExports: number;
  readonly fromReplicas: number;
  readonly proof: { readonly kind: string; readonly crc64?: string };
}

function madeBy(run: ActionRun): readonly Made[] {
  return (run.manifest?.disks ?? []).flatMap(({ replicas }) => replicas as readonly Made[]);
}

function accountsNamed(
  ...accounts: readonly (readonly [name: string, location?: string])[]
): readonly ScenarioStorageAccount[] {
  return accounts.map(([name, location = 'westeurope']) => ({
    resourceGroup: 'images',
    name,
    location,
  }));
}

async function startWith(accounts: readonly ScenarioStorageAccount[]): Promise<void> {
  await azure.reset(buildScenario({ vm: { osDisk }, accounts }));
}

/** The Put Page From URL calls so far. */
async function putPages(): ReturnType<LocalAzure['calls']> {
  const calls = await azure.calls();
  return calls.filter(({ method, url }) => method === 'PUT' && url.endsWith('?comp=page'));
}

/** Asserts that a run has succeeded with so many VHDs, all equal to the disk, and that nothing else is left. */
async function expectRight(run: ActionRun, vhds: number): Promise<void> {
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  const made = madeBy(run);
  expect(made).toHaveLength(vhds);
  for (const { url } of made) await expectSameVhd(url, image);
  await expectNothingLeft(azure);
  expectNoSecrets(run);
}

/** What every blob's metadata says of its checksum. */
async function crcsInMetadata(): Promise<readonly (string | undefined)[]> {
  return (await azure.state()).blobs.map(({ metadata }) => metadata['vmtovhd_crc64']);
}

const refusePages = (match: Partial<FaultRule['match']>, status: number): FaultRule => ({
  match: { method: 'PUT', host: 'blob\\.core', path: 'comp=page$', ...match },
  times: 0,
  action: { kind: 'answer', status, code: 'UnsupportedHeader', message: 'Not taken here.' },
});

describe('piece by piece', () => {
  const layouts = [
    { replicas: 3, accounts: ['imageswe1'] },
    { replicas: 6, accounts: ['imageswe1', 'imageswe2', 'imageswe3'] },
  ];

  test.each(layouts)('$replicas VHDs in $accounts are the disk', async ({ replicas, accounts }) => {
    await startWith(accountsNamed(...accounts.map((name) => [name] as const)));
    const run = await runAction(azure, {
      ...withoutData,
      replicas: String(replicas),
      'storage-accounts': accounts.join(),
    });
    await expectRight(run, replicas);
    const proof = { kind: 'checksums', crc64: expectedCrc64 };
    for (const made of madeBy(run)) {
      expect(made).toMatchObject({ method: 'page-ranges', movedBytes: DATA_BYTES, proof });
      expect(made.fromExports + made.fromReplicas).toBe(DATA_BYTES);
    }
    expect(await crcsInMetadata()).toEqual(Array<string>(replicas).fill(expectedCrc64));
    expect(await putPages()).toHaveLength(replicas * PIECES);
    expect(run.manifest).toMatchObject({
      traffic: {
        putPages: replicas * PIECES,
        movedBytes: replicas * DATA_BYTES,
        savedBytes: replicas * (GIB + FOOTER_BYTES - DATA_BYTES),
      },
    });
    expect(run.main.summary).toContain(expectedCrc64);
  });

  test('one export feeds all, each piece of it about once, since the VHDs serve each other', async () => {
    const run = await runAction(azure, { ...withoutData, replicas: '8', 'max-exports': '1' });
    await expectRight(run, 8);
    const fromReplicas = madeBy(run).reduce((sum, made) => sum + made.fromReplicas, 0);
    expect(fromReplicas).toBeGreaterThan(0);
    const { resources } = await azure.state();
    expect(resources['Microsoft.Compute/snapshots']).toBeUndefined();
    const snapshots = (await azure.calls()).filter(
      ({ method, url }) => method === 'PUT' && /\/snapshots\/builder-os-[^/?]+\?/.test(url),
    );
    expect(snapshots).toHaveLength(1);
  });

  test('a piece crosses the border of a region once', async () => {
    const abroad = ['imagesne1', 'imagesne2'];
    await startWith(
      accountsNamed(['imageswe1'], ...abroad.map((name) => [name, 'northeurope'] as const)),
    );
    // Changes nothing; marks in the list of calls what comes from the region of the VM.
    const mark: FaultRule = {
      match: {
        method: 'PUT',
        host: '^imagesne',
        path: 'comp=page$',
        headers: { 'x-ms-copy-source': '^https://(md-|imageswe)' },
      },
      times: 0,
      action: { kind: 'end-sas', resource: 'no such resource' },
    };
    await azure.setFaults([mark]);
    const run = await runAction(azure, {
      ...withoutData,
      replicas: '9',
      'storage-accounts': ['imageswe1', ...abroad].join(),
      'max-exports': '3',
    });
    await expectRight(run, 9);
    const calls = await putPages();
    expect(calls).toHaveLength(9 * PIECES);
    expect(calls.filter(({ fault }) => fault !== undefined)).toHaveLength(PIECES);
  });

  test.each([304, 412] as const)(
    'VHDs that cannot be read while they are written (%d) leave it to the exports',
    async (status) => {
      await azure.setFaults([
        {
          match: {
            method: 'PUT',
            path: 'comp=page$',
            headers: { 'x-ms-copy-source': '^https://images' },
          },
          times: 0,
          action: { kind: 'source-modified', status },
        },
      ]);
      const run = await runAction(azure, { ...withoutData, replicas: '4', 'max-exports': '1' });
      await expectRight(run, 4);
      for (const made of madeBy(run)) expect(made.fromExports).toBe(DATA_BYTES);
    },
  );

  test('only the first snapshot of a disk is kept', async () => {
    const run = await runAction(azure, {
      ...withoutData,
      replicas: '3',
      'keep-snapshots': 'true',
    });
    expect(run.main.exitCode).toBe(0);
    const { resources, grants } = await azure.state();
    expect(grants).toEqual([]);
    expect(resources['Microsoft.Compute/snapshots']?.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^builder-os-[0-9a-f]{12}$/),
    ]);
  });

  test('a further snapshot that cannot be had is done without', async () => {
    await azure.setFaults([
      {
        match: { method: 'PUT', host: '^management', path: '/snapshots/builder-os-\\d-' },
        times: 0,
        action: { kind: 'answer', status: 403, code: 'AuthorizationFailed', message: 'No.' },
      },
    ]);
    const run = await runAction(azure, { ...withoutData, replicas: '3' });
    await expectRight(run, 3);
  });

  test('every VHD is read back with verify full', async () => {
    const run = await runAction(azure, { ...withoutData, replicas: '2', verify: 'full' });
    await expectRight(run, 2);
    const proof = { kind: 'read-back', crc64: expectedCrc64 };
    expect(madeBy(run).map((made) => made.proof)).toEqual([proof, proof]);
    expect(await crcsInMetadata()).toEqual([expectedCrc64, expectedCrc64]);
  });

  test('a draft that overwrites is copied by its pieces and swapped in', async () => {
    const inputs = {
      ...withoutData,
      generalize: 'none',
      'source-power': 'keep',
      replicas: '2',
      'blob-name': 'latest-{disk}-{replica}.vhd',
    };
    await expectRight(await runAction(azure, inputs), 2);
    const run = await runAction(
      azure,
      { ...inputs, 'if-exists': 'overwrite' },
      { run: { runId: '1234567891' } },
    );
    await expectRight(run, 2);
    const names = (await azure.state()).blobs.map(({ name }) => name);
    expect(names).toEqual(['latest-os-1.vhd', 'latest-os-2.vhd']);
    for (const made of madeBy(run)) expect(made.movedBytes).toBe(DATA_BYTES);
  });

  test('more VHDs than one runner drives are made, many of them inside their account', async () => {
    await startWith(accountsNamed(['imageswe1']));
    const run = await runAction(azure, {
      ...withoutData,
      replicas: '40',
      'storage-accounts': 'imageswe1',
    });
    await expectRight(run, 40);
    const byPieces = madeBy(run).filter(({ method }) => method === 'page-ranges');
    expect(byPieces.length).toBeGreaterThanOrEqual(32);
    for (const { method, proof, fromExports } of madeBy(run)) {
      expect(proof).toEqual(
        method === 'page-ranges'
          ? { kind: 'checksums', crc64: expectedCrc64 }
          : { kind: 'copy-status' },
      );
      if (method === 'copy-blob') expect(fromExports).toBe(0);
    }
  });
});

describe('by Copy Blob', () => {
  const inputs = { ...withoutData, replicas: '3', 'copy-method': 'copy-blob' };

  test('VHDs are labelled with what was shown of them', async () => {
    const run = await runAction(azure, inputs);
    await expectRight(run, 3);
    for (const made of madeBy(run)) {
      expect(made).toMatchObject({ method: 'copy-blob', proof: { kind: 'copy-status' } });
    }
    expect(await crcsInMetadata()).toEqual([undefined, undefined, undefined]);
    expect(await putPages()).toEqual([]);
    expect(run.main.summary).toContain('By Copy Blob, which gives no checksum: 3 VHDs');
  });

  test('verify full reads them back', async () => {
    const run = await runAction(azure, { ...inputs, verify: 'full' });
    await expectRight(run, 3);
    for (const made of madeBy(run)) {
      expect(made.proof).toEqual({ kind: 'read-back', crc64: expectedCrc64 });
    }
  });

  test.each([400, 403, 404])('it steps in where page ranges are refused (%d)', async (status) => {
    await azure.setFaults([
      {
        match: { host: '^md-', path: 'comp=pagelist' },
        times: 0,
        action: { kind: 'answer', status, code: 'FeatureNotSupported', message: 'No ranges.' },
      },
    ]);
    const run = await runAction(azure, { ...withoutData, replicas: '2' });
    await expectRight(run, 2);
    expect(madeBy(run).map(({ method }) => method)).toEqual(['copy-blob', 'copy-blob']);
    expect(run.main.log).toMatch(
      /Could not list the pages of disk "builder-os": FeatureNotSupported \(\d+\): no ranges\. .*Copy Blob/,
    );
  });

  test.each([400, 405, 501])('it steps in where an account refuses pieces (%d)', async (status) => {
    await azure.setFaults([refusePages({ host: '^imageswe2' }, status)]);
    const run = await runAction(azure, { ...withoutData, replicas: '4' });
    await expectRight(run, 4);
    const methods = new Map(madeBy(run).map(({ url, method }) => [url.slice(-8), method]));
    expect(Object.fromEntries(methods)).toEqual({
      'os-1.vhd': 'page-ranges',
      'os-2.vhd': 'copy-blob',
      'os-3.vhd': 'page-ranges',
      'os-4.vhd': 'copy-blob',
    });
    expect(run.main.log).toMatch(/UnsupportedHeader .*It is copied by Copy Blob instead\./);
  });
});

test.each([
  { what: 'looked at', match: { method: 'HEAD', host: '^md-' } },
  { what: 'read', match: { method: 'GET', host: '^md-', path: '^(?!.*comp=)' } },
])('a source whose SAS is renewed while its footer is $what is asked again', async ({ match }) => {
  await azure.setFaults([
    {
      match,
      action: { kind: 'answer', status: 403, code: 'AuthenticationFailed', message: 'No.' },
    },
  ]);
  const run = await runAction(azure, { ...withoutData, replicas: '2' });
  await expectRight(run, 2);
  expect(run.main.log.match(/Read access to snapshot ".*" is renewed/g)).toHaveLength(1);
});

describe('without a way out', () => {
  const inputs = { ...withoutData, replicas: '2', 'copy-method': 'page-ranges' };

  test('a disk whose pages cannot be listed fails, and the other disks are finished', async () => {
    const bigger = { ...osDisk, sizeGiB: 2 };
    await azure.reset(buildScenario({ vm: { osDisk: bigger } }));
    // The data disks are those of 1 GiB.
    const headers = { 'x-ms-range': `-${GIB + FOOTER_BYTES - 1}$` };
    await azure.setFaults([
      {
        match: { host: '^md-', path: 'comp=pagelist', headers },
        times: 0,
        action: { kind: 'answer', status: 400, code: 'FeatureNotSupported', message: 'No ranges.' },
      },
    ]);
    const run = await runAction(azure, { ...inputs, 'data-disks': 'all' });
    expect(run.main.exitCode).toBe(1);
    const made = madeBy(run);
    expect(made.map(({ url }) => url.slice(-8))).toEqual(['os-1.vhd', 'os-2.vhd']);
    for (const { url } of made) await expectSameVhd(url, imageOf(bigger));
    const reasons = run.manifest?.failedReplicas.map(({ reason }) => reason) ?? [];
    expect(reasons.sort()).toEqual(
      ['builder-data0', 'builder-data5'].map(
        (disk) =>
          `Could not list the pages of disk "${disk}": FeatureNotSupported (400): no ranges. Set "copy-method: auto", so that it is copied by Copy Blob, and run again.`,
      ),
    );
    await expectNothingLeft(azure);
    expectNoSecrets(run);
  });

  test('an account that refuses pieces fails its VHD only', async () => {
    await azure.setFaults([refusePages({ host: '^imageswe2' }, 400)]);
    const run = await runAction(azure, inputs);
    expect(run.main.exitCode).toBe(1);
    expect(madeBy(run).map(({ url }) => url.slice(-8))).toEqual(['os-1.vhd']);
    expect(run.manifest?.failedReplicas).toEqual([
      {
        url: expect.stringMatching(/os-2\.vhd$/),
        reason: expect.stringContaining('UnsupportedHeader (400): not taken here.'),
      },
    ]);
    await expectNothingLeft(azure);
  });
});

describe('a VHD that differs', () => {
  /** The first VHD is whole before the second one gets its first piece. */
  const holdSecond = refusePages({ host: '^imageswe2' }, 503);
  /** From then on the second one reads from the first one only. */
  const onlyFromFirst: FaultRule = {
    match: {
      method: 'PUT',
      host: '^imageswe2',
      path: 'comp=page$',
      headers: { 'x-ms-copy-source': '^https://md-' },
    },
    times: 6,
    action: { kind: 'source-answer', status: 503 },
  };

  async function spoil(url: string): Promise<void> {
    for (const { start } of image.ranges) {
      await vhdClient(url).uploadPages(Buffer.alloc(EXTENT_BYTES, 7), start, EXTENT_BYTES);
    }
  }

  test('is named with the bytes, and fails the run', async () => {
    await azure.setFaults([holdSecond]);
    const running = runAction(azure, { ...withoutData, replicas: '2' });
    await spoil(await whenComplete('os-1.vhd'));
    await azure.setFaults([onlyFromFirst]);
    const run = await running;
    expect(run.main.exitCode).toBe(1);
    expect(run.manifest?.failedReplicas).toEqual([
      {
        url: expect.stringMatching(/os-1\.vhd$/),
        reason: expect.stringMatching(
          /^Blob "https:\/\/imageswe1.*os-1\.vhd" differs from the snapshot in bytes \d+ to \d+/,
        ),
      },
    ]);
    const made = madeBy(run);
    expect(made.map(({ url }) => url.slice(-8))).toEqual(['os-2.vhd']);
    for (const { url } of made) await expectSameVhd(url, image);
    expect(run.main.log).toMatch(/os-1\.vhd" was not removed: .* Do not use it; delete it\./);
    await expectNothingLeft(azure);
  });

  test('is found when it is read back', async () => {
    const held: FaultRule = {
      match: { method: 'HEAD', host: '^imageswe1', path: 'os-1\\.vhd$' },
      nth: 2,
      action: { kind: 'hang' },
    };
    await azure.setFaults([held]);
    const running = runAction(
      azure,
      { ...withoutData, replicas: '2', verify: 'full' },
      { environment: { SCALED_LIMITS: 'yes' } },
    );
    await spoil((await whenHung()).url);
    const run = await running;
    expect(run.main.exitCode).toBe(1);
    expect(run.manifest?.failedReplicas).toEqual([
      {
        url: expect.stringMatching(/os-1\.vhd$/),
        reason: expect.stringMatching(
          /^Blob ".*os-1\.vhd" differs from the snapshot in bytes \d+ to \d+ when both are read back\./,
        ),
      },
    ]);
    expect(madeBy(run).map(({ url }) => url.slice(-8))).toEqual(['os-2.vhd']);
    await expectNothingLeft(azure);
  });
});

/** Waits for a blob that a run has finished, and gives its URL. */
async function whenComplete(blob: string): Promise<string> {
  for (;;) {
    const found = (await azure.state()).blobs.find(
      ({ name, metadata }) => name.endsWith(blob) && metadata['vmtovhd_state'] === 'complete',
    );
    if (found !== undefined) return found.url;
  }
}

/** Waits for the call that a fault lets hang. */
async function whenHung(): Promise<Awaited<ReturnType<LocalAzure['calls']>>[number]> {
  for (;;) {
    const found = (await azure.calls()).find(({ fault }) => fault === 'hang');
    if (found !== undefined) return found;
  }
}

test('drafts that are done are removed when the run is cancelled before they are swapped in', async () => {
  const inputs = {
    ...withoutData,
    generalize: 'none',
    'source-power': 'keep',
    replicas: '2',
    'blob-name': 'latest-{disk}-{replica}.vhd',
  };
  expect((await runAction(azure, inputs)).main.exitCode).toBe(0);
  const before = (await azure.state()).blobs;
  await azure.setFaults([
    {
      match: { method: 'PUT', host: '^imageswe2', path: 'comp=page$' },
      times: 0,
      action: { kind: 'hang' },
    },
  ]);
  const started = Promise.withResolvers<{ kill(signal: NodeJS.Signals): boolean }>();
  const running = runAction(
    azure,
    { ...inputs, 'if-exists': 'overwrite' },
    { onStart: started.resolve },
  );
  const child = await started.promise;
  await whenDraftComplete();
  child.kill('SIGINT');
  const run = await running;
  expect(run.main.exitCode).toBe(1);
  expect((await azure.state()).blobs).toEqual(before);
  await expectNothingLeft(azure);
});

/** Waits for a draft that a run has finished. */
async function whenDraftComplete(): Promise<void> {
  while (
    !(await azure.state()).blobs.some(
      ({ name, metadata }) => name.includes('.draft-') && metadata['vmtovhd_state'] === 'complete',
    )
  );
}
