import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** What a reader of the demo sees, and how many of its checks have failed. */
export class Screen {
  #failures = 0;
  #steps = 0;
  readonly #mustHaveTools: boolean;

  constructor({ mustHaveTools }: { readonly mustHaveTools: boolean }) {
    this.#mustHaveTools = mustHaveTools;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The heading of the next part. */
  step(title: string): void {
    this.#steps += 1;
    write(`\n${paint('bold', `${this.#steps}. ${title}`)}`);
  }

  line(text: string): void {
    write(`   ${text}`);
  }

  /** Text of somebody else's, line by line. */
  quote(text: string): void {
    for (const line of text.trimEnd().split('\n')) write(paint('dim', '   | ') + line);
  }

  pass(text: string): void {
    write(`   ${paint('green', '✓')} ${text}`);
  }

  fail(text: string): void {
    this.#failures += 1;
    write(`   ${paint('red', '✗')} ${text}`);
  }

  /** Tells what a missing tool leaves out. */
  missing(tool: string, without: string): void {
    const text = `${tool} is not installed: ${without}`;
    if (this.#mustHaveTools) this.fail(`${text} CI_TOOLS=required makes this a failure.`);
    else write(`   ${paint('yellow', '-')} ${text}`);
  }

  /** The last line. */
  end(text: string): void {
    write(`\n${paint('bold', text)}`);
  }
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
