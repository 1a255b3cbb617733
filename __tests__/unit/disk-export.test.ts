import { describe, expect, test } from '@jest/globals';
import { DiskExport, type ExportRig } from '../../src/copy/disk-export.ts';
import { Leases } from '../../src/lease.ts';
import { group, sas, signature } from '../support/facts.ts';
import { literalClock, literalJournal, literalLog } from '../support/literal-ports.ts';

const id = `${group}/providers/Microsoft.Compute/snapshots/builder-os-k`;
const start = Date.UTC(2026, 2, 1, 10);
const conflict = Object.assign(new Error('Busy.'), { statusCode: 409, code: 'Conflict' });
const refusal = Object.assign(new Error('No.'), { statusCode: 403, code: 'AuthorizationFailed' });

/** What a grant answers: a SAS or an error. */
type Grant = string | Error;

/** A rig whose grants answer this, one after the other, and what was asked of Azure in its order. */
function rigOf(grants: readonly Grant[], overrides: Partial<ExportRig> = {}) {
  const events: string[] = [];
  const clock = literalClock(start);
  const log = literalLog();
  let at = 0;
  const rig: ExportRig = {
    compute: {
      grantRead: (snapshotId, seconds) => {
        events.push(`grant ${snapshotId.split('/').at(-1) ?? ''} ${seconds}`);
        const grant = grants[at++];
        return grant instanceof Error ? Promise.reject(grant) : Promise.resolve(grant ?? '');
      },
      revokeAccess: () => Promise.resolve(void events.push('revoke')),
      tagSnapshot: (_, tags) => {
        events.push(`tag ${JSON.stringify(tags)}`);
        return Promise.resolve({ id, uniqueId: 'u', tags });
      },
    },
    leases: new Leases(literalJournal(events), () => Promise.resolve(), log),
    log,
    clock,
    signal: new AbortController().signal,
    runKey: 'k',
    sasDurationInSeconds: 24 * 3600,
    tags: { team: 'images' },
    ...overrides,
  };
  return { rig, events, clock, log };
}

const other = sas.replace('si=lease', 'si=second');
const lease = JSON.stringify({ kind: 'grant', id, key: 'k' });

describe('an export', () => {
  test('is granted under its lease, and its SAS is masked whole and in its parts', async () => {
    const { rig, events, log } = rigOf([sas]);
    const opened = await DiskExport.open(id, rig);
    expect(events).toEqual([`open ${lease}`, 'grant builder-os-k 86400']);
    expect(opened).toMatchObject({ name: 'builder-os-k', sas, snapshotId: id });
    expect(opened.endsAt).toBe(start + 24 * 3600_000);
    expect(log.lines).toEqual([
      `mask: ${sas}`,
      `mask: ${signature}`,
      `mask: ${decodeURIComponent(signature)}`,
    ]);
  });

  test('that is open already is closed and opened again', async () => {
    const { rig, events } = rigOf([conflict, conflict, sas]);
    await DiskExport.open(id, rig);
    const grant = 'grant builder-os-k 86400';
    expect(events.slice(1)).toEqual([grant, 'revoke', grant, 'revoke', grant]);
  });

  test.each([
    {
      name: 'refused',
      grants: [refusal],
      says: 'Could not get read access to snapshot "builder-os-k": AuthorizationFailed (403): No.',
    },
    {
      name: 'no https address',
      grants: ['ftp://x?sig=abc'],
      says: 'The SAS of snapshot "builder-os-k" is not an https address.',
    },
  ])('that is $name fails with a sentence, its lease still held', async ({ grants, says }) => {
    const { rig, events } = rigOf(grants);
    const failure: unknown = await DiskExport.open(id, rig).catch((error: unknown) => error);
    expect((failure as Error).message.toLowerCase()).toContain(says.toLowerCase());
    expect(events).not.toContain(`close ${lease}`);
  });
});

describe('an export is due', () => {
  test.each([
    { life: 24 * 3600, passed: 24 * 3600 - 15 * 60, due: false },
    { life: 24 * 3600, passed: 24 * 3600 - 15 * 60 + 1, due: true },
    { life: 400, passed: 300, due: false },
    { life: 400, passed: 301, due: true },
  ])('after $passed of $life seconds: $due', async ({ life, passed, due }) => {
    const { rig, clock } = rigOf([sas], { sasDurationInSeconds: life });
    const opened = await DiskExport.open(id, rig);
    await clock.sleep(passed * 1000, rig.signal);
    expect(opened.isDue).toBe(due);
  });

  test('not as long as a Copy Blob reads it', async () => {
    const { rig, clock } = rigOf([sas]);
    const opened = await DiskExport.open(id, rig);
    await clock.sleep(25 * 3600_000, rig.signal);
    const lent = await opened.lend((secret) => Promise.resolve([secret, opened.isDue]));
    expect(lent).toEqual([sas, false]);
    expect(opened.isDue).toBe(true);
    await expect(opened.lend(() => Promise.reject(refusal))).rejects.toBe(refusal);
    expect(opened.isDue).toBe(true);
  });
});

describe('a renewal', () => {
  test('revokes, grants anew, and moves the expiry of the snapshot', async () => {
    const { rig, events, clock, log } = rigOf([sas, other]);
    const opened = await DiskExport.open(id, rig);
    await clock.sleep(3600_000, rig.signal);
    await opened.renew(sas);
    expect(opened.sas).toBe(other);
    expect(opened.endsAt).toBe(start + 25 * 3600_000);
    expect(events.slice(2)).toEqual([
      'revoke',
      'grant builder-os-k 86400',
      `tag ${JSON.stringify({
        team: 'images',
        'vm-to-vhd-expires': new Date(start + 25 * 3600_000).toISOString(),
      })}`,
    ]);
    expect(log.lines).toContain(`mask: ${other}`);
    expect(log.lines.at(-1)).toMatch(
      /^info: Read access to snapshot "builder-os-k" is renewed for 24 h/,
    );
  });

  test('is one for all who ask at once, and none for who comes late', async () => {
    const { rig, events } = rigOf([sas, other]);
    const opened = await DiskExport.open(id, rig);
    await Promise.all([opened.renew(sas), opened.renew(sas), opened.renew(sas)]);
    await opened.renew(sas);
    expect(events.filter((event) => event === 'revoke')).toHaveLength(1);
    expect(opened.sas).toBe(other);
  });

  test('that fails says so to all, and can be tried again', async () => {
    const { rig } = rigOf([sas, refusal, other]);
    const opened = await DiskExport.open(id, rig);
    const says = /^Could not renew read access to snapshot "builder-os-k": AuthorizationFailed/;
    const tries = [opened.renew(sas), opened.renew(sas)];
    for (const tried of tries) await expect(tried).rejects.toThrow(says);
    expect(opened.sas).toBe(sas);
    await opened.renew(sas);
    expect(opened.sas).toBe(other);
  });

  test('goes through where the expiry cannot be told', async () => {
    const { rig, log } = rigOf([sas, other]);
    const compute = { ...rig.compute, tagSnapshot: () => Promise.reject(refusal) };
    const opened = await DiskExport.open(id, { ...rig, compute });
    await opened.renew(sas);
    expect(opened.sas).toBe(other);
    expect(log.lines.join('\n')).toContain('keeps its old expiry');
  });
});
