import { formatBytes, formatSeconds, MEBIBYTE } from '../units.ts';
import type { Result } from './result.ts';

/** One row of the closing table. */
export interface ReplicaRow {
  readonly disk: string;
  readonly replica: string;
  readonly account: string;
  readonly blob: string;
  readonly size: string;
  readonly time: string;
  readonly rate: string;
  readonly result: string;
}

/** A row for every replica, also the failed ones. */
export function replicaRows({ plan, capture }: Result): readonly ReplicaRow[] {
  return (capture?.outcomes ?? []).map((outcome) => {
    const { replica } = outcome;
    const disk = plan?.disks.find(({ key }) => key === replica.disk);
    const row = {
      disk: disk?.label ?? '',
      replica: String(replica.number),
      account: replica.account.name,
      blob: replica.blobName,
      size: formatBytes(disk?.sizeBytes ?? 0),
    };
    switch (outcome.kind) {
      case 'copied':
        return {
          ...row,
          time: formatSeconds(outcome.seconds),
          rate: `${(outcome.lengthBytes / MEBIBYTE / Math.max(outcome.seconds, 0.001)).toFixed(0)} MiB/s`,
          result: 'verified',
        };
      case 'adopted':
        return { ...row, time: '-', rate: '-', result: 'was there' };
      case 'failed':
        return { ...row, time: '-', rate: '-', result: 'FAILED' };
    }
  });
}

/** The rows as lines of equal columns, for the log. */
export function renderTable(rows: readonly ReplicaRow[]): readonly string[] {
  const columns = ['disk', 'replica', 'account', 'blob', 'size', 'time', 'rate', 'result'] as const;
  return alignColumns([
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => columns.map((column) => row[column])),
  ]);
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
