import { describe, expect, test } from '@jest/globals';
import type { DiskKey } from '../../src/layout.ts';
import { renderSummary } from '../../src/report/summary.ts';
import type { Result } from '../../src/report/result.ts';
import {
  diskOf,
  inputsOf,
  planOf,
  replicasOf,
  startedAt,
  vmOf,
  worldOf,
} from '../support/facts.ts';
import {
  partlyFailed,
  plan,
  finished,
  refused,
  adopted,
  mixed,
  copied,
  leak,
  reason,
  resultOf,
} from '../support/results.ts';

describe('the summary', () => {
  test('of a finished run says what was made, how long it took and how to go on', () => {
    const summary = renderSummary(finished);
    expect(summary).toMatch(
      /^## Image VHDs of VM <code>builder<\/code>\n\n\*\*4 of 4 VHDs\*\* are ready: 2 disk\(s\), Linux, Generalized, generation V2, Standard security, westeurope\.\n/,
    );
    expect(summary).toContain(
      '| os | 1 | imageswe1 | <code>builder-1234-os-1.vhd</code> | 8.0 GiB | 2.0 GiB | 1 min 4 s | 32 MiB/s | 3 | snapshot 75 %, replicas 25 % | verified (checksums) |',
    );
    expect(summary).toContain('### Where the 1 min 5 s went');
    expect(summary).toContain(`  Copy (1 min 4 s) :p1, ${startedAt + 500}, ${startedAt + 64_500}`);
    expect(summary).toContain('Nothing was found.');
    expect(summary).toContain(
      `--hyper-v-generation V2 --source "${replicasOf(plan)[0]?.url ?? ''}"`,
    );
    expect(summary).not.toContain('Left behind');
  });

  test('of a partly failed run begins with the failure and tells what is left behind', () => {
    const phases = [{ name: 'Copy', startedAt, endedAt: startedAt, succeeded: false }];
    const summary = renderSummary({ ...partlyFailed, phases });
    expect(summary).toMatch(
      /^## Image VHDs of VM <code>builder<\/code>: failed\n\n> \[!CAUTION\]\n> Could not copy blob/,
    );
    expect(summary).toContain('**3 of 4 VHDs** are ready');
    expect(summary).toContain(`  Copy (0.0 s) :crit, p0, ${startedAt}, ${startedAt + 1}`);
    expect(summary).toContain('### Left behind\n\n- Could not copy blob');
    expect(summary).toContain('<code>az snapshot delete --ids "/s"</code>');
    expect(summary).not.toContain('### Use it next');
  });

  test('of a refused run has the findings, and their marks do not break the table', () => {
    const summary = renderSummary(refused);
    expect(summary).toMatch(/^## Image VHDs: failed\n/);
    expect(summary).toContain(
      '| refusal | Blob name "a&#124;b&#60;c&#62;&#96;d&#96;" is bad. |\n| warning | Far away. |',
    );
    expect(summary).not.toContain('```');
    for (const line of summary.split('\n').filter((text) => text.startsWith('|'))) {
      expect(line.split('|')).toHaveLength(4);
    }
  });

  test('of an adopted set says so in every row', () => {
    expect(renderSummary(adopted).match(/\| was there \|/g)).toHaveLength(4);
  });

  test('keeps a failure of several lines inside its quote', () => {
    const summary = renderSummary({ ...refused, failure: 'One\n\n# Two' });
    expect(summary).toContain('> [!CAUTION]\n> One # Two\n');
  });

  test('has the proof of every disk, the traffic and a picture of it', () => {
    const summary = renderSummary(mixed);
    expect(summary).toContain('\n\n### Proof\n\n- os: CRC-64 0f1e2d3c4b5a6978 of the whole VHD:');
    expect(summary).toContain('\n- lun2: CRC-64 aaaaaaaaaaaaaaaa of the whole VHD: read back');
    expect(summary).toContain('\n\n### Traffic\n\n8.0 GiB were moved, by 2,100 transactions');
    expect(summary).toContain('\n\n```mermaid\nxychart-beta\n');
    expect(summary).toContain('| - | - | - | - | - | was there |');
  });

  test('has no traffic and no picture where nothing was copied', () => {
    expect(renderSummary(adopted)).not.toMatch(/### Traffic|xychart/);
    expect(renderSummary(refused)).not.toMatch(/### (Traffic|Proof)|xychart/);
  });

  test('keeps a share below one percent from becoming markup', () => {
    const outcomes = replicasOf(plan).map((replica) => copied(replica, { fromReplicas: 1 }));
    const summary = renderSummary(resultOf(plan, outcomes));
    expect(summary).toContain('| snapshot &#62;99 %, replicas &#60;1 % |');
  });
});

/** A plan of a thousand OS VHDs and nine data disks, with names that take as many bytes as they can. */
function hugePlan(character: string): ReturnType<typeof planOf> {
  const luns = Array.from({ length: 9 }, (_, lun) => lun);
  const [first] = vmOf().dataDisks;
  if (first === undefined) throw new Error('the plain VM has no data disk');
  const vm = vmOf({ dataDisks: luns.map((lun) => ({ ...first, lun, name: `data-${lun}` })) });
  const disks = new Map<DiskKey, ReturnType<typeof diskOf>>([
    ['os', diskOf('builder-os')],
    ...luns.map((lun) => [lun, diskOf(`data-${lun}`)] as const),
  ]);
  const inputs = inputsOf({
    copies: { kind: 'replicas', count: 1000 },
    blobName: `${character.repeat(980)}{disk}-{replica}.vhd`,
  });
  return planOf(worldOf({ inputs, vm, disks }));
}

describe('the summary of a thousand VHDs on ten disks', () => {
  const huge = hugePlan('ü');
  const hard = hugePlan('!');
  const long = 'long '.repeat(2000);
  const full: Result = {
    ...resultOf(huge),
    findings: Array.from({ length: 1000 }, () => ({
      rule: 'r',
      level: 'warning',
      message: '[!]'.repeat(700),
    })),
    leaks: Array.from({ length: 1000 }, () => ({ ...leak, reason: long, command: long })),
    permissions: Array.from({ length: 5000 }, (_, index) => ({
      scope: `/subscriptions/${index}/${'x'.repeat(300)}`,
      kind: 'action' as const,
      name: '*',
    })),
    phases: Array.from({ length: 1000 }, (_, index) => ({
      name: `Phase ${index}`,
      startedAt,
      endedAt: startedAt + index,
      succeeded: true,
    })),
  };
  const failures = replicasOf(huge).map((replica) => ({
    kind: 'failed' as const,
    replica,
    error: reason,
  }));

  test.each<readonly [string, Result]>([
    ['that are copied', full],
    ['that failed', { ...resultOf(huge, failures), leaks: full.leaks, failure: long.repeat(100) }],
    ['that are planned', { ...full, capture: undefined }],
    [
      'with names that are hard on Markdown',
      { ...full, plan: hard, capture: resultOf(hard).capture },
    ],
  ])('%s stays below 1 MiB', (_name, result) => {
    expect(replicasOf(huge)).toHaveLength(1009);
    const bytes = Buffer.byteLength(renderSummary(result));
    expect(bytes).toBeLessThan(1024 ** 2);
    expect(bytes).toBeGreaterThan(128 * 1024);
  });

  test('has 200 of them, and says how many there are more', () => {
    const inputs = inputsOf({ copies: { kind: 'replicas', count: 1000 }, dataDisks: 'none' });
    const summary = renderSummary(resultOf(planOf(worldOf({ inputs }))));
    expect(summary.match(/\| verified \(checksums\) \|/g)).toHaveLength(200);
    expect(summary.match(/^800 more are in the manifest\.$/gm)).toHaveLength(1);
  });

  test('has 200 of a thousand findings, permissions and leaks each', () => {
    const summary = renderSummary({
      ...full,
      capture: undefined,
      findings: full.findings.map((finding) => ({ ...finding, message: 'Short.' })),
      leaks: full.leaks.map((left) => ({ ...left, reason: 'Why.', command: 'az' })),
    });
    expect(summary.match(/^\| warning \| Short\. \|$/gm)).toHaveLength(200);
    expect(summary.match(/^- Why\. <code>az<\/code>$/gm)).toHaveLength(200);
    expect(summary.match(/^- action &#42; on /gm)).toHaveLength(200);
    expect(summary.match(/^800 more are in the manifest\.$/gm)).toHaveLength(2);
    expect(summary.match(/^4800 more are in the manifest\.$/gm)).toHaveLength(1);
  });

  test('says how many there are more also where the names are too long for 200', () => {
    const summary = renderSummary(resultOf(hard));
    const shown = summary.match(/\| verified \(checksums\) \|/g)?.length ?? 0;
    expect(shown).toBeGreaterThan(10);
    expect(shown).toBeLessThan(200);
    expect(summary).toContain(`\n\n${1009 - shown} more are in the manifest.\n`);
  });
});
