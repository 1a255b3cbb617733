import { expect, test } from '@jest/globals';
import { check } from '../../src/checks/check.ts';
import { each } from '../../src/concurrency.ts';
import { describe as describeError, explain, isAbort } from '../../src/errors.ts';
import { readInputs } from '../../src/inputs.ts';
import { closeLease, Leases } from '../../src/lease.ts';
import { followCopy } from '../../src/copy/copy-blob.ts';
import { blobNameProblem } from '../../src/blob-name.ts';
import { renderSummary } from '../../src/report/summary.ts';
import { renderOutputs } from '../../src/report/outputs.ts';
import { requiredPermissions } from '../../src/permissions.ts';
import * as f from '../support/facts.ts';
import { literalClock, literalJournal, literalLog } from '../support/literal-ports.ts';

const account = (name: string) => `${f.group}/providers/Microsoft.Storage/storageAccounts/${name}`;
const least: Record<string, string> = {
  'vm-id': `${f.group}/providers/Microsoft.Compute/virtualMachines/builder`,
  generalize: 'mark',
  'storage-accounts': 'imageswe1',
};
const read = (given: Record<string, string>) =>
  readInputs((name) => ({ ...least, ...given })[name] ?? '');
const problem = (given: Record<string, string>): string => {
  try {
    read(given);
    return 'nothing';
  } catch (e) {
    return (e as Error).message;
  }
};
const denied = Object.assign(new Error('The client does not have authorization.'), {
  name: 'RestError',
  code: 'AuthorizationFailed',
  statusCode: 403,
});

test('a survey that may not read snapshots is refused: the release could not close them', () => {
  const world = f.worldOf();
  const failed = { kind: 'failed', code: 'AuthorizationFailed', message: 'No.' } as const;
  const snapshots = new Map(f.layoutOf(world).disks.map(({ snapshotId }) => [snapshotId, failed]));
  expect(check(world.inputs, f.surveyOf(world, { snapshots })).map(({ level }) => level)).toContain(
    'refusal',
  );
});

test('a survey that may not read the blobs is refused', () => {
  const world = f.worldOf();
  const failed = {
    kind: 'failed',
    code: 'AuthorizationPermissionMismatch',
    message: 'No.',
  } as const;
  const blobs = new Map(f.replicasOf(f.planOf(world)).map(({ url }) => [url, failed]));
  expect(check(world.inputs, f.surveyOf(world, { blobs })).map(({ level }) => level)).toContain(
    'refusal',
  );
});

test('a release that Azure refuses is no bug of the action', async () => {
  const leak = await closeLease(
    { kind: 'snapshot', id: '/s', key: 'k' },
    () => Promise.reject(denied),
    { log: literalLog() },
  );
  expect(leak?.reason).not.toContain('This is a bug');
});

test('an error without a message of its own tells the errors inside', () => {
  const error = Object.assign(
    new AggregateError([new Error('connect ECONNREFUSED 1.2.3.4:443')], ''),
    { code: 'ECONNREFUSED' },
  );
  expect(explain('Could not x', error).message).toContain('1.2.3.4');
});

