import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('sandbox.sh', import.meta.url));
const service = new URL('service.sh', import.meta.url);
const namespaces = ['--mount', '--uts', '--ipc', '--pid', '--net'];

/** What happens in a sandbox. */
export interface SandboxEvents {
  readonly agent: (change: 'startAgent' | 'stopAgent') => void;
  /** The guest ends or starts anew; its processes are gone. */
  readonly power: (change: 'powerOff' | 'reboot') => void;
  readonly serial: (line: string) => void;
}

/** What a script has printed to its end. */
export interface SandboxOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Throws where no script can run in a folder: for want of rights, of programs or of the folder. */
export function requireSandbox(root: string): void {
  const reason = findHindrance(root);
  if (reason !== undefined) {
    throw new Error(`Scripts cannot run in the root "${root}": ${reason}.`);
  }
}

function findHindrance(root: string): string | undefined {
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) return 'it is no folder';
  if (lstatSync(join(root, 'bin/sh'), { throwIfNoEntry: false }) === undefined) {
    return 'it has no /bin/sh';
  }
  if (process.platform !== 'linux') return 'that takes Linux';
  if (process.getuid?.() !== 0) return 'that takes the rights of root';
  const tried = spawnSync('unshare', [...namespaces, '--fork', '--kill-child', 'true']);
  if (tried.error !== undefined) return `unshare does not run: ${tried.error.message}`;
  return tried.status === 0 ? undefined : `unshare: ${tried.stderr.toString().trim()}`;
}

/** A folder with the files of a Linux system, in which scripts really run, in namespaces of their own. */
export class Sandbox {
  readonly #events: SandboxEvents;
  readonly #work = mkdtempSync(join(tmpdir(), 'local-azure-guest-'));
  readonly #key = randomBytes(8).toString('hex');
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<string, (output: SandboxOutput) => void>();
  #count = 0;
  #isClosed = false;
  #said = '';

  constructor(root: string, hostName: string, events: SandboxEvents) {
    this.#events = events;
    const stub = readFileSync(service, 'utf8').replace('KEY', this.#key);
    writeFileSync(join(this.#work, 'service'), stub);
    const args = ['--fork', '--kill-child', 'sh', program, root, this.#work, hostName, this.#key];
    this.#child = spawn('unshare', [...namespaces, ...args]);
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#hear(line);
    });
    this.#child.stderr.on('data', (text: Buffer) => (this.#said += text.toString()));
    // A sandbox that is gone takes no more scripts; its end says why.
    this.#child.stdin.on('error', () => undefined);
    this.#child.on('close', (_code, signal) => {
      this.#leave(signal);
    });
  }

  /** Runs a script; `end` gets what it printed, unless the sandbox ends before. */
  run(script: string, end: (output: SandboxOutput) => void): void {
    const number = `${this.#count++}`;
    writeFileSync(join(this.#work, number), script);
    this.#waiting.set(number, end);
    this.#child.stdin.write(`${number}\n`);
  }

  /** Ends every process in it. */
  close(): void {
    this.#isClosed = true;
    this.#child.kill('SIGKILL');
  }

  #hear(line: string): void {
    if (this.#isClosed) return;
    const [head, key, word = '', number = ''] = line.split(' ');
    if (head !== 'local-azure' || key !== this.#key) {
      this.#events.serial(line);
    } else if (word === 'ended') {
      const read = (stream: string): string =>
        readFileSync(join(this.#work, `${number}.${stream}`), 'utf8');
      this.#waiting.get(number)?.({ stdout: read('stdout'), stderr: read('stderr') });
      this.#waiting.delete(number);
    } else if (word === 'startAgent' || word === 'stopAgent') {
      this.#events.agent(word);
    } else if (word === 'powerOff' || word === 'reboot') {
      this.close();
      this.#events.power(word);
    }
  }

  /** The kernel ends a PID namespace whose process powers off with SIGINT, one that it restarts with SIGHUP: reboot(2). */
  #leave(signal: NodeJS.Signals | null): void {
    rmSync(this.#work, { recursive: true, force: true });
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#said !== '') this.#events.serial(`local-azure: ${this.#said.trim()}`);
    this.#events.power(signal === 'SIGHUP' ? 'reboot' : 'powerOff');
  }
}
