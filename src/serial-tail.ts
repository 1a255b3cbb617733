import { stripVTControlCharacters } from 'node:util';

const MAX_LINES = 40;
const MAX_CHARACTERS = 240;

/**
 * The last lines of a serial console, fit for the job log: without what moves a terminal's cursor, and so that the
 * runner takes none of them for a command of its own.
 */
export function serialTail(text: string): readonly string[] {
  return stripVTControlCharacters(text)
    .split(/[\r\n]+/)
    .map((line) => line.replace(/\p{Cc}/gu, ' ').trimEnd())
    .filter((line) => line !== '')
    .slice(-MAX_LINES)
    .map((line) => `| ${line.slice(0, MAX_CHARACTERS).replaceAll('##[', '## [')}`);
}
