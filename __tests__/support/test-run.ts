import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrafficPair } from '../../local-azure/edge/traffic.ts';
import { definitionsFolder, expectDefinedTraffic, linesOf } from './traffic-check.ts';

const NAME = 'TEST_RUN_FOLDER';

/** Before all test files: makes a folder that they have in common. */
export async function beginTestRun(): Promise<void> {
  process.env[NAME] = await mkdtemp(join(tmpdir(), 'azure-vm-to-vhd-tests-'));
}

/** The folder that all test files of this run of Jest have in common. */
export function testRunFolder(): string {
  const folder = process.env[NAME];
  if (folder === undefined) throw new Error(`${NAME} is not set: the tests are run by Jest.`);
  return folder;
}

const TRAFFIC = '.traffic.jsonl';

/** A new file for recorded traffic, which is held against the official definitions in the end. */
export function trafficFile(): string {
  return join(testRunFolder(), `${randomUUID()}${TRAFFIC}`);
}

/** Keeps recorded traffic for that. */
export async function keepTraffic(pairs: readonly TrafficPair[]): Promise<void> {
  await writeFile(trafficFile(), linesOf(pairs));
}

/**
 * After all test files: holds the traffic that they recorded against the official definitions, where these are there.
 * Loading them takes seconds, so it is done once.
 */
export async function endTestRun(): Promise<void> {
  const folder = testRunFolder();
  try {
    if (definitionsFolder !== undefined) await checkTraffic(folder, definitionsFolder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkTraffic(folder: string, definitions: string): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(TRAFFIC));
  if (files.length === 0) return;
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const all = join(folder, 'traffic');
  await writeFile(all, texts.join(''));
  const { checked } = await expectDefinedTraffic(definitions, all);
  const calls = Object.values(checked).reduce((sum, count) => sum + count, 0);
  const operations = Object.keys(checked).length;
  process.stdout.write(
    `${calls} calls of ${operations} operations agree with the official definitions.\n`,
  );
}
