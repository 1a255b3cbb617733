import type { FaultAction, FaultRule } from '../scenario.ts';

interface CountedRule {
  readonly rule: FaultRule;
  /** Matching calls so far. */
  count: number;
}

/** The rules in force and how often each has matched. */
export class FaultList {
  #rules: CountedRule[] = [];

  list(): readonly FaultRule[] {
    return this.#rules.map(({ rule }) => rule);
  }

  /** Puts rules in the place of those in force; every counter starts at 0. */
  replace(rules: readonly FaultRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, count: 0 }));
  }

  add(rule: FaultRule): void {
    this.#rules.push({ rule, count: 0 });
  }

  /** Counts the call with every rule that it matches; the action of the first one that it strikes. */
  strike(call: {
    readonly method: string;
    readonly host: string;
    readonly path: string;
  }): FaultAction | undefined {
    const struck = this.#rules
      .filter(({ rule }) => matches(rule.match, call))
      .filter((counted) => isDue(counted.rule, ++counted.count));
    return struck[0]?.rule.action;
  }
}

function matches(
  match: FaultRule['match'],
  call: { readonly method: string; readonly host: string; readonly path: string },
): boolean {
  if (match.method !== undefined && match.method.toUpperCase() !== call.method) return false;
  return isLike(match.host, call.host) && isLike(match.path, call.path);
}

function isLike(pattern: string | undefined, text: string): boolean {
  return pattern === undefined || new RegExp(pattern, 'i').test(text);
}

function isDue({ nth = 1, times = 1 }: FaultRule, count: number): boolean {
  return count >= nth && (times === 0 || count < nth + times);
}
