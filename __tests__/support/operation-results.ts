import type { TrafficPair } from '../../local-azure/edge/traffic.ts';

/**
 * Adds what long-running operations gave: the start of an operation once more, answered with its result,
 * which is how the definitions describe it.
 */
export function completeResults(pairs: readonly TrafficPair[]): readonly TrafficPair[] {
  const starts = new Map<string, TrafficPair>();
  const results: TrafficPair[] = [];
  for (const pair of pairs) {
    const { headers } = pair.response;
    const started = headers['azure-asyncoperation'] ?? headers['location'];
    if (started !== undefined) starts.set(new URL(started).pathname, pair);
    const start = starts.get(new URL(pair.request.url).pathname);
    const result = start === undefined ? undefined : resultOf(pair);
    if (start === undefined || result === undefined) continue;
    const type = { 'content-type': 'application/json; charset=utf-8' };
    results.push({
      request: start.request,
      response: { status: 200, headers: { ...headers, ...type }, body: result },
    });
  }
  return [...pairs, ...results];
}

/** The output of a poll that found its operation done; undefined for one without. */
function resultOf({ request, response }: TrafficPair): unknown {
  if (response.status !== 200) return undefined;
  if (new URL(request.url).searchParams.get('monitor') === 'true') return response.body;
  const properties = partOf(response.body, 'properties');
  return partOf(properties, 'output');
}

function partOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
