import { markedLines } from './marked-lines.ts';

/** A value of a report, or the type of the error that kept the script from reading it. */
export type Fact<T> =
  | { readonly kind: 'known'; readonly value: T }
  | { readonly kind: 'unread'; readonly error: string };

/** A list that was cut to fit; `count` is how many there are. */
export interface CutList {
  readonly count: number;
  readonly names: readonly string[];
}

/**
 * The content of a script's report: the JSON behind `word`. Undefined where the report is not whole, which is so
 * when Azure cut the output or the script did not reach its end.
 */
export function readReport(
  output: string,
  marker: string,
  word: string,
): Readonly<Record<string, unknown>> | undefined {
  const lines = markedLines(output, marker);
  if (lines.at(-1) !== 'end') return undefined;
  const line = lines.findLast((text) => text.startsWith(`${word} `));
  return line === undefined ? undefined : objectFrom(line.slice(word.length + 1));
}

/** Reads one fact with the reader of its kind. */
export function factOf<T>(value: unknown, reader: (value: unknown) => T | undefined): Fact<T> {
  if (!isObject(value)) return { kind: 'unread', error: 'not reported' };
  const error = textOf(value['error']);
  if (error !== undefined) return { kind: 'unread', error };
  const read = reader(value['value']);
  return read === undefined
    ? { kind: 'unread', error: 'no value' }
    : { kind: 'known', value: read };
}

/** The value of a fact, where it was read. */
export function known<T>(fact: Fact<T>): T | undefined {
  return fact.kind === 'known' ? fact.value : undefined;
}

/** True for what JSON calls an object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text on one line, without control characters; the guest is not trusted. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.replace(/[^\x20-\x7e]+/g, ' ').trim() : undefined;
}

/** A whole number that is not negative. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** A boolean; anything else is no answer. */
export function flagOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** A list of texts. */
export function textsOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.flatMap((text) => textOf(text) ?? []) : undefined;
}

/** A list that was cut to fit. */
export function listOfFact(value: unknown): CutList | undefined {
  if (!isObject(value)) return undefined;
  const count = countOf(value['count']);
  const names = textsOf(value['names']);
  return count === undefined || names === undefined ? undefined : { count, names };
}

/** A moment in UTC, in milliseconds. */
export function momentOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/.test(value)) return undefined;
  const moment = Date.parse(value);
  return Number.isNaN(moment) ? undefined : moment;
}

function objectFrom(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
