import { renderAims } from './aims.ts';
import type { CancelledRun } from './cancel.ts';
import type { OneDisk } from './one-disk.ts';
import type { ReplicaRun, Replicas, SimulatedRun } from './replicas.ts';
import type { Machine, Measured, Results } from './results.ts';
import { renderTable } from './table.ts';

/** The page of the benchmarks, as Markdown. */
export function renderPage(results: Results): string {
  const { capacity, 'one-disk': oneDisk, replicas, 'control-plane': control } = results;
  const { cancel, runner } = results;
  return [
    intro,
    renderAims(results),
    scaling,
    oneDisk && ['## One disk', renderOneDisk(oneDisk.result), source(oneDisk)],
    replicas && ['## Replicas', renderReplicas(replicas.result), source(replicas)],
    control && ['## Control plane', renderControl(control.result), source(control)],
    cancel && ['## Cancel', renderCancel(cancel.result), source(cancel)],
    runner && ['## Runner', renderRunner(runner.result), source(runner)],
    capacity && ['## The local Azure itself', renderCapacity(capacity), source(capacity)],
    repeat,
  ]
    .flat()
    .filter((part) => part !== undefined)
    .join('\n\n');
}

const intro = `# Benchmarks

Measured on the [local Azure](local-azure.md) with its model of Azure on, not on Azure: what counts are the ratios, between contestants in one run, and to the limit of the model. This page is written by \`npm run bench\`; [benchmarks.json](benchmarks.json) has the figures behind it.`;

const scaling = `## How it is scaled

Bytes, and bytes per second, are 64 times fewer than in Azure: a piece of 4 MiB is one of 64 KiB here, and a blob that carries 60 MiB/s, which is 15 pieces a second, carries 15 pieces a second here too. Times are not scaled: latency, operations, polls and the start-up of programs take as long as they take in the model or on this machine, for all contestants alike. Where the sum of the rates of all blobs and exports would be more than a quarter of what the local Azure was measured to carry just before, in pieces a second, they are all lowered until it is not, which is said where it happens.

| The model               | Figure                                                                                        |
| ----------------------- | --------------------------------------------------------------------------------------------- |
| Blob, disk export       | 60 MiB/s and 500 requests/s each; reads and writes of a blob share them                       |
| Beyond that             | 503 with \`Retry-After: 1\`: by chance from a queue of 1 second on, always beyond 2 seconds      |
| Account                 | 25 Gbit/s, 20,000 requests/s                                                                  |
| A call for pages        | 80 ms at p50, 400 ms at p99                                                                   |
| Copy Blob               | 40 MiB/s, one after another in an account, out of the budgets of what it reads and writes     |
| Copy Blob in an account | 5 s at p50, 90 s at p99                                                                       |
| Resource Manager        | 100 ms a call; powerOff 9 s, deallocate 33 s, snapshot 0.7 s, access 0.2 s, end of it 0.2 s, delete 0.2 s |

Their sources are in [scenario.schema.json](../local-azure/scenario.schema.json); the 100 ms are an assumption. What Azure does not tell, such as whether reads and writes share a budget, is varied below.`;

const repeat = `## Repeat

\`\`\`console
scripts/install-clients.sh
npm run bench
npm run bench -- replicas control-plane
\`\`\`

The first line installs the peers; what is not installed is left out. The last measures some parts anew and leaves the others as they are on this page. Nothing else should run on the machine.`;

function renderOneDisk({ piecesPerSecond, pieces, limit, contestants }: OneDisk): string {
  const rows = contestants.map(({ name, copySeconds, seconds }) => [
    name,
    copySeconds?.toFixed(1) ?? 'failed',
    copySeconds === undefined ? '' : ratio(copySeconds / limit.copySeconds),
    seconds?.toFixed(1) ?? '',
    seconds === undefined ? '' : ratio(seconds / limit.seconds),
  ]);
  const head = ['', 'Copy, s', 'to the limit', 'In all, s', 'to the limit'];
  const limits = ['Limit of the model', limit.copySeconds.toFixed(1), '', limit.seconds.toFixed(1)];
  return `A deallocated VM with one disk of ${pieces} pieces (${pieces / 256} GiB in Azure), to one VHD, with ${piecesPerSecond} pieces a second for each blob.

${renderTable(head, [[...limits, ''], ...rows])}

"Copy" is from the first look at the source until the last piece is written, as the local Azure sees it. "In all" is from the start of the program to its end: for the action with its sign-in, its checks, the snapshot, access, proof and clean-up; for az without its sign-in and without a clean-up, since the recipe has none. AzCopy needs a snapshot and access to it, for which az's time is added. The limit in all is that of the copy and the operations that only follow each other.`;
}

