import { capture } from './action.ts';
import { findAz, runRecipe, signIn, type RecipeRun } from './az.ts';
import { copyByAzCopy, findAzCopy } from './azcopy.ts';
import { computeClient, grantDisk } from './disk-access.ts';
import { withLocalAzure } from './local-azure-run.ts';
import type { Program } from './program.ts';
import { choosePace } from './scale.ts';
import { buildModel, buildScenario, diskName } from './scenario.ts';

/** 3 GiB of data. */
const PIECES = 768;
/** One export and one replica. */
const NODES = 2;
/** Snapshot, access, and their end, as the preset has them. */
const OPERATIONS_SECONDS = 0.7 + 0.2 + 0.2 + 0.2;

const one = { replicas: 1, accounts: 1 };

export interface OneDisk {
  /** Of each blob and export. */
  readonly piecesPerSecond: number;
  readonly pieces: number;
  readonly limit: { readonly copySeconds: number; readonly seconds: number };
  readonly contestants: readonly Contestant[];
}

export interface Contestant {
  readonly name: string;
  /** From the first look at the source until the last piece is written; undefined where it has failed. */
  readonly copySeconds: number | undefined;
  /** Of everything, its own start included; undefined where it does only a part. */
  readonly seconds: number | undefined;
}

type Recipe = Contestant & Pick<RecipeRun, 'prepareSeconds'>;

/** One disk to one VHD: the action, its peers, and the limit of the model. */
export async function measureOneDisk(
  carried: number,
  say: (line: string) => void,
): Promise<OneDisk> {
  const piecesPerSecond = choosePace(NODES, carried);
  const copySeconds = PIECES / piecesPerSecond;
  const contestants: Contestant[] = [];
  const add = (contestant: Contestant) => {
    contestants.push(contestant);
    say(`${contestant.name}: ${contestant.copySeconds?.toFixed(1) ?? 'failed, no'} s of copying`);
  };
  add(await measureAction(piecesPerSecond));
  const [azcopy, az] = [await findAzCopy(), await findAz()];
  // These sleep for most of their time.
  const recipes: readonly Recipe[] =
    az === undefined
      ? []
      : await Promise.all([measureAz(az, piecesPerSecond, 1), measureAz(az, piecesPerSecond)]);
  recipes.forEach(add);
  if (azcopy !== undefined)
    add(await measureAzCopy(azcopy, piecesPerSecond, recipes.at(0)?.prepareSeconds));
  const limit = { copySeconds, seconds: copySeconds + OPERATIONS_SECONDS };
  return { piecesPerSecond, pieces: PIECES, limit, contestants };
}

async function measureAction(piecesPerSecond: number): Promise<Contestant> {
  const scenario = buildScenario({ pieces: PIECES, model: buildModel(piecesPerSecond) });
  return await withLocalAzure(scenario, async (azure) => {
    const { seconds, copy } = await capture(azure, one);
    return { name: 'This action', copySeconds: copy.seconds, seconds };
  });
}

/** AzCopy needs an export, which az makes. */
async function measureAzCopy(
  azcopy: Program,
  piecesPerSecond: number,
  prepareSeconds: number | undefined,
): Promise<Contestant> {
  const scenario = buildScenario({ pieces: PIECES, model: buildModel(piecesPerSecond) });
  return await withLocalAzure(scenario, async (azure) => {
    const sas = await grantDisk(computeClient(), diskName);
    const run = await copyByAzCopy(azcopy, azure, { ...one, sas }).catch(() => undefined);
    const name = `AzCopy ${azcopy.version}, service to service`;
    const seconds = run && prepareSeconds && run.seconds + prepareSeconds;
    return { name, copySeconds: run?.copy.seconds, seconds };
  });
}

async function measureAz(
  az: Program,
  piecesPerSecond: number,
  retryAfterSeconds?: number,
): Promise<Recipe> {
  const scenario = buildScenario({
    pieces: PIECES,
    model: buildModel(piecesPerSecond),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
  return await withLocalAzure(scenario, async (azure) => {
    await signIn(az, azure);
    const run = await runRecipe(az, azure, one);
    const headers = retryAfterSeconds === undefined ? 'no Retry-After' : 'Retry-After: 1';
    return { name: `az ${az.version}, Copy Blob, ${headers}`, ...run };
  });
}
