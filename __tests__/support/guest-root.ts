import { execFile, spawnSync } from 'node:child_process';
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
const namespaces = ['--mount', '--uts', '--pid', '--net', '--ipc', '--fork', '--kill-child'];
const programs = ['mmdebstrap', 'unshare', 'apt-get'];

/** What one case does in a guest: shell texts for Run Command, and for what is to happen before and after. */
export interface GuestCase {
  readonly start: string;
  readonly report: string;
  readonly prepare?: string;
  readonly after?: string;
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
  /** Against the root, with what `prepare` did. */
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
  const missing = programs.filter((name) => !succeeds(name, '--version'));
  if (missing.length > 0) return `${missing.join(' and ')} must be installed`;
  if (!succeeds('grep', '-qx', 'ID=debian', '/etc/os-release')) {
    return 'the root is made of the packages of this machine, which is no Debian';
  }
  if (!succeeds('unshare', ...namespaces, 'true')) return 'namespaces are not allowed here';
  return undefined;
}

function succeeds(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
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
  const before = await listRoot(root);
  let cases = 0;
  return {
    run: (one) => runCase(root, before, join(folder, `case-${++cases}`), one),
    [Symbol.asyncDispose]: remove,
  };
}

async function build(root: string): Promise<void> {
  await execute(file('scripts/guest-root.sh'), [root], { timeout: patienceMs.build });
}

async function isolated(command: readonly string[]): Promise<void> {
  await execute('unshare', [...namespaces, ...command], {
    timeout: patienceMs.run,
    killSignal: 'SIGKILL',
  });
}

/** Everything of a root, with the contents of its files. */
async function listRoot(root: string): Promise<Listing> {
  const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 };
  const find = (...args: readonly string[]) => execute('find', ['.', '-xdev', ...args], options);
  const all = await find('-printf', '%P\t%y %m %U:%G %l\n');
  const files = await find('-type', 'f', '-exec', 'sha256sum', '--zero', '{}', '+');
  const checksums = files.stdout.replaceAll('\0', '\n');
  return readList(`${all.stdout}${checksums.replace(/^(\w+) +\.\/(.*)$/gm, '$2\t$1')}`);
}

async function runCase(
  root: string,
  before: Listing,
  folder: string,
  one: GuestCase,
): Promise<GuestOutcome> {
  await mkdir(folder);
  const parts = { start: one.start, report: one.report, prepare: one.prepare, after: one.after };
  for (const [name, text = ''] of Object.entries(parts)) {
    await writeFile(join(folder, `${name}.sh`), text);
  }
  await isolated(['sh', file('__tests__/guest/run.sh'), root, folder]);
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  return {
    start: await read('start.out'),
    report: await read('report.out'),
    prepare: await read('prepare.out'),
    after: await read('after.out'),
    calls: (await read('calls')).split(/ *\n/).filter((call) => call !== ''),
    serial: await read('serial'),
    changes: compareLists(before, readList(await read('after.list'))),
  };
}

/** A file's kind, mode, owner and link's target, and the checksum of its contents where that is known. */
interface Entry {
  readonly facts: string;
  readonly checksum: string | undefined;
}
/** By path. */
type Listing = ReadonlyMap<string, Entry>;

/** A file without a checksum afterwards is the one of before. */
function compareLists(before: Listing, after: Listing): GuestChanges {
  const isOther = (path: string): boolean => {
    const [one, other] = [before.get(path), after.get(path)];
    return one?.facts !== other?.facts || one?.checksum !== (other?.checksum ?? one?.checksum);
  };
  const isListed = (path: string): boolean => !/^\/(?:proc|run|dev|tmp)(?:\/|$)/.test(path);
  const old = [...before.keys()].filter(isListed);
  return {
    removed: withoutContents(old.filter((path) => !after.has(path))),
    added: withoutContents([...after.keys()].filter((path) => !before.has(path))),
    changed: old.filter((path) => after.has(path) && isOther(path)).sort(),
  };
}

/** Lines of a path, a tab, and what it is or else the checksum of its contents. */
function readList(text: string): Listing {
  const entries = new Map<string, Entry>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [name = '', rest = ''] = line.split('\t');
    const path = `/${name}`;
    const known = entries.get(path) ?? { facts: '', checksum: undefined };
    entries.set(
      path,
      /^\w{64}$/.test(rest) ? { ...known, checksum: rest } : { ...known, facts: rest },
    );
  }
  return entries;
}

function withoutContents(paths: readonly string[]): readonly string[] {
  const all = new Set(paths);
  return paths.filter((path) => !all.has(path.slice(0, path.lastIndexOf('/')))).sort();
}
