import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { FaultRule } from '../../local-azure/scenario.ts';
import { runPhase } from '../../local-runner/run-action.ts';
import { expectNoSecrets, expectNothingLeft, runAction, usualInputs } from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario } from '../support/scenario.ts';

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

beforeEach(async () => {
  await azure.reset(buildScenario());
});

/** Whole VHDs by Copy Blob, whose ends the faults decide. */
const byCopyBlob = { 'copy-method': 'copy-blob' };
/** The PUT that starts the Copy Blob to a blob. */
const copyTo = (blob: string): FaultRule['match'] => ({
  method: 'PUT',
  host: 'blob\\.core',
  path: `/${blob}\\.vhd$`,
});
/** The SAS of the snapshots end when the n-th HEAD of a blob comes; the first one is the survey's. */
const endSas = (blob: string, nth: number, times = 1): FaultRule => ({
  match: { method: 'HEAD', host: 'blob\\.core', path: `${blob}\\.vhd$` },
  nth,
  times,
  action: { kind: 'end-sas' },
});
/** No piece of a blob ever lands, and none is refused. */
const hangPieces = (blob: string): FaultRule => ({
  match: { method: 'PUT', host: 'blob\\.core', path: `/${blob}\\.vhd\\?comp=page$` },
  times: 0,
  action: { kind: 'hang' },
});
/** The service does what it is asked, and the answer is lost. */
const lostAnswer = { kind: 'drop', afterBytes: 0 } as const;
const operation = (method: string, path: string): FaultRule => ({
  match: { method, host: '^management', path },
  action: {
    kind: 'fail-operation',
    code: 'InternalExecutionError',
    message: 'An internal execution error occurred.',
  },
});
const refuse = (method: string, path: string, times = 0): FaultRule => ({
  match: { method, host: '^management', path },
  times,
  action: { kind: 'answer', status: 409, code: 'OperationNotAllowed', message: 'Not now.' },
});

interface Case {
  readonly name: string;
  readonly faults: readonly FaultRule[];
  readonly inputs?: Readonly<Record<string, string>>;
  /** What the error line says. */
  readonly says: readonly string[];
}

describe('fails with the step, the reason and the remedy, and leaves nothing behind', () => {
  const cases: readonly Case[] = [
    {
      name: 'when a copy fails',
      faults: [{ match: copyTo('.*-os-1'), action: { kind: 'copy', end: 'failed' } }],
      inputs: byCopyBlob,
      says: ['The copy to blob "https://imageswe1', 'os-1.vhd" failed: 500 InternalServerError'],
    },
    {
      name: 'when a copy is aborted',
      faults: [{ match: copyTo('.*-os-1'), action: { kind: 'copy', end: 'aborted' } }],
      inputs: byCopyBlob,
      says: ['os-1.vhd" was aborted by somebody else'],
    },
    {
      name: 'when the blob of a copy vanishes',
      faults: [{ match: copyTo('.*-os-1'), action: { kind: 'copy', end: 'vanished' } }],
      inputs: byCopyBlob,
      says: ['os-1.vhd" vanished: the blob was deleted while it was written'],
    },
    {
      name: 'when the SAS ends during every Copy Blob',
      faults: [
        { match: copyTo('.*-os-1'), times: 0, action: { kind: 'copy', end: 'source-ended' } },
      ],
      inputs: { ...byCopyBlob, 'data-disks': 'none', replicas: '1' },
      says: ['403 AuthenticationFailed', 'set a longer "sas-duration"'],
    },
    {
      name: 'when a copy cannot start',
      faults: [
        {
          match: copyTo('.*-lun0-1'),
          action: {
            kind: 'answer',
            status: 403,
            code: 'CannotVerifyCopySource',
            message: 'Could not verify the copy source.',
          },
        },
      ],
      inputs: byCopyBlob,
      says: [
        'Could not start the copy to blob',
        'CannotVerifyCopySource (403)',
        '"allowedCopyScope"',
      ],
    },
    {
      name: 'when a snapshot fails',
      faults: [operation('PUT', '/snapshots/builder-lun5')],
      says: [
        'Could not take snapshot "builder-lun5-',
        'disk "builder-data5"',
        'InternalExecutionError',
      ],
    },
    {
      name: 'when read access is refused',
      faults: [refuse('POST', 'builder-lun0-[^/]*/beginGetAccess')],
      says: ['Could not get read access to snapshot "builder-lun0-', 'OperationNotAllowed (409)'],
    },
    {
      name: 'when the VM does not stop',
      faults: [operation('POST', '/powerOff')],
      says: ['Could not stop VM "builder"', 'InternalExecutionError'],
    },
    {
      name: 'when the deallocation fails while copies run',
      faults: [operation('POST', '/deallocate')],
      says: ['Could not deallocate VM "builder"', 'InternalExecutionError'],
    },
    {
      name: 'when the VM cannot be marked generalized',
      faults: [refuse('POST', '/generalize')],
      says: ['Could not generalize VM "builder"', 'OperationNotAllowed (409): not now.'],
    },
    {
      name: 'when the container cannot be made',
      faults: [
        {
          match: { method: 'PUT', host: 'imageswe2\\.blob', path: 'restype=container' },
          times: 0,
          action: {
            kind: 'answer',
            status: 403,
            code: 'AuthorizationFailure',
            message: 'This request is not authorized to perform this operation.',
          },
        },
      ],
      says: ['Could not make container "vhds" in storage account "imageswe2"', 'firewall'],
    },
  ];

  test.each(cases)('$name', async ({ faults, inputs, says }) => {
    await azure.setFaults(faults);
    const run = await runAction(azure, { replicas: '2', ...inputs });
    expect(run.main.exitCode).toBe(1);
    const errors = run.main.log.split('\n').filter((line) => line.startsWith('##[error]'));
    expect(errors).toHaveLength(1);
    for (const part of says) expect(errors[0]).toContain(part);
    expect(run.manifest?.succeeded).toBe(false);
    expect(run.main.summary).toContain('failed');
    expect(run.post.exitCode).toBe(0);
    await expectNothingLeft(azure);
    const { blobs } = await azure.state();
    expect(new Set(blobs.map(({ metadata }) => metadata['vmtovhd_state']))).not.toContain(
      'copying',
    );
    expectNoSecrets(run);
  });
});

