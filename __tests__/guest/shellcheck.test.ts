import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { linuxReportScript, linuxStartScript } from '../../src/guest/linux.ts';
import {
  createClientFolder,
  describeClient,
  findClient,
  runClient,
  type ClientTool,
} from '../support/client-tool.ts';

const marker = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const folder = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const folders = ['src/guest/linux', '__tests__/guest', 'scripts'].map(folder);

describeClient('shellcheck', await findClient(['shellcheck'], ['--version']), (tool) => {
  test('finds nothing in the shell scripts', async () => {
    const files = await Promise.all(
      folders.map(async (one) => (await readdir(one)).map((name) => join(one, name))),
    );
    const scripts = files.flat().filter((name) => name.endsWith('.sh'));
    expect(scripts.length).toBeGreaterThan(5);
    expect(await findings(tool, scripts)).toBe('');
  });

  test('finds nothing in what is sent to a guest', async () => {
    await using made = await createClientFolder();
    const times = { timeoutSeconds: 900, delaySeconds: 20 };
    const order = { marker, deprovisionUser: true, allowsDomainMember: true, ...times };
    const texts = { start: linuxStartScript(order), report: linuxReportScript({ marker }) };
    const paths = await Promise.all(
      Object.entries(texts).map(async ([name, text]) => {
        const path = join(made.path, `${name}.sh`);
        await writeFile(path, text);
        return path;
      }),
    );
    // The settings of the detached script stand before the first one too.
    expect(await findings(tool, ['--exclude=SC2034', ...paths])).toBe('');
  });
});

/** It fails when it finds something, and prints what. */
async function findings(tool: ClientTool, args: readonly string[]): Promise<string> {
  return runClient(tool, ['--norc', '--format=gcc', ...args]).catch((error: unknown) =>
    error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error),
  );
}
