import type { IncomingHttpHeaders } from 'node:http';
import { parseRangeHeader } from '../blobs/http-range.ts';
import { drawShare } from '../draw.ts';
import type { FaultAction, FaultMatch, FaultRule } from '../scenario.ts';

interface CountedRule {
  readonly rule: FaultRule;
  /** Matching calls so far. */
  count: number;
  /** Calls that it has struck. */
  struck: number;
  isOver: boolean;
}

/** A call as the rules see it. */
interface SeenCall {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** The rules in force and how often each has matched. */
export class FaultList {
  #rules: CountedRule[] = [];

  list(): readonly FaultRule[] {
    return this.#rules.map(({ rule }) => rule);
  }

  /** Puts rules in the place of those in force; every counter starts at 0. */
  replace(rules: readonly FaultRule[]): void {
    this.#rules = rules.map(startCounting);
  }

  add(rule: FaultRule): void {
    this.#rules.push(startCounting(rule));
  }

  /** Counts the call with every rule that it matches; the action of the first one that it strikes. */
  strike(call: SeenCall): FaultAction | undefined {
    const struck = this.#rules.filter((counted) => countCall(counted, call));
    return struck[0]?.rule.action;
  }
}

function startCounting(rule: FaultRule): CountedRule {
  return { rule, count: 0, struck: 0, isOver: false };
}

/** Counts a call where it matches; tells whether the rule strikes it. */
function countCall(counted: CountedRule, call: SeenCall): boolean {
  const { match, until } = counted.rule;
  if (typeof until === 'object' && matches(until, call)) counted.isOver = true;
  if (counted.isOver || !matches(match, call)) return false;
  counted.count += 1;
  if (until === counted.count) counted.isOver = true;
  if (!isDue(counted)) return false;
  counted.struck += 1;
  return true;
}

function matches(match: FaultMatch, call: SeenCall): boolean {
  if (match.method !== undefined && match.method.toUpperCase() !== call.method) return false;
  if (match.longerThan !== undefined && lengthOf(call) <= match.longerThan) return false;
  return (
    isLike(match.host, call.host) &&
    isLike(match.path, call.path) &&
    Object.entries(match.headers ?? {}).every(([name, pattern]) => {
      const value = call.headers[name.toLowerCase()];
      return value !== undefined && isLike(pattern, String(value));
    })
  );
}

/** Bytes of the range that a call names; of the whole when it names none. */
function lengthOf({ headers }: SeenCall): number {
  const range = parseRangeHeader(headers['x-ms-range'] ?? headers.range);
  return range === undefined ? Infinity : range.end - range.start;
}

function isLike(pattern: string | undefined, text: string): boolean {
  return pattern === undefined || new RegExp(pattern, 'i').test(text);
}

function isDue({ rule, count, struck }: CountedRule): boolean {
  const { nth = 1, rate = 1, times = rate < 1 ? 0 : 1, seed = 0 } = rule;
  return count >= nth && (times === 0 || struck < times) && drawShare(seed, String(count)) < rate;
}
