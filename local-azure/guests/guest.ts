import type { ScenarioEffect, ScenarioGuest } from '../scenario-guest.ts';
import { Acts } from './acts.ts';
import type { FoundAct } from './acts.ts';
import { GuestClock } from './guest-clock.ts';
import { Sandbox } from './sandbox.ts';

/** Whether the VM agent answers; absent is a VM that has none. */
export type AgentState = 'ready' | 'notReady' | 'absent';

/** How a command ended. */
export type CommandEnd =
  | { readonly kind: 'done'; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'silent' | 'preempted' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** A command that the guest has taken. */
export interface GuestCommand {
  end: CommandEnd | undefined;
}

/** What a guest does to its VM. */
export interface GuestHost {
  readonly name: string;
  readonly osType: 'Linux' | 'Windows';
  /** Of the data disks. */
  readonly luns: readonly number[];
  readonly powerOff: () => void;
  /** The system starts, and writes to its disk. */
  readonly boot: () => void;
}

/** What runs in a VM: its agent, the command that it carries, its serial console and its time. */
export class Guest {
  agent: AgentState;
  boots = 0;
  /** Whether it has ever carried one: run command leaves its handler behind. */
  hasCarried = false;
  /** Whether a run command is under way; there is only one at a time. */
  isCarrying = false;
  readonly #scenario: ScenarioGuest;
  readonly #installed: AgentState;
  readonly #host: GuestHost;
  readonly #clock: GuestClock;
  readonly #acts: Acts;
  #command: GuestCommand | undefined;

  #serial = '';
  /** Where scripts really run, from the first one on while the VM runs. */
  #sandbox: Sandbox | undefined;

  /** `installed` is how the agent is while the VM runs. */
  constructor(scenario: ScenarioGuest, installed: AgentState, host: GuestHost) {
    this.#scenario = scenario;
    this.#installed = installed;
    this.#host = host;
    this.agent = installed;
    this.#clock = new GuestClock(scenario.secondsPerLook ?? 10);
    this.#acts = new Acts(scenario.acts ?? []);
  }

  /** What its serial console has shown. */
  get serial(): string {
    return this.#serial;
  }

  look(): void {
    this.#clock.look();
  }

  settle(): void {
    this.#clock.settle();
  }

  /** Takes a script that an act is for, or that really runs; undefined for any other. */
  take(script: string): GuestCommand | undefined {
    const found = this.#acts.take(script);
    const { root } = this.#scenario;
    if (found === undefined && root === undefined) return undefined;
    const command: GuestCommand = { end: undefined };
    this.#command = command;
    this.isCarrying = true;
    this.hasCarried = true;
    if (found !== undefined) this.#play(command, found);
    else if (root !== undefined) this.#carry(command, script, root);
    this.#clock.settle();
    return command;
  }

  /** The system has started, as its kernel tells on the console. */
  greet(): void {
    const { osType } = this.#host;
    const head = osType === 'Linux' ? '[    0.000000] Linux version 6.12.0, ' : '';
    this.write(`${head}local-azure: boot ${this.boots}`);
  }

  /** The system starts; its agent is ready after a while. */
  boot(): void {
    this.boots += 1;
    this.#host.boot();
    this.greet();
    if (this.#installed === 'absent') return;
    this.agent = 'notReady';
    if (!this.#getsUp()) return;
    this.#clock.after(this.#scenario.bootSeconds ?? 20, () => {
      this.recover();
    });
    this.#clock.settle();
  }

  /** Whether the system comes up as far as its agent; its console says why not. */
  #getsUp(): boolean {
    const { bootsTo = 'ready', needsLuns = [] } = this.#scenario;
    const missing = needsLuns.filter((lun) => !this.#host.luns.includes(lun));
    for (const lun of missing) {
      this.write(`[ TIME ] Timed out waiting for device /dev/disk/azure/scsi1/lun${lun}.`);
    }
    if (missing.length > 0) this.write('You are in emergency mode.');
    return missing.length === 0 && bootsTo === 'ready';
  }

  /** The agent is as it was installed. */
  recover(): void {
    this.agent = this.#installed;
  }

  /** The power goes; `kind` says what becomes of the command. */
  halt(kind: 'silent' | 'preempted'): void {
    this.#clock.clear();
    this.#sandbox?.close();
    this.#sandbox = undefined;
    this.#end({ kind });
    this.isCarrying = false;
  }

  /** Writes a line to the serial console. */
  write(line: string): void {
    this.#serial += `${line}\n`;
  }

  #play(command: GuestCommand, found: FoundAct): void {
    const { seconds = 0, hangs = false, effects = [] } = found.act;
    if (!hangs) {
      this.#clock.after(seconds, () => {
        if (command === this.#command) this.#end(this.#judge(found));
      });
    }
    for (const effect of effects) {
      this.#clock.after(effect.afterSeconds ?? seconds, () => {
        this.#apply(effect, found.fill);
      });
    }
  }

  #carry(command: GuestCommand, script: string, root: string): void {
    this.#sandbox ??= new Sandbox(root, this.#host.name, {
      agent: (change) => {
        this.#apply({ do: change });
      },
      power: (change) => {
        this.#sandbox = undefined;
        this.#apply({ do: change });
      },
      serial: (line) => {
        this.write(line);
      },
    });
    this.#sandbox.run(script, (output) => {
      if (command !== this.#command) return;
      this.#end(this.agent === 'ready' ? { kind: 'done', ...output } : { kind: 'silent' });
    });
  }

  #judge({ act, fill }: FoundAct): CommandEnd {
    if (this.agent !== 'ready') return { kind: 'silent' };
    if (act.fails !== undefined) return { kind: 'failed', ...act.fails };
    const print = (lines: readonly string[] = []): string =>
      lines.map((line) => `${fill(line)}\n`).join('');
    return { kind: 'done', stdout: print(act.output), stderr: print(act.stderr) };
  }

  #end(end: CommandEnd): void {
    if (this.#command === undefined) return;
    this.#command.end = end;
    this.#command = undefined;
    this.isCarrying = false;
  }

  #apply({ do: what, text = '' }: ScenarioEffect, fill = (line: string): string => line): void {
    switch (what) {
      case 'stopAgent':
        this.agent = 'notReady';
        break;
      case 'startAgent':
        this.recover();
        break;
      case 'serial':
        this.write(fill(text));
        break;
      case 'reboot':
        this.#announce('reboot: Restarting system');
        this.#end({ kind: 'silent' });
        this.boot();
        break;
      case 'powerOff':
        this.#announce('reboot: Power down');
        this.#host.powerOff();
        break;
    }
  }

  /** The last words of a Linux kernel on its console. */
  #announce(line: string): void {
    if (this.#host.osType === 'Linux') this.write(line);
  }
}
