import { beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectScript, stateScript, sysprepScript } from '../../src/guest/windows.ts';
import { openPowerShellReader, type PowerShellReader } from '../support/powershell.ts';

const marker = '0123456789abcdef0123456789abcdef';
const folder = join(import.meta.dirname, '../../src/guest/windows');
const files = readdirSync(folder).filter((file) => file.endsWith('.ps1'));
const scripts = [
  ...files.map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const),
  ['the whole script that inspects', inspectScript(marker)] as const,
  ['the whole script that starts Sysprep', sysprepScript(marker)] as const,
  ['the whole script that watches', stateScript(marker, 45)] as const,
];

let reader: PowerShellReader;
beforeAll(async () => {
  reader = await openPowerShellReader();
});

test('every script of the folder is read', () => {
  expect(files.sort()).toEqual(['inspect.ps1', 'report.ps1', 'state.ps1', 'sysprep.ps1']);
});

test.each(scripts)('%s is Windows PowerShell without an error', (_name, script) => {
  expect(reader.problems(script)).toEqual([]);
});

test.each(scripts)(
  '%s is ASCII: Windows PowerShell reads it in the code page of the guest',
  (_name, script) => {
    expect(script).toMatch(/^[\n\x20-\x7e]*$/);
  },
);

test('an error is told with its line and column', () => {
  expect(reader.problems("if ($a -eq 1 { 'x' }\n")).not.toEqual([]);
  expect(reader.problems("Write-Output 'x'\n  )\n")[0]).toMatchObject({ line: 2, column: 3 });
});

test.each(['$a = $b ?? 1', '$a ??= 1', '${a}?.b', '$a ? 1 : 2', 'a && b', 'a || b'])(
  '"%s" is not for Windows PowerShell 5.1',
  (script) => {
    expect(reader.problems(`${script}\n`)).not.toEqual([]);
  },
);

describe('what the scripts run', () => {
  const harmless =
    /^(Get|Test|Join|ConvertTo|Select|Where|ForEach|New-Object|Write-Output|Write-Verbose|Start-Sleep)/;

  /** Commands that could change something, without the functions that the scripts define. */
  function changes(script: string): readonly string[] {
    const own = [...script.matchAll(/^function ([\w-]+)/gm)].map(([, name]) => name);
    return reader.commands(script).filter((name) => !own.includes(name) && !harmless.test(name));
  }

  test('the scripts that inspect and watch change nothing', () => {
    expect(changes(inspectScript(marker))).toEqual([]);
    expect(changes(stateScript(marker, 45))).toEqual([]);
  });

  test('the script that starts Sysprep changes only by removing, and by the start itself', () => {
    expect(changes(sysprepScript(marker))).toEqual([
      'Invoke-CimMethod',
      'Remove-Item',
      'Remove-ItemProperty',
    ]);
  });
});
