import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';

const execute = promisify(execFile);
/** A guest that has not come to its end after this is stuck, and a root that is not made by then will not be. */
const patienceMs = { run: 60_000, build: 300_000 };

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const programs = ['mmdebstrap', 'unshare', 'apt-get'];

/** What one case does in a guest: shell texts for Run Command, and for what is to happen before and after. */
export interface GuestCase {
  readonly start: string;
  readonly report: string;
  readonly prepare?: string;
  readonly after?: string;
  /** Whether all files are compared, which takes some seconds. */
  readonly isCompared?: boolean;
}

/** What a case left. */
export interface GuestOutcome {
  readonly start: string;
  readonly report: string;
  readonly prepare: string;
  readonly after: string;
  /** Calls of what was replaced, such as `poweroff`. */
  readonly calls: readonly string[];
  readonly serial: string;
  readonly changes: GuestChanges;
}

/** Paths; of a folder that is gone or new as a whole only the folder. */
export interface GuestChanges {
  readonly removed: readonly string[];
  readonly added: readonly string[];
  /** Those whose contents, kind, mode, owner or link's target are others. */
  readonly changed: readonly string[];
}

/** A guest's root on disk. A case runs on a copy of it. */
export interface GuestRoot extends AsyncDisposable {
  readonly run: (one: GuestCase) => Promise<GuestOutcome>;
}

/** Why no guest can be made here; undefined where it can. */
function findObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'namespaces and mounts need root';
  const missing = programs.filter((name) => !isInstalled(name));
  if (missing.length > 0) return `${missing.join(' and ')} must be installed`;
  if (!/^ID=debian$/m.test(releaseText())) return 'the root is made of the packages of a Debian';
  return undefined;
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function releaseText(): string {
  return execFileSync('cat', ['/etc/os-release'], { encoding: 'utf8' });
}

/** Describes tests of a real guest; skipped with the reason in the name, but required in CI (`CI_TOOLS=required`). */
export function describeGuest(name: string, tests: () => void): void {
  const obstacle = findObstacle();
  if (obstacle === undefined) {
    describe(name, tests);
  } else if (process.env['CI_TOOLS'] === 'required') {
    throw new Error(`${name} is required here and cannot be made: ${obstacle}.`);
  } else {
    describe.skip(`${name} (skipped: ${obstacle})`, tests);
  }
}

/**
 * Makes a used guest: Debian with the real waagent, cloud-init and sshd, populated by __tests__/guest/populate.sh.
 * `GUEST_ROOT` names a folder that has a fresh root already (scripts/guest-root.sh), for quick repetition.
 */
export async function createGuestRoot(): Promise<GuestRoot> {
  const folder = await mkdtemp(join(tmpdir(), 'guest-root-'));
  const root = join(folder, 'root');
  const given = process.env['GUEST_ROOT'];
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    if (given === undefined) await build(root);
    else await execute('cp', ['-a', given, root]);
    await isolated([
      'chroot',
      root,
      'sh',
      '-c',
      await readFile(file('__tests__/guest/populate.sh'), 'utf8'),
    ]);
  } catch (error) {
    await remove();
    throw error;
  }
  let cases = 0;
  return {
    run: (one) => runCase(root, join(folder, `case-${++cases}`), one),
    [Symbol.asyncDispose]: remove,
  };
}

async function build(root: string): Promise<void> {
  await execute(file('scripts/guest-root.sh'), [root], { timeout: patienceMs.build });
}

async function isolated(command: readonly string[]): Promise<void> {
  const namespaces = ['--mount', '--uts', '--pid', '--net', '--ipc', '--fork', '--kill-child'];
  await execute('unshare', [...namespaces, ...command], {
    timeout: patienceMs.run,
    killSignal: 'SIGKILL',
  });
}

async function runCase(root: string, folder: string, one: GuestCase): Promise<GuestOutcome> {
  await mkdir(folder);
  const parts = { start: one.start, report: one.report, prepare: one.prepare, after: one.after };
  for (const [name, text = ''] of Object.entries(parts)) {
    await writeFile(join(folder, `${name}.sh`), text);
  }
  if (one.isCompared === true) await writeFile(join(folder, 'listed'), '');
  await isolated(['sh', file('__tests__/guest/run.sh'), root, folder]);
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  return {
    start: await read('start.out'),
    report: await read('report.out'),
    prepare: await read('prepare.out'),
    after: await read('after.out'),
    calls: (await read('calls')).split(/ *\n/).filter((call) => call !== ''),
    serial: await read('serial'),
    changes:
      one.isCompared === true
        ? compareLists(await read('before.list'), await read('after.list'))
        : { removed: [], added: [], changed: [] },
  };
}

function compareLists(beforeText: string, afterText: string): GuestChanges {
  const before = readList(beforeText);
  const after = readList(afterText);
  const common = [...before.keys()].filter((path) => after.has(path));
  return {
    removed: withoutContents([...before.keys()].filter((path) => !after.has(path))),
    added: withoutContents([...after.keys()].filter((path) => !before.has(path))),
    changed: common.filter((path) => before.get(path) !== after.get(path)).sort(),
  };
}

/** Path to everything that is compared. A file has two lines: of what it is, and of its contents. */
function readList(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [name = '', facts = ''] = line.split('\t');
    const path = `/${name}`;
    entries.set(path, `${entries.get(path) ?? ''}|${facts}`);
  }
  return entries;
}

function withoutContents(paths: readonly string[]): readonly string[] {
  const all = new Set(paths);
  return paths.filter((path) => !all.has(path.slice(0, path.lastIndexOf('/')))).sort();
}
