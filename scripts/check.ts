import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Runs the checks side by side, shows what each one says when it has ended, and fails where one does. */
const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

const checks: readonly (readonly [file: string, ...options: readonly string[]])[] = [
  [bin('eslint'), '.'],
  [bin('tsc'), '-p', '.'],
  [bin('prettier'), '--check', '.'],
  [process.execPath, 'scripts/docs.ts', '--check'],
  [process.execPath, 'scripts/check-dist.ts'],
];

const passed = await Promise.all(checks.map((check) => passes(...check)));
if (passed.includes(false)) process.exitCode = 1;

async function passes(file: string, ...options: readonly string[]): Promise<boolean> {
  const child = spawn(file, options, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => printed.push(text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  process.stdout.write(Buffer.concat(printed));
  return code === 0;
}
