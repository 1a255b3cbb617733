import { readFileSync } from 'node:fs';

/** Longest time that a script may watch: Run Command cannot be cancelled. */
const MAX_WAIT_SECONDS = 600;

/** A script that prints the facts of a Windows guest and changes nothing; `readWindowsFacts` reads them. */
export function inspectScript(marker: string): string {
  return assemble(marker, [], read(new URL('./windows/inspect.ps1', import.meta.url)));
}

/** A script that starts Sysprep and does not wait for it; `readSysprepStart` reads what it prints. */
export function sysprepScript(marker: string): string {
  return assemble(marker, [], read(new URL('./windows/sysprep.ps1', import.meta.url)));
}

/**
 * A script that waits for the end of Sysprep, `waitSeconds` at most, and prints how far it is;
 * `readSysprepState` reads it.
 */
export function stateScript(marker: string, waitSeconds: number): string {
  if (!Number.isInteger(waitSeconds) || waitSeconds < 0 || waitSeconds > MAX_WAIT_SECONDS) {
    throw new RangeError(
      `The seconds to wait must be a whole number from 0 to ${MAX_WAIT_SECONDS}, got "${waitSeconds}".`,
    );
  }
  const values = [`$waitSeconds = ${waitSeconds}`];
  return assemble(marker, values, read(new URL('./windows/state.ps1', import.meta.url)));
}

function assemble(marker: string, values: readonly string[], script: string): string {
  if (!/^[0-9a-f]{32}$/.test(marker)) throw new RangeError('The marker must be 32 hex digits.');
  const report = read(new URL('./windows/report.ps1', import.meta.url));
  return [`$marker = '${marker}'`, ...values, report, script].join('\n');
}

/** Lines end as in the repository, whatever git made of them on this machine. */
function read(file: URL): string {
  return readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
}
