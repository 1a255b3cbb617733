import type { Leak } from '../lease.ts';
import { escape } from '../report/summary.ts';
import { alignColumns } from '../report/table.ts';
import { formatSeconds } from '../units.ts';
import type { Leftover } from './decide.ts';
import type { Removal } from './remove.ts';

/** All that a sweep has to report, as far as it came. */
export interface Sweep {
  readonly leftovers: readonly Leftover[];
  readonly removals: readonly Removal[];
  /** One line; undefined for a sweep that succeeded. */
  readonly failure: string | undefined;
}

/** The runner drops a summary of more than 1 MiB whole. */
const MAX_ROWS = 200;

/** The outputs of the sub-action by name. */
export function renderSweepOutputs(sweep: Sweep): Readonly<Record<'found' | 'removed', string>> {
  const removed = sweep.removals.filter(({ isGone }) => isGone);
  return {
    found: JSON.stringify(foundBy(sweep).map(({ id }) => id)),
    removed: JSON.stringify(removed.map(({ leftover }) => leftover.id)),
  };
}

/** The table for the log. */
export function renderSweepTable(sweep: Sweep): readonly string[] {
  return alignColumns([['KIND', 'AGE', 'RESULT', 'WHAT'], ...rowsOf(sweep)]);
}

/** What could not be removed. */
export function leaksOf({ removals }: Sweep): readonly Leak[] {
  return removals.flatMap(({ leaks }) => leaks);
}

/** The job summary as Markdown. */
export function renderSweepSummary(sweep: Sweep): string {
  const { failure, removals } = sweep;
  const rows = rowsOf(sweep);
  const removed = removals.filter(({ isGone }) => isGone).length;
  const cells = rows
    .slice(0, MAX_ROWS)
    .map((row) => `| ${row.map((cell) => escape(cell)).join(' | ')} |`);
  const commands = leaksOf(sweep)
    .slice(0, MAX_ROWS)
    .map(({ reason, command }) => `- ${escape(reason)} <code>${escape(command)}</code>`);
  return [
    `## What dead runs left${failure === undefined ? '' : ': failed'}`,
    ...(failure === undefined ? [] : [`> [!CAUTION]\n> ${escape(failure)}`]),
    `**${foundBy(sweep).length}** found, **${removed}** removed.`,
    ...(rows.length === 0
      ? []
      : [['| Kind | Age | Result | What |', '| --- | ---: | --- | --- |', ...cells].join('\n')]),
    ...(rows.length > MAX_ROWS ? [`${rows.length - MAX_ROWS} more are in the log.`] : []),
    ...(commands.length === 0 ? [] : ['### Left behind', commands.join('\n')]),
  ]
    .join('\n\n')
    .concat('\n');
}

function foundBy({ leftovers }: Sweep): readonly Leftover[] {
  return leftovers.filter(({ spared }) => spared === undefined);
}

function rowsOf({ leftovers, removals }: Sweep): readonly (readonly string[])[] {
  const removalOf = new Map(removals.map((removal) => [removal.leftover, removal]));
  return leftovers.map((leftover) => [
    leftover.kind,
    leftover.ageSeconds === undefined ? '-' : formatSeconds(leftover.ageSeconds),
    resultOf(leftover, removalOf.get(leftover)),
    leftover.id,
  ]);
}

function resultOf({ spared }: Leftover, removal: Removal | undefined): string {
  if (spared !== undefined) return `left alone (${spared})`;
  if (removal === undefined) return 'found';
  if (removal.isGone) return 'removed';
  return removal.leaks.length > 0 ? 'FAILED' : 'left alone (changed meanwhile)';
}
