import type { Resource, World } from '../world.ts';
import { versionOf, type BlobCall } from './call.ts';
import type { BlobPath } from './copies.ts';
import { parseRange } from './http-range.ts';
import type { Used } from './load.ts';
import { Refusal, relaySourceProblem } from './problems.ts';
import type { SourcePlace } from './source-access.ts';
import { findBlob } from './store-calls.ts';

/** Lets a call take its time, its bytes counted from its headers; refuses it where a budget is used up. */
export async function carryCall(call: BlobCall): Promise<void> {
  const { load, path, request } = call;
  const busy = await load.carry({
    call: describe(call),
    bytes: await countBytes(call),
    used: usedBy(path, request.method === 'PUT' ? 'write' : 'read'),
    isAcrossRegions: false,
  });
  if (busy) throw new Refusal(busy.problem);
}

/** Lets bytes come from a source, which has a budget of its own: the destination relays that it is busy. */
export async function carrySource(
  call: BlobCall,
  place: SourcePlace,
  bytes: number,
): Promise<void> {
  const { load, request, path } = call;
  const sourceUsed = readFrom(place);
  const ownUsed = usedBy(path, 'write');
  const busy = await load.carry({
    call: `${describe(call)} from source`,
    bytes,
    used: [...ownUsed, ...sourceUsed.filter(isNot(ownUsed))],
    isAcrossRegions: isAcrossRegions(call, place),
  });
  if (busy === undefined) return;
  const { used, problem } = busy;
  throw new Refusal(
    ownUsed.includes(used) ? problem : relaySourceProblem(problem, versionOf(request)),
  );
}

/** Lets bytes of an asynchronous copy come from their source, as far as the model counts them. */
export async function shareCopy(
  { load, path, world }: BlobCall,
  place: SourcePlace,
  bytes: number,
  signal: AbortSignal,
): Promise<void> {
  if (world.scenario.model?.blobs?.copiesUseBudgets !== true) return;
  await load.share([...readFrom(place), ...usedBy(path, 'write')], bytes, signal);
}

function readFrom(place: SourcePlace): readonly Used[] {
  return place.kind === 'export'
    ? [{ kind: 'perExport', name: place.found.policyId, direction: 'read' }]
    : usedBy(place.path, 'read');
}

/** Whether a source lies in another region than the account that copies from it. */
export function isAcrossRegions({ world, account }: BlobCall, place: SourcePlace): boolean {
  const source = resourceOf(world, place);
  return source !== undefined && source.body.location !== account.body.location;
}

function resourceOf(world: World, place: SourcePlace): Resource | undefined {
  return place.kind === 'export'
    ? world.resources.get(place.found.resourceId)
    : world.resources.account(place.path.account);
}

function usedBy(
  { account, container, name }: BlobPath,
  direction: Used['direction'],
): readonly Used[] {
  const blob = { kind: 'perBlob', name: `${account}/${container}/${name}`, direction } as const;
  return [{ kind: 'perAccount', name: account, direction }, ...(name === '' ? [] : [blob])];
}

/** A budget that source and destination share is used once. */
function isNot(used: readonly Used[]): (one: Used) => boolean {
  return ({ kind, name }) => !used.some((other) => other.kind === kind && other.name === name);
}

async function countBytes({ azurite, path, request, operation }: BlobCall): Promise<number> {
  if (request.method === 'PUT') return Number(request.headers['content-length'] ?? 0);
  if (request.method !== 'GET' || operation.kind !== 'read-blob') return 0;
  const sizeBytes = Number((await findBlob(azurite, path))?.headers['content-length'] ?? 0);
  const { start, end } = parseRange(request) ?? { start: 0, end: Infinity };
  return Math.max(0, Math.min(end, sizeBytes) - start);
}

function describe({ request, accountName }: BlobCall): string {
  const range = String(request.headers['x-ms-range'] ?? request.headers.range ?? '');
  const path = (request.url ?? '').replace(/([?&])(?:sig|se|st|skt|ske)=[^&]*/g, '$1');
  return `${request.method ?? ''} ${accountName}${path} ${range}`;
}
