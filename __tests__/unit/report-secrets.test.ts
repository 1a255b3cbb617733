import { describe, expect, test } from '@jest/globals';
import { ActionError } from '../../src/errors.ts';
import { renderProof, renderTraffic } from '../../src/report/copies.ts';
import { renderManifest } from '../../src/report/manifest.ts';
import { renderOutputs } from '../../src/report/outputs.ts';
import type { Result } from '../../src/report/result.ts';
import { renderSummary } from '../../src/report/summary.ts';
import { renderTable, replicaRows } from '../../src/report/table.ts';
import { replicasOf, signature } from '../support/facts.ts';
import { plan, every, resultOf } from '../support/results.ts';

const createdAt = '2026-03-01T11:00:00.000Z';

/** The manifest, read back. */
function manifestOf(result: Result): unknown {
  return JSON.parse(renderManifest(result, createdAt)) as unknown;
}

describe('secrets', () => {
  test.each(every)('no SAS is in the report of a run that is %s', (_name, result) => {
    const texts = [
      renderManifest(result, createdAt),
      renderSummary(result),
      ...Object.values(renderOutputs(result, 'm')),
      ...renderTable(replicaRows(result)),
      ...renderProof(result),
      ...renderTraffic(result),
    ];
    expect(texts.join('\n')).not.toMatch(/[?&]sig=/);
    for (const secret of [signature, decodeURIComponent(signature)]) {
      expect(texts.join('\n')).not.toContain(secret);
    }
  });

  test('an error of the action is told as it is', () => {
    const error = new ActionError('verify', 'Blob "x" is not a right VHD.');
    const outcomes = replicasOf(plan).map((replica) => ({
      kind: 'failed' as const,
      replica,
      error,
    }));
    const result = resultOf(plan, outcomes, { failure: error.message });
    expect(manifestOf(result)).toMatchObject({
      failedReplicas: [{ reason: error.message }, {}, {}, {}],
    });
  });
});
