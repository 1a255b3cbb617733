import { ActionError } from './errors.ts';

/** Reads one input by its name; an input that is not given is ''. */
export type ReadInput = (name: string) => string;

/** Reads inputs, and gathers what is wrong with them until `throwProblems` tells it all at once. */
export class InputReader {
  readonly #read: ReadInput;
  readonly #problems: string[] = [];

  constructor(read: ReadInput) {
    this.#read = read;
  }

  problem(input: string, rule: string, value: string): void {
    this.#problems.push(`Input "${input}" ${rule}, got "${value.replace(/\s+/g, ' ')}".`);
  }

  missing(input: string, rule: string): void {
    this.#problems.push(`Input "${input}" ${rule}, got nothing.`);
  }

  throwProblems(): void {
    const problems = [...new Set(this.#problems)];
    if (problems.length === 0) return;
    const head = problems.length === 1 ? '' : `${problems.length} problems with the inputs: `;
    throw new ActionError('input', head + problems.join(' '));
  }

  text(input: string): string {
    return this.#read(input).trim();
  }

  lines(input: string): readonly string[] {
    return this.text(input)
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }

  /** Entries on lines of their own or between commas. */
  list(input: string): readonly string[] {
    return this.lines(input)
      .flatMap((line) => line.split(','))
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  }

  choice<const T extends string>(input: string, choices: readonly [T, ...T[]], byDefault?: T): T {
    const value = this.text(input);
    if (value === '' && byDefault !== undefined) return byDefault;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    const rule = `must be ${choices.map((choice) => `"${choice}"`).join(' or ')}`;
    if (value === '') this.missing(input, rule);
    else this.problem(input, rule, value);
    return choices[0];
  }

  boolean(input: string): boolean {
    return this.choice(input, ['true', 'false'] as const, 'false') === 'true';
  }

  integer(input: string, min: number, max: number, unit = ''): number | undefined {
    const value = this.text(input);
    if (value === '') return undefined;
    const number = Number(value);
    if (!/^\d{1,9}$/.test(value) || number < min || number > max) {
      const rule = `must be a whole number from ${min} to ${max}`;
      this.problem(input, unit === '' ? rule : `${rule} (${unit})`, value);
    }
    return number;
  }

  guid(input: string): string {
    const value = this.text(input);
    if (value !== '' && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) {
      this.problem(input, 'must be a GUID', value);
    }
    return value;
  }
}
