import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Builds the bundle of the action into a folder: index.js, the chunks that it loads, post.js, sweep.js, and all
 * third-party licences.
 */
export function buildBundle(root: string, directory: string): void {
  const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
  const run = (name: string, ...options: readonly string[]): void => {
    execFileSync(bin(name), options, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  rmSync(directory, { recursive: true, force: true });
  run('ncc', 'build', 'src/index.ts', '--out', directory, '--no-cache');
  copyFileSync(join(root, 'src', 'post-step.js'), join(directory, 'post.js'));
  copyFileSync(join(root, 'src', 'sweep-step.js'), join(directory, 'sweep.js'));
  // ncc's own list of licences is empty for ES modules.
  const licences = join(directory, 'licenses.txt');
  run(
    'generate-license-file',
    '--input',
    'package.json',
    '--output',
    licences,
    '--overwrite',
    '--ci',
  );
}
