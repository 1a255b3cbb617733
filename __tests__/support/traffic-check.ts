import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrafficPair } from '../../local-azure/edge/traffic.ts';
import type { TrafficReport } from './check-traffic.ts';

const program = fileURLToPath(new URL('check-traffic.ts', import.meta.url));

/** Folder of the official API definitions, in the layout of https://github.com/Azure/azure-rest-api-specs; undefined where there is none. */
export const definitionsFolder = findFolder(process.env['AZURE_SPECS_DIR']);

function findFolder(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(join(path, 'specification')) ? path : undefined;
}

/** Checks a file of recorded traffic against the official definitions, in a process of its own. */
export async function checkTrafficFile(folder: string, file: string): Promise<TrafficReport> {
  // The environment of the tests leads to a local Azure that may be gone.
  const child = spawn(process.execPath, [program, folder, file], { env: {} });
  const printed: Buffer[] = [];
  const failed: Buffer[] = [];
  child.stdout.on('data', (text: Buffer) => printed.push(text));
  child.stderr.on('data', (text: Buffer) => failed.push(text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return JSON.parse(Buffer.concat(printed).toString()) as TrafficReport;
  throw new Error(`The traffic could not be checked:\n${Buffer.concat(failed).toString()}`);
}

/** Throws with everything that the official definitions do not allow in a file of recorded traffic. */
export async function expectDefinedTraffic(folder: string, file: string): Promise<TrafficReport> {
  const report = await checkTrafficFile(folder, file);
  if (report.findings.length === 0) return report;
  const list = report.findings.map((finding) => `- ${finding}`).join('\n');
  throw new Error(`The local Azure departs from the official definitions:\n${list}`);
}

/** Throws with everything that the official definitions do not allow in calls and their answers. */
export async function expectDefinedPairs(
  folder: string,
  pairs: readonly TrafficPair[],
): Promise<TrafficReport> {
  const temporary = await mkdtemp(join(tmpdir(), 'local-azure-test-'));
  try {
    const file = join(temporary, 'traffic.jsonl');
    await writeFile(file, linesOf(pairs));
    return await expectDefinedTraffic(folder, file);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Pairs as a file of recorded traffic has them. */
export function linesOf(pairs: readonly TrafficPair[]): string {
  return pairs.map((pair) => `${JSON.stringify(pair)}\n`).join('');
}
