import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { PowerShellReading } from './powershell-grammar.ts';

const grammar = join(import.meta.dirname, 'powershell-grammar.ts');

/**
 * Reads PowerShell scripts by the grammar of tree-sitter, which is WebAssembly. In a process of its own, for a flag:
 * compiling the grammar a second time, to run faster, takes seconds and keeps a process from ending.
 */
export function readPowerShell(scripts: readonly string[]): readonly PowerShellReading[] {
  const answer = execFileSync(process.execPath, ['--liftoff-only', grammar], {
    input: JSON.stringify(scripts),
    encoding: 'utf8',
  });
  return JSON.parse(answer) as readonly PowerShellReading[];
}
