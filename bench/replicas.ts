import { plainNodes, simulateCopy } from '../__tests__/support/copy-simulation.ts';
import type { ScenarioBlobModel } from '../local-azure/scenario.ts';
import { capture } from './action.ts';
import { findAz, runRecipe, signIn } from './az.ts';
import { copyByAzCopy, findAzCopy } from './azcopy.ts';
import { leastTime, type Layout } from './bounds.ts';
import { computeClient, grantDisk } from './disk-access.ts';
import { withLocalAzure } from './local-azure-run.ts';
import { choosePace } from './scale.ts';
import { AZURE_PIECES_PER_SECOND, buildModel, buildScenario, diskName } from './scenario.ts';

const PIECES = 400;
/** Of variants of the model, of many replicas and of peers, which take several times as long. */
const FEWER_PIECES = 200;
const SIMULATED_PIECES = 300;
/** More replicas than this are many. */
const MANY = 10;
/** Exports that the plan takes at most, unless told. */
const EXPORTS = 10;
/** In pieces' times: 80 ms of Azure's 4 MiB at 60 MiB/s. */
const LATENCY = 0.08 * AZURE_PIECES_PER_SECOND;

const layouts = [
  { replicas: 1, accounts: 1 },
  { replicas: 5, accounts: 1 },
  { replicas: 5, accounts: 5 },
  { replicas: 10, accounts: 1 },
  { replicas: 10, accounts: 5 },
  { replicas: 10, accounts: 10 },
  { replicas: 50, accounts: 1 },
  { replicas: 50, accounts: 5 },
  { replicas: 50, accounts: 10 },
] as const;

interface Variant {
  readonly name: string;
  /** At most. */
  readonly exports: number;
  /** Of the blobs' model; the export's rate is told apart. */
  readonly changes?: ScenarioBlobModel;
  readonly exportRate?: number;
  readonly layout?: Pick<Layout, 'budgets' | 'onlyComplete'>;
}

/** Replicas of the peers, each in an account of its own. */
const peerReplicas = [1, 5, 10];

const usual: Variant = { name: 'shared', exports: EXPORTS };
const refused = { readWhileWritten: 'refused' } as const;

/** How the model may be otherwise, with ten replicas in ten accounts. */
const variants: readonly Variant[] = [
  { name: 'shared', exports: 1 },
  { name: 'split', exports: 1, changes: { budgets: 'split' }, layout: { budgets: 'split' } },
  { name: 'shared, an export of 120 MiB/s', exports: 1, exportRate: 2 },
  {
    name: 'shared, no reading while written',
    exports: EXPORTS,
    changes: refused,
    layout: { onlyComplete: true },
  },
];

/** Replicas in their number and their accounts, against one and against the bound. Times are in copies. */
export interface Replicas {
  readonly peerPieces: number;
  readonly runs: readonly ReplicaRun[];
  readonly variants: readonly ReplicaRun[];
  readonly peers: readonly PeerRun[];
  readonly simulated: readonly SimulatedRun[];
}

export interface ReplicaRun {
  readonly model: string;
  readonly pieces: number;
  readonly replicas: number;
  readonly accounts: number;
  readonly exports: number;
  readonly piecesPerSecond: number;
  readonly seconds: number;
  readonly copySeconds: number;
  /** Of the copying. */
  readonly copies: number;
  readonly bound: number;
  /** Of the pieces' requests, those that were refused. */
  readonly refusedShare: number;
}

export interface PeerRun {
  readonly name: string;
  readonly replicas: number;
  readonly accounts: number;
  readonly piecesPerSecond: number;
  /** Undefined where it has failed. */
  readonly copies: number | undefined;
}

export interface SimulatedRun {
  readonly model: string;
  readonly replicas: number;
  readonly exports: number;
  readonly copies: number;
  readonly bound: number;
}

export async function measureReplicas(
  carried: number,
  say: (line: string) => void,
): Promise<Replicas> {
  const runs: ReplicaRun[] = [];
  const run = async (layout: (typeof layouts)[number], variant: Variant) => {
    const exports = Math.min(variant.exports, layout.replicas);
    const piecesPerSecond = choosePace(layout.replicas + exports, carried);
    const pieces = variant === usual && layout.replicas <= MANY ? PIECES : FEWER_PIECES;
    const measured = await measureRun(layout, variant, { pieces, piecesPerSecond });
    const { replicas, accounts, model, copies, bound } = measured;
    say(
      `${replicas} in ${accounts}, ${model}: ${copies.toFixed(2)} copies, bound ${bound.toFixed(2)}`,
    );
    return measured;
  };
  for (const layout of layouts) runs.push(await run(layout, usual));
  const varied: ReplicaRun[] = [];
  for (const variant of variants) varied.push(await run({ replicas: 10, accounts: 10 }, variant));
  const peers = await measurePeers(carried, say);
  return {
    peerPieces: FEWER_PIECES,
    runs,
    variants: varied,
    peers,
    simulated: simulateAll(),
  };
}

