import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from './bundle.ts';

/** Builds the bundle anew and compares it with dist, file by file: missing, changed, and files that nothing builds. */
const root = join(import.meta.dirname, '..');
const fresh = mkdtempSync(join(tmpdir(), 'azure-vm-to-vhd-dist-'));
try {
  buildBundle(root, fresh);
  const differences = compare(fresh, join(root, 'dist'));
  for (const difference of differences) console.error(difference);
  if (differences.length > 0) {
    console.error('dist is not in step with src: run "npm run build" and commit dist.');
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function compare(built: string, committed: string): readonly string[] {
  const names = new Set([...readdirSync(built), ...readdirSync(committed)]);
  return [...names].sort().flatMap((name) => {
    const [left, right] = [read(built, name), read(committed, name)];
    if (right === undefined) return [`dist/${name} is missing`];
    if (left === undefined) return [`dist/${name} is not built from src`];
    return left.equals(right) ? [] : [`dist/${name} differs`];
  });
}

function read(directory: string, name: string): Buffer | undefined {
  return readdirSync(directory).includes(name) ? readFileSync(join(directory, name)) : undefined;
}