test('one failed replica fails the run; the others are finished and in the outputs', async () => {
  await azure.setFaults([{ match: copyTo('.*-os-2'), action: { kind: 'copy', end: 'failed' } }]);
  const run = await runAction(azure, { ...byCopyBlob, replicas: '4', 'data-disks': 'none' });
  expect(run.main.exitCode).toBe(1);
  const uris = JSON.parse(run.main.outputs['vhd-uris'] ?? '[]') as string[];
  expect(uris.map((uri) => uri.slice(-8))).toEqual(['os-1.vhd', 'os-3.vhd', 'os-4.vhd']);
  expect(run.manifest?.failedReplicas.map(({ url }) => url.slice(-8))).toEqual(['os-2.vhd']);
  const { blobs } = await azure.state();
  expect(blobs.map(({ name }) => name.slice(-8)).sort()).toEqual([
    'os-1.vhd',
    'os-3.vhd',
    'os-4.vhd',
  ]);
  await expectNothingLeft(azure);
});

test('VHDs that were finished before the run failed stay, and are in the outputs', async () => {
  const slow = { model: { operationMs: { deallocate: 4000 } } };
  await azure.reset(buildScenario({ scenario: slow }));
  await azure.setFaults([operation('POST', '/deallocate')]);
  const run = await runAction(azure, { 'data-disks': 'none' });
  expect(run.main.exitCode).toBe(1);
  expect(run.main.log).toContain('Could not deallocate VM "builder"');
  const uris = JSON.parse(run.main.outputs['vhd-uris'] ?? '[]') as string[];
  expect(uris.map((uri) => uri.slice(-8))).toEqual(['os-1.vhd']);
  expect((await azure.state()).blobs.map(({ url }) => url)).toEqual(uris);
  await expectNothingLeft(azure);
});

test('a blob that another one has taken meanwhile is not touched', async () => {
  await azure.setFaults([{ match: copyTo('.*-os-1'), action: { kind: 'copy', end: 'replaced' } }]);
  const run = await runAction(azure, { ...byCopyBlob, 'data-disks': 'none' });
  expect(run.main.exitCode).toBe(1);
  expect(run.main.log).toContain('was replaced: somebody else wrote to the blob');
});

test('a snapshot that meets a busy disk waits for the deallocation', async () => {
  await azure.setFaults([refuse('PUT', '/snapshots/builder-os', 1)]);
  const run = await runAction(azure, { 'data-disks': 'none' });
  expect(run.main.exitCode).toBe(0);
  const calls = (await azure.calls()).filter(({ host }) => host === 'management.azure.com');
  const at = (path: RegExp, method: string): number =>
    calls.findLastIndex((call) => call.method === method && path.test(call.url));
  expect(at(/deallocate/, 'POST')).toBeLessThan(at(/snapshots\/builder-os/, 'PUT'));
  await expectNothingLeft(azure);
});

