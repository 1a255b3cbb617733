import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The file that tells clients what to put into their environment, as lines of NAME=VALUE. */
export class EnvironmentFile {
  readonly path: string;
  #text = '';

  constructor(path: string) {
    this.path = path;
  }

  /** Removes what an earlier start has left. */
  async clear(): Promise<void> {
    await this.#explain(() => rm(this.path, { force: true }));
  }

  /** A waiting reader sees the whole file or none. */
  async write(environment: Readonly<Record<string, string>>): Promise<void> {
    const draft = `${this.path}.${process.pid}`;
    this.#text = Object.entries(environment)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
    await this.#explain(async () => {
      await mkdir(dirname(this.path), { recursive: true });
      await writeFile(draft, this.#text, { mode: 0o600 });
      await rename(draft, this.path);
    });
  }

  /** Removes what was written, unless another start has put its own in the place. */
  async remove(): Promise<void> {
    const text = await readFile(this.path, 'utf8').catch(() => undefined);
    if (text === this.#text) await rm(this.path, { force: true });
  }

  async #explain(change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`The environment cannot be written to "${this.path}": ${reason}`, {
        cause: error,
      });
    }
  }
}
