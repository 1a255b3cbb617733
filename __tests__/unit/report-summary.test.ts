import { describe, expect, test } from '@jest/globals';
import { renderSummary } from '../../src/report/summary.ts';
import { inputsOf, planOf, replicasOf, resultOf, startedAt, worldOf } from '../support/facts.ts';
import { partlyFailed, plan, finished, refused, adopted } from '../support/results.ts';

describe('the summary', () => {
  test('of a finished run says what was made, how long it took and how to go on', () => {
    const summary = renderSummary(finished);
    expect(summary).toMatch(
      /^## Image VHDs of VM <code>builder<\/code>\n\n\*\*4 of 4 VHDs\*\* are ready: 2 disk\(s\), Linux, Generalized, generation V2, Standard security, westeurope\.\n/,
    );
    expect(summary).toContain(
      '| os | 1 | imageswe1 | <code>builder-1234-os-1.vhd</code> | 8.0 GiB | 1 min 4 s | 128 MiB/s | verified |',
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

  test('of a thousand VHDs with long names stays below 1 MiB, and says what it leaves out', () => {
    const inputs = inputsOf({
      copies: { kind: 'replicas', count: 1000 },
      dataDisks: 'none',
      blobName: `${'ü'.repeat(500)}{replica}.vhd`,
    });
    const summary = renderSummary(resultOf(planOf(worldOf({ inputs }))));
    expect(Buffer.byteLength(summary)).toBeLessThan(1024 ** 2);
    expect(summary.match(/\| verified \|/g)).toHaveLength(200);
    expect(summary.match(/^800 more are in the manifest\.$/gm)).toHaveLength(1);
  });
});
