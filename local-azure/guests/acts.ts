import type { ScenarioAct } from '../scenario-guest.ts';

/** A script that an act is for, with the texts as they stand for it. */
export interface FoundAct {
  readonly act: ScenarioAct;
  /** A text with what the groups have matched. */
  readonly fill: (text: string) => string;
}

/** The acts of a guest, each for as many scripts as it says. */
export class Acts {
  readonly #acts: readonly { readonly act: ScenarioAct; readonly pattern: RegExp }[];
  readonly #used = new Map<ScenarioAct, number>();

  constructor(acts: readonly ScenarioAct[]) {
    this.#acts = acts.map((act) => ({ act, pattern: new RegExp(act.script, 'm') }));
  }

  /** Takes the first act that is for a script. */
  take(script: string): FoundAct | undefined {
    for (const { act, pattern } of this.#acts) {
      const used = this.#used.get(act) ?? 0;
      if (used >= (act.times ?? Infinity)) continue;
      const match = pattern.exec(script);
      if (match === null) continue;
      this.#used.set(act, used + 1);
      return { act, fill: filler(match.groups ?? {}) };
    }
    return undefined;
  }
}

function filler(groups: Readonly<Record<string, string>>): (text: string) => string {
  return (text) => text.replace(/\{(\w+)\}/g, (whole, name: string) => groups[name] ?? whole);
}
