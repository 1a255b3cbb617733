/** Where the sequence says what happens. Lines are masked by the runner, not here. */
export interface Log {
  info(line: string): void;
  warn(line: string): void;
  debug(line: string): void;
  /** Keeps a secret out of every later line. */
  mask(secret: string): void;
  /** A folded group of lines. */
  group<T>(title: string, task: () => Promise<T>): Promise<T>;
}

/** Time, so that a test can bring its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with the signal's reason when it is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}
