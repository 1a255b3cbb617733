/** How the runner shows a workflow command in its log; undefined for one that it keeps to itself. */
const prefixes: Readonly<Record<string, string | undefined>> = {
  error: '##[error]',
  warning: '##[warning]',
  notice: '##[notice]',
  debug: '##[debug]',
  group: '##[group]',
  endgroup: '##[endgroup]',
};

/** Reads the output of a step as the runner does: masks secrets and renders workflow commands. */
export class JobLog {
  readonly #masks: string[] = [];
  readonly #lines: string[] = [];
  readonly #raw: string[] = [];
  readonly #showDebug: boolean;
  readonly #onLine: (line: string) => void;

  constructor(masks: readonly string[], showDebug: boolean, onLine: (line: string) => void) {
    this.#masks.push(...masks);
    this.#showDebug = showDebug;
    this.#onLine = onLine;
  }

  /** The log as a reader sees it. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Everything that was printed, but for the commands that only tell the runner a secret. */
  get raw(): string {
    return this.#raw.join('\n');
  }

  /** The secrets that the step told. */
  get masks(): readonly string[] {
    return this.#masks;
  }

  add(line: string): void {
    const command = /^::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(line);
    const name = command?.[1] ?? '';
    const text = unescape(command?.[2] ?? '');
    if (name === 'add-mask') {
      if (text !== '') this.#masks.push(text);
      return;
    }
    this.#raw.push(command === null ? line : `::${name}::${text}`);
    if (name === 'debug' && !this.#showDebug) return;
    const shown = command === null ? line : (prefixes[name] ?? `::${name}::`) + text;
    const masked = this.#masks.reduce((masked, secret) => masked.replaceAll(secret, '***'), shown);
    this.#lines.push(masked);
    this.#onLine(masked);
  }
}

function unescape(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}
