import type { Outcome, Proof, Traffic } from '../copy/outcome.ts';
import type { PlannedDisk } from '../plan.ts';
import { formatBytes, formatCount, formatNumber, MEBIBYTE } from '../units.ts';
import { finishedReplicas, type Result } from './result.ts';

/** What the VHDs were proven to be: a line for each disk that has finished ones. */
export function renderProof(result: Result): readonly string[] {
  return (result.plan?.disks ?? []).flatMap((disk) => {
    const sentences = proofOf(result, disk);
    return sentences.length === 0 ? [] : [`${disk.label}: ${sentences.join(' ')}`];
  });
}

function proofOf(result: Result, { key }: PlannedDisk): readonly string[] {
  const finished = finishedReplicas(result, key);
  const proofs = finished.flatMap((outcome) => (outcome.kind === 'copied' ? [outcome.proof] : []));
  const checksums = proofs.filter((proof) => proof.kind !== 'copy-status');
  const byChecksum = Map.groupBy(checksums, ({ kind, crc64 }) => `${kind} ${crc64}`);
  const byStatus = proofs.length - checksums.length;
  const adopted = finished.length - proofs.length;
  return [
    ...[...byChecksum.values()].flatMap(([proof, ...others]) =>
      proof === undefined ? [] : [checksumSentence(proof, 1 + others.length)],
    ),
    ...(byStatus === 0
      ? []
      : [
          `By Copy Blob, which gives no checksum: ${formatCount(byStatus, 'VHD')}, with copy status, length, footer and page ranges as they must be.`,
        ]),
    ...(adopted === 0
      ? []
      : [`There before: ${formatCount(adopted, 'VHD')}, with length and footer as they must be.`]),
  ];
}

const ways = {
  checksums: 'combined from the checksums that the storage service gave of every range it wrote',
  'read-back': 'read back through the runner, as the source was',
};

function checksumSentence(
  { kind, crc64 }: Exclude<Proof, { kind: 'copy-status' }>,
  vhds: number,
): string {
  const same = vhds === 1 ? '' : `, the same in ${formatCount(vhds, 'VHD')}`;
  return `CRC-64 ${crc64} of the whole VHD${same}: ${ways[kind]}.`;
}

/** What the copies cost: bytes, transactions, and what empty pages saved. */
export function renderTraffic({ capture }: Result): readonly string[] {
  if (capture?.traffic === undefined) return [];
  const { outcomes, traffic } = capture;
  const resumed = sum(outcomes, (outcome) =>
    outcome.kind === 'copied' ? outcome.resumedBytes : 0,
  );
  const transactions = formatCount(traffic.putPages + traffic.otherCalls, 'transaction');
  return [
    `${formatBytes(traffic.movedBytes)} were moved, by ${transactions} on blobs, of which ${formatNumber(traffic.putPages)} Put Page From URL.`,
    ...(resumed === 0 ? [] : [`${formatBytes(resumed)} had landed in an earlier run.`]),
    ...(traffic.savedBytes === 0 ? [] : [savedSentence(outcomes, traffic.savedBytes)]),
  ];
}

/** Only of replicas that page ranges made it is known how much of them was data. */
function savedSentence(outcomes: readonly Outcome[], savedBytes: number): string {
  const wholeBytes = sum(outcomes, (outcome) =>
    outcome.kind === 'copied' && outcome.method === 'page-ranges' ? outcome.lengthBytes : 0,
  );
  return `${formatBytes(wholeBytes - savedBytes)} of ${formatBytes(wholeBytes)} were data; ${formatBytes(savedBytes)} of empty pages were neither read nor written.`;
}

function sum(outcomes: readonly Outcome[], bytesOf: (outcome: Outcome) => number): number {
  return outcomes.reduce((bytes, outcome) => bytes + bytesOf(outcome), 0);
}

/** A line of the throughput over time as a Mermaid chart, which GitHub draws; undefined for fewer than two points. */
export function renderThroughput(samples: Traffic['samples']): string | undefined {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined || samples.length < 2) return undefined;
  const rates = samples.map(({ bytesPerSecond }) => (bytesPerSecond / MEBIBYTE).toFixed(1));
  const top = Math.max(1, Math.ceil(1.1 * Math.max(...rates.map(Number))));
  // The points are drawn evenly between the ends, and the last one is lost unless whole steps lead to it.
  const begin = Math.round(first.seconds);
  const step = Math.max(1, Math.round((last.seconds - first.seconds) / (samples.length - 1)));
  return [
    '```mermaid',
    'xychart-beta',
    `  x-axis "Seconds" ${begin} --> ${begin + step * (samples.length - 1)}`,
    `  y-axis "MiB/s" 0 --> ${top}`,
    `  line [${rates.join(', ')}]`,
    '```',
  ].join('\n');
}
