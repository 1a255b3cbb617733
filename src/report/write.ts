import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as core from '@actions/core';
import { reasonOf } from '../errors.ts';
import { describeLeak } from '../lease.ts';
import type { Log } from '../ports.ts';
import { renderProof, renderTraffic } from './copies.ts';
import { renderManifest } from './manifest.ts';
import { renderOutputs } from './outputs.ts';
import type { Result } from './result.ts';
import { renderSummary } from './summary.ts';
import { renderTable, replicaRows } from './table.ts';

/**
 * Says what happened: outputs, closing table, proof and traffic, a warning for everything left behind, manifest and job summary. A file
 * that cannot be written (a full disk) is a warning, so that the rest is still said.
 */
export async function writeReport(result: Result, directory: string, log: Log): Promise<void> {
  const manifestPath = join(directory, 'manifest.json');
  for (const [name, value] of Object.entries(renderOutputs(result, manifestPath))) {
    core.setOutput(name, value);
  }
  const rows = replicaRows(result);
  if (rows.length > 0) for (const line of renderTable(rows)) log.info(line);
  for (const line of [...renderProof(result), ...renderTraffic(result)]) log.info(line);
  for (const leak of result.leaks) log.warn(describeLeak(leak));
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(manifestPath, renderManifest(result, new Date().toISOString()));
    if (process.env['GITHUB_STEP_SUMMARY']) {
      await core.summary.addRaw(renderSummary(result)).write();
    }
  } catch (error) {
    log.warn(`The manifest or the job summary could not be written: ${reasonOf(error)}`);
  }
}
