/** How the guest of a VM acts. Without it, or for a script that no act is for, run command acts out what it can. */
export interface ScenarioGuest {
  /** What scripts do, tried in order. */
  readonly acts?: readonly ScenarioAct[];
  /** Folder with the files of a Linux system, in which every script really runs that no act is for. */
  readonly root?: string;
  /** Seconds of the guest's time that pass with each look at the VM or poll of its command; 0 is the clock's time. Default: 10. */
  readonly secondsPerLook?: number;
  /** Seconds from a boot until the agent is ready. Default: 20. */
  readonly bootSeconds?: number;
  /** Whether the agent of a system that boots is ever ready. Default: ready. */
  readonly bootsTo?: 'ready' | 'never';
  /** Data disks without which it hangs in its boot, as a line in fstab makes it. Default: none. */
  readonly needsLuns?: readonly number[];
}

/** What a script does. */
export interface ScenarioAct {
  /** Regular expression over the script's text, whose named groups stand as {name} in the texts. */
  readonly script: string;
  /** How many scripts it is for. Default: all. */
  readonly times?: number;
  /** Lines that it prints. */
  readonly output?: readonly string[];
  /** Lines of its other stream. */
  readonly stderr?: readonly string[];
  /** How long the command runs. Default: 0. */
  readonly seconds?: number;
  readonly effects?: readonly ScenarioEffect[];
  /** The command never ends while the VM runs. */
  readonly hangs?: boolean;
  /** The command's operation ends as failed. */
  readonly fails?: { readonly code: string; readonly message: string };
}

/** What happens to the VM because of a script. */
export interface ScenarioEffect {
  /** From the start of the command. Default: at its end. */
  readonly afterSeconds?: number;
  readonly do: 'stopAgent' | 'startAgent' | 'powerOff' | 'reboot' | 'serial';
  /** Of `serial`: a line of the serial console. */
  readonly text?: string;
}