function renderReplicas(measured: Replicas): string {
  const { peerPieces, runs, variants, peers, simulated } = measured;
  const head = [
    'Replicas',
    'Accounts',
    'Exports',
    'Pieces',
    'Pieces/s',
    'Copy, s',
    'Copies',
    'Bound',
    'Ratio',
    '503',
    'In all, s',
  ];
  const peerRows = peers.map(({ name, replicas, accounts, piecesPerSecond, copies }) => [
    name,
    ...[replicas, accounts, piecesPerSecond].map(String),
    copies?.toFixed(2) ?? 'failed',
  ]);
  return `A disk to several VHDs. All times of copying are in copies: 1 is what one blob takes to write all pieces at its rate. They end when the last VHD holds all its pieces; where some are copied inside their account, when the last one is proven and marked complete. With more blobs and exports each of them carries less, so that the sum of their rates stays within the quarter. The bound is max(1, 2N/(N+M)) for N replicas from M exports.

${renderTable(head, runs.map(runRow))}

![Time of all replicas over their number](benchmarks.svg)

The peers, with a disk of ${peerPieces} pieces, read one export; the processes of AzCopy share the 32 requests that one of them has in flight, since with 32 each they overrun it, and copy empty pages too:

${renderTable(['', 'Replicas', 'Accounts', 'Pieces/s', 'Copies'], peerRows)}

### If Azure is otherwise

Ten replicas in ten accounts, measured. Where an unfinished replica cannot be read, the bound is that of doubling.

${renderTable(
  ['Model', ...head],
  variants.map((run) => [run.model, ...runRow(run)]),
)}

The scheduler alone, simulated without a clock, for numbers that are not measured:

${renderTable(['Model', 'Exports', ...countsOf(simulated).map(String)], simulatedRows(simulated))}

Each figure is the time in copies, with its ratio to the bound.`;
}

function runRow(run: ReplicaRun): readonly string[] {
  const { replicas, accounts, exports, pieces, piecesPerSecond, copySeconds, copies, bound } = run;
  return [
    ...[replicas, accounts, exports, pieces, piecesPerSecond].map(String),
    copySeconds.toFixed(1),
    copies.toFixed(2),
    bound.toFixed(2),
    ratio(copies / bound),
    `${(run.refusedShare * 100).toFixed(1)} %`,
    run.seconds.toFixed(1),
  ];
}

function countsOf(simulated: readonly SimulatedRun[]): readonly number[] {
  return [...new Set(simulated.map(({ replicas }) => replicas))];
}

/** One row for a model and a number of exports, which with few replicas is smaller. */
function simulatedRows(simulated: readonly SimulatedRun[]): readonly (readonly string[])[] {
  const counts = countsOf(simulated);
  const models = [...new Set(simulated.map(({ model }) => model))];
  return models.flatMap((model) =>
    [true, false].map((isSingle) => {
      const cells = counts.map((count) => {
        const run = simulated.find(
          (one) =>
            one.model === model &&
            one.replicas === count &&
            (count === 1 || (one.exports === 1) === isSingle),
        );
        return run ? `${run.copies.toFixed(2)} (${ratio(run.copies / run.bound)})` : '';
      });
      return [model, isSingle ? '1' : 'up to 10', ...cells];
    }),
  );
}

