import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectScript, stateScript, sysprepScript } from '../../src/guest/windows.ts';
import { readPowerShell } from '../support/powershell.ts';

const marker = '0123456789abcdef0123456789abcdef';
const folder = join(import.meta.dirname, '../../src/guest/windows');
const files = readdirSync(folder).filter((file) => file.endsWith('.ps1'));
const inspect = inspectScript(marker);
const sysprep = sysprepScript(marker);
const state = stateScript(marker, 45);

const good: readonly (readonly [string, string])[] = [
  ...files.map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const),
  ['the whole script that inspects', inspect],
  ['the whole script that starts Sysprep', sysprep],
  ['the whole script that watches', state],
];

/** Scripts with an error, and the place of the first. */
const bad: readonly (readonly [string, number, number])[] = [
  ["Write-Output 'x'\n  )\n", 2, 3],
  ["$a = 1\nif ($a -eq 1 { 'x' }\n", 2, 1],
  ["function Read-Fact {\n  'x'\n", 2, 6],
];

/** Operators that came with PowerShell 7. */
const tooNew = ['$a = $b ?? 1', '$a ??= 1', '${a}?.b', '$a ? 1 : 2', 'a && b', 'a || b'] as const;

const scripts = [
  ...good.map(([, script]) => script),
  ...bad.map(([script]) => script),
  ...tooNew.map((script) => `${script}\n`),
];
const readings = new Map(
  readPowerShell(scripts).map((reading, at) => [scripts[at], reading] as const),
);

test('every script of the folder is read', () => {
  expect(files.sort()).toEqual(['inspect.ps1', 'report.ps1', 'state.ps1', 'sysprep.ps1']);
});

test.each(good)('%s is Windows PowerShell without an error', (_name, script) => {
  expect(readings.get(script)?.problems).toEqual([]);
});

test.each(good)('%s is ASCII: Windows PowerShell reads it in any code page', (_name, script) => {
  expect(script).toMatch(/^[\n\x20-\x7e]*$/);
});

test.each(bad)('an error is told with its line and column: %j', (script, line, column) => {
  expect(readings.get(script)?.problems[0]).toMatchObject({ line, column });
});

test.each(tooNew)('"%s" is not for Windows PowerShell 5.1', (script) => {
  expect(readings.get(`${script}\n`)?.problems).not.toEqual([]);
});

/** Commands that could change something, without the functions that the script defines. */
function changes(script: string): readonly string[] {
  const harmless =
    /^(Get|Test|Join|ConvertTo|Select|Where|ForEach|New-Object|Write-Output|Write-Verbose|Start-Sleep)/;
  const own = [...script.matchAll(/^function ([\w-]+)/gm)].map(([, name]) => name);
  const commands = readings.get(script)?.commands ?? ['not read'];
  return commands.filter((name) => !own.includes(name) && !harmless.test(name));
}

test('the scripts that inspect and watch change nothing', () => {
  expect(changes(inspect)).toEqual([]);
  expect(changes(state)).toEqual([]);
});

test('the script that starts Sysprep changes only by removing, and by the start itself', () => {
  expect(changes(sysprep)).toEqual(['Invoke-CimMethod', 'Remove-Item', 'Remove-ItemProperty']);
});