test('transient trouble is absorbed', async () => {
  await azure.setFaults([
    {
      match: { host: '^management', path: 'instanceView' },
      action: { kind: 'answer', status: 503 },
    },
    { match: { host: '^management', path: 'DiskOperations' }, action: { kind: 'drop' } },
    { match: { path: 'idtoken' }, action: { kind: 'drop' } },
    { match: { path: 'idtoken' }, nth: 2, action: { kind: 'answer', status: 500 } },
    {
      match: { method: 'PUT', host: 'blob\\.core', path: 'comp=metadata' },
      action: { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
    },
    {
      match: { host: '^management', path: 'beginGetAccess' },
      action: {
        kind: 'answer',
        status: 429,
        code: 'TooManyRequests',
        headers: { 'retry-after': '1' },
      },
    },
    {
      match: { method: 'HEAD', host: 'blob\\.core', path: 'os-1' },
      nth: 2,
      action: { kind: 'answer', status: 503 },
    },
  ]);
  const run = await runAction(azure);
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  await expectNothingLeft(azure);
});

test('a VM that ran is started again when the run fails', async () => {
  await azure.setFaults([operation('PUT', '/snapshots/builder-os')]);
  const run = await runAction(azure, { generalize: 'none', 'source-power': 'restart' });
  expect(run.main.exitCode).toBe(1);
  const { resources } = await azure.state();
  expect(JSON.stringify(resources['Microsoft.Compute/virtualMachines'])).toContain(
    'PowerState/running',
  );
  await expectNothingLeft(azure);
});

test('what cannot be closed is a warning with the az command, and post closes it', async () => {
  await azure.setFaults([
    {
      match: { method: 'DELETE', host: '^management', path: '/snapshots/builder-os' },
      action: { kind: 'answer', status: 403, code: 'AuthorizationFailed', message: 'No.' },
    },
  ]);
  const run = await runAction(azure, { 'data-disks': 'none' });
  expect(run.main.exitCode).toBe(0);
  expect(run.main.log).toMatch(
    /##\[warning\]Could not close snapshot .*az snapshot delete --ids "/,
  );
  expect(run.post.log).toContain('1 temporary resource was left open');
  await expectNothingLeft(azure);
});

describe('a run that ends in the middle', () => {
  const stalled: FaultRule = {
    match: copyTo('.*-os-1'),
    action: { kind: 'copy', end: 'stalled' },
  };
  const cases = (['SIGINT', 'SIGKILL'] as const).flatMap((signal) => [
    { signal, during: 'Copy Blob', fault: stalled, inputs: byCopyBlob },
    { signal, during: 'its pieces', fault: hangPieces('.*-os-1'), inputs: {} },
  ]);

  test.each(cases)('of $during by $signal is closed by post', async ({ signal, fault, inputs }) => {
    await azure.setFaults([fault]);
    let phases = 0;
    let child: { kill(signal: NodeJS.Signals): boolean } | undefined;
    const run = await runAction(azure, inputs, {
      onStart: (started) => {
        phases += 1;
        if (phases === 1) child = started;
      },
      onLine: (line) => {
        if (line.includes('is generalized')) child?.kill(signal);
      },
    });
    expect(run.main.exitCode).not.toBe(0);
    expect(run.post.exitCode).toBe(0);
    if (signal === 'SIGKILL') expect(run.post.log).toContain('left open');
    else expect(run.main.log).toContain('##[error]The run was cancelled');
    await expectNothingLeft(azure);
    expectNoSecrets(run);
  });
});

test('a run whose runner has gone, so that nobody reads its log, closes what it opened', async () => {
  await azure.setFaults([hangPieces('.*-os-1')]);
  let child: ChildProcess | undefined;
  const run = await runAction(
    azure,
    {},
    {
      onStart: (started) => {
        child ??= started;
      },
      onLine: (line) => {
        if (!line.includes('is generalized')) return;
        child?.stdout?.destroy();
        child?.stderr?.destroy();
      },
    },
  );
  expect(run.main.exitCode).toBe(1);
  expect(run.main.state).toMatchObject({ journal: expect.any(String) });
  expect(run.post.log).toContain('Nothing is left to close.');
  await expectNothingLeft(azure);
});

test.each([
  { name: 'once', faults: [endSas('os-1', 2)], restarts: 1 },
  { name: 'twice', faults: [endSas('os-1', 2), endSas('os-1', 5)], restarts: 2 },
  { name: 'and again before the next', faults: [endSas('os-1', 2, 3)], restarts: 2 },
])('a SAS that ends $name during a Copy Blob is granted anew', async ({ faults, restarts }) => {
  await azure.setFaults(faults);
  const run = await runAction(azure, { ...byCopyBlob, 'data-disks': 'none' });
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  expect(run.main.log.match(/It begins anew\./g)).toHaveLength(restarts);
  expect(run.main.log.match(/Read access to snapshot ".*" is renewed/g)).toHaveLength(restarts);
  await expectNothingLeft(azure);
  expectNoSecrets(run);
});

test('a copy whose start was answered into the void is found and followed', async () => {
  await azure.setFaults([{ match: copyTo('.*-os-1'), action: lostAnswer }]);
  const run = await runAction(azure, { ...byCopyBlob, 'data-disks': 'none' });
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  const struck = (await azure.calls()).filter(({ fault }) => fault !== undefined);
  expect(struck).toHaveLength(1);
  await expectNothingLeft(azure);
});

test('a grant whose answer was lost is made anew', async () => {
  await azure.setFaults([
    { match: { method: 'POST', host: '^management', path: '/beginGetAccess' }, action: lostAnswer },
  ]);
  const run = await runAction(azure, { 'data-disks': 'none' });
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  await expectNothingLeft(azure);
});

describe('an overwrite that fails', () => {
  const inputs = {
    generalize: 'none',
    'source-power': 'keep',
    'storage-accounts': 'imageswe1',
    'data-disks': 'none',
    'blob-name': 'latest-{disk}.vhd',
  };

  beforeEach(async () => {
    expect((await runAction(azure, inputs)).main.exitCode).toBe(0);
  });

  const overwrite = async (): ReturnType<typeof runAction> =>
    runAction(azure, { ...inputs, 'if-exists': 'overwrite' });

  test('while the draft is copied leaves the old VHD as it was', async () => {
    const [before] = (await azure.state()).blobs;
    const draft = 'latest-os\\.draft-[0-9a-f]*\\.vhd\\?comp=page$';
    await azure.setFaults([
      {
        match: { method: 'PUT', host: 'blob\\.core', path: draft },
        times: 0,
        action: { kind: 'answer', status: 403, code: 'AuthorizationFailure', message: 'No.' },
      },
    ]);
    const run = await overwrite();
    expect(run.main.exitCode).toBe(1);
    expect((await azure.state()).blobs).toEqual([before]);
    await expectNothingLeft(azure);
  });

  test('while it is swapped in keeps the finished draft, and says so', async () => {
    await azure.setFaults([
      { match: copyTo('latest-os'), action: { kind: 'copy', end: 'failed' } },
    ]);
    const run = await overwrite();
    expect(run.main.exitCode).toBe(1);
    expect(run.main.log).toMatch(/the finished VHD ".*draft-.*" is kept to put in its place/);
    const drafts = (await azure.state()).blobs.filter(({ name }) => name.includes('.draft-'));
    expect(drafts.map(({ metadata }) => metadata['vmtovhd_state'])).toEqual(['complete']);
  });

  test('only in the answer to the swap goes on with it', async () => {
    await azure.setFaults([{ match: copyTo('latest-os'), action: lostAnswer }]);
    const run = await overwrite();
    expect(run.main.log).not.toContain('##[error]');
    expect(run.main.exitCode).toBe(0);
    await expectNothingLeft(azure);
  });
});

test('a VM that was stopped and not deallocated is told, since it costs', async () => {
  await azure.setFaults([operation('PUT', '/snapshots/builder-os')]);
  const run = await runAction(azure, { 'data-disks': 'none' });
  expect(run.main.exitCode).toBe(1);
  expect(run.main.log).toMatch(/##\[warning\]VM "builder" was stopped .* az vm deallocate --ids "/);
});

test('post never captures, also when main ended before it saved anything', async () => {
  const workspace = await mkdtemp(join(tmpdir(), 'azure-vm-to-vhd-test-'));
  try {
    const directory = fileURLToPath(new URL('../..', import.meta.url));
    const step = { directory, workspace, inputs: usualInputs, environment: azure.environment };
    const post = await runPhase(step, 'post', {}, []);
    expect(post.exitCode).toBe(0);
    expect(post.log).toBe('The main step ended before it opened anything.');
    expect(await azure.calls()).toEqual([]);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
});