test('a wrapped error is unfolded', () => {
  expect(
    describeError(new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND a') })),
  ).toContain('ENOTFOUND');
});

test('two accounts by IDs with a last slash are two', () => {
  expect(
    problem({ 'storage-accounts': `${account('imageswe1')}/\n${account('imageswe2')}/` }),
  ).toBe('nothing');
});

test('a LUN twice, with a zero in front, is refused', () => {
  expect(problem({ 'data-disks': '1,01' })).toContain('twice');
});

test('two lines that are no tags are not told as the same tag', () => {
  expect(problem({ tags: 'one\ntwo' })).not.toContain('twice');
});

test('a value of two lines does not break the line', () => {
  expect(problem({ container: 'a\nb' })).not.toContain('\n');
});

test('disposal does not throw when the journal does, and closes the others', async () => {
  const events: string[] = [];
  const journal = {
    ...literalJournal([]),
    close: () => {
      throw new Error('ENOSPC');
    },
  };
  const leases = new Leases(
    journal,
    (lease) => {
      events.push(lease.kind);
      return Promise.resolve();
    },
    literalLog(),
  );
  await leases.hold({ kind: 'snapshot', id: '/s', key: 'k' }, () => Promise.resolve());
  await leases.hold({ kind: 'grant', id: '/s', key: 'k' }, () => Promise.resolve());
  await expect(leases[Symbol.asyncDispose]()).resolves.toBeUndefined();
  expect(events).toEqual(['grant', 'snapshot']);
});

test('a timeout is told rather than the sibling that it stopped', async () => {
  const named = (name: string) => Object.assign(new Error(name), { name });
  const work = each([1, 2], new AbortController().signal, (item, linked) =>
    item === 2
      ? Promise.reject(named('TimeoutError'))
      : new Promise((_r, reject) => {
          linked.addEventListener('abort', () => {
            reject(named('AbortError'));
          });
        }),
  );
  await expect(work).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('a SAS in the description of a copy does not reach the message', async () => {
  const copy = {
    id: 'c',
    status: 'failed',
    description: `500 reading ${f.sas}`,
    copiedBytes: 0,
  };
  const rig = {
    clock: literalClock(),
    signal: new AbortController().signal,
    runKey: 'k',
    blobs: {
      startCopy: () => Promise.resolve(''),
      blobState: () => Promise.resolve(f.blobOf('https://a/b', { copy })),
    },
  };
  const error: unknown = await followCopy(
    'https://a/b',
    'c',
    rig,
    { movedAt: 0 },
    () => undefined,
  ).catch((e: unknown) => e);
  expect(String(error)).not.toContain(f.signature);
});

test('the draft of every name that is allowed is allowed by Azure too', () => {
  const longest = `${'a'.repeat(996)}.vhd`;
  expect(blobNameProblem(longest)).toBeUndefined();
  expect(longest.replace(/\.vhd$/, '.draft-0123456789ab.vhd').length).toBeLessThanOrEqual(1024);
  expect(blobNameProblem(`a${longest}`)).toContain('at most 1000');
});

test('a summary with a thousand findings stays below 1 MiB', () => {
  const inputs = f.inputsOf({
    copies: { kind: 'replicas', count: 1000 },
    dataDisks: 'none',
    blobName: `${'ü'.repeat(300)}{replica}.vhd`,
  });
  const existing = new Map(
    f.replicasOf(f.planOf(f.worldOf({ inputs }))).map(({ url }) => [url, f.blobOf(url)]),
  );
  const world = f.worldOf({ inputs, existing });
  const findings = check(inputs, f.surveyOf(world));
  const failure = findings.map(({ message }) => message).join(' ');
  expect(
    Buffer.byteLength(
      renderSummary({
        plan: undefined,
        permissions: [],
        missing: [],
        capture: undefined,
        findings,
        phases: [],
        leaks: [],
        failure,
      }),
    ),
  ).toBeLessThan(1024 ** 2);
});

test('a finding with a link or an emphasis stays text', () => {
  const findings = [
    {
      rule: 'r',
      level: 'warning',
      message: 'lacks Microsoft.Compute/*/read and a/*/b; ![x](https://evil/x.png)',
    } as const,
  ];
  const s = renderSummary({
    plan: undefined,
    permissions: [],
    missing: [],
    capture: undefined,
    findings,
    phases: [],
    leaks: [],
    failure: undefined,
  });
  expect(s).not.toContain('![x](');
});

test('nothing is said of checks that never ran', () => {
  const s = renderSummary({
    plan: undefined,
    permissions: [],
    missing: [],
    capture: undefined,
    findings: [],
    phases: [],
    leaks: [],
    failure: 'Could not sign in.',
  });
  expect(s).not.toContain('Nothing was found.');
});

test('the manifest is an output also of a refused run', () => {
  expect(
    renderOutputs(
      {
        plan: undefined,
        permissions: [],
        missing: [],
        capture: undefined,
        findings: [],
        phases: [],
        leaks: [],
        failure: 'No.',
      },
      '/m.json',
    ),
  ).toEqual({ manifest: '/m.json' });
});

test('a set that is taken as it is does not make its running VM generalized', () => {
  const base = f.worldOf({ inputs: f.inputsOf({ ifExists: 'skip' }) });
  const existing = new Map(f.replicasOf(f.planOf(base)).map(({ url }) => [url, f.blobOf(url)]));
  const plan = f.planOf({ ...base, existing });
  expect(plan.isDone && plan.power.generalize).toBe(false);
});

test('a backtick in a blob name is shown as it is', () => {
  const plan = f.planOf(f.worldOf({ inputs: read({ 'blob-name': 'a`b-{disk}-{replica}.vhd' }) }));
  expect(renderSummary(f.resultOf(plan))).not.toContain('`a&#96;b');
});

test('a set that is there needs no rights on the VM', () => {
  const base = f.worldOf({ inputs: f.inputsOf({ ifExists: 'skip' }) });
  const existing = new Map(
    f
      .replicasOf(f.planOf(base))
      .map((r) => [
        r.url,
        f.blobOf(r.url, { lengthBytes: (r.disk === 'os' ? 8 : 4) * 1024 ** 3 + 512 }),
      ]),
  );
  const world = { ...base, existing };
  const scopes = requiredPermissions(world.inputs, world.vm, f.layoutOf(world)).map(
    ({ scope }) => scope,
  );
  const reader = {
    actions: ['*/read'],
    notActions: [],
    dataActions: ['*/read'],
    notDataActions: [],
  };
  const permissions = new Map(
    scopes.map((scope) => [scope, { kind: 'found' as const, value: [reader] }]),
  );
  expect(check(world.inputs, f.surveyOf(world, { permissions }))).toEqual([]);
});

test('a deadline of signal is an abort in every realm', () => {
  expect(isAbort(AbortSignal.abort().reason)).toBe(true);
});

test('hint for a specialized image is not az image create', () => {
  const plan = f.planOf(
    f.worldOf({ inputs: f.inputsOf({ generalize: 'none', sourcePower: 'keep' }) }),
  );
  expect(renderSummary(f.resultOf(plan))).not.toContain('az image create');
});

test('vm-id of one subscription with another subscription-id is refused', () => {
  expect(problem({ 'subscription-id': '00000000-0000-0000-0000-000000000000' })).toContain(
    'subscription-id',
  );
});

test('tenant-id alone is refused', () => {
  expect(problem({ 'tenant-id': '0d6f1a2b-7c3e-4f58-9a1d-2b3c4d5e6f70' })).toContain('tenant-id');
});
