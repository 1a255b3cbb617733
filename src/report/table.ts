import type { Copied, Outcome, Proof } from '../copy/outcome.ts';
import { formatBytes, formatRate, formatSeconds, formatShare } from '../units.ts';
import type { Result } from './result.ts';

/** One row of the closing table. */
export interface ReplicaRow {
  readonly disk: string;
  readonly replica: string;
  readonly account: string;
  readonly blob: string;
  readonly size: string;
  readonly moved: string;
  readonly time: string;
  /** Of the bytes that were moved, not of the disk's size. */
  readonly rate: string;
  readonly retries: string;
  /** Where its bytes came from. */
  readonly source: string;
  readonly result: string;
}

/** More rows are nobody's reading, and would fill the log and the summary. */
const MAX_ROWS = 200;

/** A row for every replica, also the failed ones, by disk and number. */
export function replicaRows({ plan, capture }: Result): readonly ReplicaRow[] {
  const disks = plan?.disks ?? [];
  const places = new Map(disks.map(({ key }, place) => [key, place]));
  const placeOf = ({ replica }: Outcome): number => places.get(replica.disk) ?? disks.length;
  return [...(capture?.outcomes ?? [])]
    .sort(
      (left, right) => placeOf(left) - placeOf(right) || left.replica.number - right.replica.number,
    )
    .map((outcome) => {
      const disk = disks[placeOf(outcome)];
      return {
        disk: disk?.label ?? '',
        replica: String(outcome.replica.number),
        account: outcome.replica.account.name,
        blob: outcome.replica.blobName,
        size: formatBytes(disk?.sizeBytes ?? 0),
        ...(outcome.kind === 'copied'
          ? copiedCells(outcome)
          : { ...noCopy, ...results[outcome.kind] }),
      };
    });
}

type CopyCells = Pick<ReplicaRow, 'moved' | 'time' | 'rate' | 'retries' | 'source' | 'result'>;

const noCopy = { moved: '-', time: '-', rate: '-', retries: '-', source: '-' };
const results = { adopted: { result: 'was there' }, failed: { result: 'FAILED' } };

const proofs: Readonly<Record<Proof['kind'], string>> = {
  checksums: 'verified (checksums)',
  'read-back': 'verified (read back)',
  'copy-status': 'verified (status, form)',
};

function copiedCells(copied: Copied): CopyCells {
  const { movedBytes, seconds } = copied;
  return {
    moved: formatBytes(movedBytes),
    time: formatSeconds(seconds),
    rate: movedBytes === 0 ? '-' : formatRate(movedBytes / Math.max(seconds, 0.001)),
    retries: String(copied.retries),
    source: sourceMix(copied),
    result: proofs[copied.proof.kind],
  };
}

/** `snapshot 62 %, replicas 38 %` of the bytes that the replica was made of. */
function sourceMix({ fromExports, fromReplicas, resumedBytes }: Copied): string {
  const parts = [
    ['snapshot', fromExports],
    ['replicas', fromReplicas],
    ['earlier run', resumedBytes],
  ] as const;
  const whole = fromExports + fromReplicas + resumedBytes;
  const mix = parts
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${formatShare(bytes, whole)}`);
  return mix.length === 0 ? '-' : mix.join(', ');
}

/** The rows that are shown, and how many are not. Of too many rows those of failed replicas come first. */
export function cutRows(rows: readonly ReplicaRow[]): {
  readonly shown: readonly ReplicaRow[];
  readonly more: number;
} {
  if (rows.length <= MAX_ROWS) return { shown: rows, more: 0 };
  const isFailed = ({ result }: ReplicaRow): boolean => result === results.failed.result;
  const sorted = [...rows.filter(isFailed), ...rows.filter((row) => !isFailed(row))];
  return { shown: sorted.slice(0, MAX_ROWS), more: rows.length - MAX_ROWS };
}

/** The rows as lines of equal columns, for the log. */
export function renderTable(rows: readonly ReplicaRow[]): readonly string[] {
  const columns = [
    'disk',
    'replica',
    'account',
    'blob',
    'size',
    'moved',
    'time',
    'rate',
    'retries',
    'source',
    'result',
  ] as const;
  const { shown, more } = cutRows(rows);
  return [
    ...alignColumns([
      columns.map((column) => column.toUpperCase()),
      ...shown.map((row) => columns.map((column) => row[column])),
    ]),
    ...(more === 0 ? [] : [`${more} more are in the manifest.`]),
  ];
}

/** Lines of cells, filled up so that their columns are even. */
export function alignColumns(lines: readonly (readonly string[])[]): readonly string[] {
  const widths = (lines[0] ?? []).map((_, index) =>
    Math.max(...lines.map((line) => line[index]?.length ?? 0)),
  );
  return lines.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