async function measureRun(
  { replicas, accounts }: (typeof layouts)[number],
  { name, exports: most, changes = {}, exportRate = 1, layout }: Variant,
  { pieces, piecesPerSecond }: { readonly pieces: number; readonly piecesPerSecond: number },
): Promise<ReplicaRun> {
  const model = buildModel(piecesPerSecond, changes, exportRate);
  return await withLocalAzure(buildScenario({ pieces, accounts, model }), async (azure) => {
    const inputs = { 'max-exports': String(most) };
    const { seconds, copy } = await capture(azure, { replicas, accounts, inputs });
    const exports = Math.min(most, copy.exports);
    return {
      model: name,
      ...{ pieces, replicas, accounts, exports, piecesPerSecond, seconds },
      copySeconds: copy.seconds,
      copies: (copy.seconds * piecesPerSecond) / pieces,
      bound: leastTime({ replicas, exports, exportRate, ...layout }),
      refusedShare: copy.refused / (copy.refused + copy.pieces),
    };
  });
}

/** Replicas by each peer, which takes one export. */
async function measurePeers(
  carried: number,
  say: (line: string) => void,
): Promise<readonly PeerRun[]> {
  const peers: PeerRun[] = [];
  for (const count of peerReplicas) {
    const layout = { replicas: count, accounts: count };
    const piecesPerSecond = choosePace(count + 1, carried);
    for (const [name, copySeconds] of await measureEachPeer(piecesPerSecond, layout)) {
      const copies = copySeconds && (copySeconds * piecesPerSecond) / FEWER_PIECES;
      peers.push({ name, ...layout, piecesPerSecond, copies });
      say(`${name}, ${count} in ${count}: ${copies?.toFixed(2) ?? 'failed, no'} copies`);
    }
  }
  return peers;
}

async function measureEachPeer(
  piecesPerSecond: number,
  layout: { readonly replicas: number; readonly accounts: number },
): Promise<readonly (readonly [name: string, copySeconds: number | undefined])[]> {
  const model = buildModel(piecesPerSecond);
  const { accounts } = layout;
  const scenario = buildScenario({ pieces: FEWER_PIECES, accounts, model, retryAfterSeconds: 1 });
  const [azcopy, az] = [await findAzCopy(), await findAz()];
  const measured: [string, number | undefined][] = [];
  if (azcopy !== undefined) {
    await withLocalAzure(scenario, async (azure) => {
      const sas = await grantDisk(computeClient(), diskName);
      const run = await copyByAzCopy(azcopy, azure, { ...layout, sas }).catch(() => undefined);
      measured.push(['AzCopy', run?.copy.seconds]);
    });
  }
  if (az !== undefined) {
    await withLocalAzure(scenario, async (azure) => {
      await signIn(az, azure);
      measured.push(['az', (await runRecipe(az, azure, layout)).copySeconds]);
    });
  }
  return measured;
}

/** The scheduler alone, with the adaptive windows of the engine. */
function simulateAll(): readonly SimulatedRun[] {
  const models: readonly (readonly [string, Omit<Layout, 'replicas' | 'exports'>])[] = [
    ['shared', {}],
    ['split', { budgets: 'split' }],
    ['shared, an export of 120 MiB/s', { exportRate: 2 }],
    ['shared, no reading while written', { onlyComplete: true }],
  ];
  return models.flatMap(([model, layout]) =>
    [1, 5, 10, 50, 100, 1000].flatMap((replicas) =>
      [...new Set([1, Math.min(EXPORTS, replicas)])].map((exports) =>
        simulate(model, { ...layout, replicas, exports }),
      ),
    ),
  );
}

function simulate(model: string, layout: Layout): SimulatedRun {
  const { replicas, exports, budgets = 'shared', exportRate = 1, onlyComplete = false } = layout;
  const { time: copies } = simulateCopy({
    nodes: plainNodes(replicas, exports).map((node) =>
      node.kind === 'export' ? { ...node, rate: exportRate } : node,
    ),
    pieces: SIMULATED_PIECES,
    budgets,
    windows: 'adaptive',
    latency: LATENCY,
    refuses: (from, _to, isComplete) => onlyComplete && from >= exports && !isComplete,
  });
  return { model, replicas, exports, copies, bound: leastTime(layout) };
}