function renderControl({
  seconds,
  limitSeconds,
  phases,
}: NonNullable<Results['control-plane']>['result']): string {
  const [first] = phases;
  const startMs = Date.parse(first?.startedAt ?? '');
  const rows = phases.map((phase) => [
    phase.name,
    ((Date.parse(phase.startedAt) - startMs) / 1000).toFixed(1),
    phase.seconds.toFixed(1),
  ]);
  return `A running VM with an empty disk, stopped, deallocated, marked generalized and captured: ${seconds.toFixed(1)} s from the start of the process to its end, against ${limitSeconds.toFixed(1)} s of operations and calls that can only follow each other, a ratio of ${ratio(seconds / limitSeconds)}.

${renderTable(['Phase', 'Begins at, s', 'Takes, s'], rows)}`;
}

function renderCancel(runs: readonly CancelledRun[]): string {
  const head = ['Replicas', 'Accounts', 'Releases', 'Last one sent, s', 'To the limit', 'Ended, s'];
  const rows = runs.map((run) => [
    ...[run.replicas, run.accounts, run.releases].map(String),
    run.sentSeconds.toFixed(1),
    ratio(run.sentSeconds / run.limitSeconds),
    run.endSeconds.toFixed(1),
    String(run.left),
  ]);
  return `A run gets SIGINT in the middle of its copies, with the latencies of the model. The limit is that of the runner, which sends SIGTERM 7.5 s later and kills what is left after 2.5 s more.

${renderTable([...head, 'Left for post'], rows)}`;
}

function renderRunner(cost: NonNullable<Results['runner']>['result']): string {
  const { cpuSecondsPerThousand, few, many, pieces, simulated } = cost;
  return renderTable(
    ['', ''],
    [
      ['CPU per 1,000 pieces', `${cpuSecondsPerThousand.toFixed(2)} s`],
      [
        `CPU and peak memory of a run with ${pieces.few} pieces`,
        `${few.cpuSeconds.toFixed(1)} s, ${few.peakMiB.toFixed(0)} MiB`,
      ],
      [
        `CPU and peak memory of a run with ${pieces.many} pieces`,
        `${many.cpuSeconds.toFixed(1)} s, ${many.peakMiB.toFixed(0)} MiB`,
      ],
      [
        `Peak memory of all decisions for 200 replicas of 100 GiB, simulated, with a young generation of 16 MiB (${simulated.transfers.toLocaleString('en')} transfers in ${simulated.seconds.toFixed(0)} s)`,
        `${simulated.peakMiB.toFixed(0)} MiB`,
      ],
      [
        'Start-up of the bundle; of Node itself',
        `${cost.startMs.toFixed(0)} ms; ${cost.nodeStartMs.toFixed(0)} ms`,
      ],
      ['Size of the bundle', `${cost.bundleMiB.toFixed(1)} MiB`],
    ],
  );
}

function renderCapacity({ carried, result }: NonNullable<Results['capacity']>): string {
  const perSecond = (count: number) => `${count.toFixed(0)} a second`;
  const rate = (mib: number) => `${mib.toFixed(0)} MiB/s`;
  return `With its model off:

${renderTable(
  ['', ''],
  [
    ['Start-up', `${result.startSeconds.toFixed(1)} s`],
    ['A call to Resource Manager, by the SDK', `${result.armCallMs.toFixed(1)} ms`],
    ['Pieces of 64 KiB from exports', perSecond(carried.fromExports)],
    ['Pieces of 64 KiB from blobs', perSecond(carried.fromBlobs)],
    ['Pieces of 64 KiB, half of them from each', perSecond(carried.mixed)],
    ['Pieces of 4 MiB from an export, by the SDK', rate(result.fromExport)],
    ['Pieces of 4 MiB from a blob, by the SDK', rate(result.fromBlob)],
    ['Copy Blob from an export', rate(result.copyBlob)],
    ['A blob of 8 TiB and an export of 8191 GiB', `${result.hugeBytesOnDisk} bytes on disk`],
  ],
)}`;
}

function source({ at, machine, carried }: Measured<unknown>): string {
  return `Measured on ${at.slice(0, 10)}, ${describeMachine(machine)}, which carried ${carried.mixed.toFixed(0)} pieces a second.`;
}

function describeMachine({ processor, cores, memoryGiB, node }: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGiB} GiB, Node ${node}`;
}

function ratio(value: number): string {
  return value.toFixed(2);
}
