import type { Disk, StorageAccount, VirtualMachine } from '../facts.ts';
import type { Inputs } from '../inputs.ts';
import type { Layout } from '../layout.ts';
import type { Survey } from '../survey.ts';

/** A refusal ends the run before anything is touched; a warning, or a mere note, goes to the log and the summary. */
export type Level = 'refusal' | 'warning' | 'note';

/** What a rule sees. */
export interface Facts {
  readonly inputs: Inputs;
  readonly survey: Survey;
  readonly layout: Layout;
  readonly vm: VirtualMachine | undefined;
  readonly disks: readonly Disk[];
  readonly accounts: readonly StorageAccount[];
}

/** What must hold, and what is said where it does not. */
export interface Rule {
  readonly id: string;
  /** What is looked at, as docs/checks.md tells it. */
  readonly about: string;
  readonly level: Level;
  /** Public documentation that the rule rests on. */
  readonly source: string;
  /** One message for each thing that breaks the rule: what is wrong, the object quoted, and what to do next. */
  readonly look: (facts: Facts) => readonly string[];
}
