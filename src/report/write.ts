import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as core from '@actions/core';
import { describeLeak } from '../lease.ts';
import type { Log } from '../ports.ts';
import { renderManifest } from './manifest.ts';
import { renderOutputs } from './outputs.ts';
import type { Result } from './result.ts';
import { renderSummary } from './summary.ts';
import { renderTable, replicaRows } from './table.ts';

/** Says what happened: manifest, outputs, job summary, closing table, and a warning for everything left behind. */
export async function writeReport(result: Result, directory: string, log: Log): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const manifestPath = join(directory, 'manifest.json');
  writeFileSync(manifestPath, renderManifest(result, new Date().toISOString()));
  for (const [name, value] of Object.entries(renderOutputs(result, manifestPath))) {
    core.setOutput(name, value);
  }
  const rows = replicaRows(result);
  if (rows.length > 0) for (const line of renderTable(rows)) log.info(line);
  for (const leak of result.leaks) log.warn(describeLeak(leak));
  if (process.env['GITHUB_STEP_SUMMARY']) {
    await core.summary.addRaw(renderSummary(result)).write();
  }
}
