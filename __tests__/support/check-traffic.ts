import { readFileSync } from 'node:fs';
import { LiveValidator } from 'oav/dist/lib/liveValidation/liveValidator.js';
import type { LiveValidationResult } from 'oav/dist/lib/liveValidation/liveValidator.js';
import type { TrafficPair } from '../../local-azure/edge/traffic.ts';
import { definitionOf, type Definition } from './definitions.ts';
import { explainFinding } from './explained-findings.ts';
import { completeResults } from './operation-results.ts';

/**
 * Run as a program: `node check-traffic.ts DEFINITIONS TRAFFIC`. Checks recorded pairs against the official
 * definitions in a folder and prints a TrafficReport as JSON.
 */
export interface TrafficReport {
  /** Checked pairs by operation. */
  readonly checked: Readonly<Record<string, number>>;
  /** Pairs that no definition describes, by reason. */
  readonly unchecked: Readonly<Record<string, number>>;
  /** Findings that are none, by reason. */
  readonly explained: Readonly<Record<string, number>>;
  readonly findings: readonly string[];
}

interface Defined {
  readonly pair: TrafficPair;
  readonly definition: Definition;
}

const [, , folder = '', file = ''] = process.argv;
process.stdout.write(JSON.stringify(await checkTraffic(folder, readPairs(file))));

function readPairs(path: string): readonly TrafficPair[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TrafficPair);
}

async function checkTraffic(
  directory: string,
  recorded: readonly TrafficPair[],
): Promise<TrafficReport> {
  const checked: Record<string, number> = {};
  const unchecked: Record<string, number> = {};
  const explained: Record<string, number> = {};
  const findings = new Set<string>();
  const defined: Defined[] = [];
  for (const pair of completeResults(recorded)) {
    const path = new URL(pair.request.url).pathname;
    const definition = definitionOf(path);
    if (definition === undefined) findings.add(`${pair.request.method} ${path}: no definition`);
    else if ('reason' in definition) count(unchecked, definition.reason);
    else defined.push({ pair, definition });
  }
  const validator = await loadValidator(directory, defined);
  for (const one of defined) {
    const { operation, problems } = await checkPair(validator, one);
    count(checked, operation);
    for (const problem of problems) {
      const reason = explainFinding(problem);
      if (reason === undefined) findings.add(`${operation}: ${problem}`);
      else count(explained, reason);
    }
  }
  return { checked, unchecked, explained, findings: [...findings] };
}

async function loadValidator(
  directory: string,
  defined: readonly Defined[],
): Promise<LiveValidator> {
  const files = new Set(defined.map(({ definition }) => definition.file));
  const options = {
    directory,
    swaggerPathsPattern: [...files],
    git: { shouldClone: false },
    loadValidatorInBackground: false,
    isArmCall: true,
  };
  const validator = new LiveValidator(options, () => undefined);
  await validator.initialize();
  return validator;
}

async function checkPair(
  validator: LiveValidator,
  { pair: { request, response }, definition }: Defined,
): Promise<{ readonly operation: string; readonly problems: readonly string[] }> {
  const url = new URL(request.url);
  url.pathname = definition.pathOf?.(url.pathname) ?? url.pathname;
  url.searchParams.set('api-version', definition.apiVersion);
  const { requestValidationResult, responseValidationResult, runtimeException } =
    await validator.validateLiveRequestResponse({
      liveRequest: {
        url: url.href,
        method: request.method,
        headers: { ...request.headers },
        query: Object.fromEntries(url.searchParams),
        ...('body' in request ? { body: request.body as Record<string, unknown> } : {}),
      },
      liveResponse: {
        statusCode: `${response.status}`,
        headers: { ...response.headers },
        ...('body' in response ? { body: response.body as Record<string, unknown> } : {}),
      },
    });
  const { operationId } = responseValidationResult.operationInfo;
  const operation =
    operationId === 'unknownOperationId' ? `${request.method} ${url.pathname}` : operationId;
  // A request that is refused is often wrong on purpose.
  const isRefused = response.status >= 400 && response.status < 500;
  const problems = [
    ...(isRefused ? [] : problemsOf('request', requestValidationResult)),
    ...problemsOf(`answer ${response.status}`, responseValidationResult),
    ...(response.status >= 400 ? envelopeProblems(response) : []),
    ...(runtimeException === undefined ? [] : [`oav failed: ${runtimeException.message}`]),
  ];
  return { operation, problems };
}

function problemsOf(side: string, result: LiveValidationResult): readonly string[] {
  const { errors, runtimeException } = result;
  return [
    ...errors.map(({ code, message, pathsInPayload }) =>
      [side, code, ...pathsInPayload, message].join(' '),
    ),
    ...(runtimeException === undefined ? [] : [`${side}: ${runtimeException.message}`]),
  ];
}

/** An error says its code and message, within `error` or, as Compute does when it throttles, without. */
function envelopeProblems({ status, body }: TrafficPair['response']): readonly string[] {
  const outer = isObject(body) ? body : {};
  const error = status === 429 && !('error' in outer) ? outer : outer['error'];
  const isWhole =
    isObject(error) && typeof error['code'] === 'string' && typeof error['message'] === 'string';
  return isWhole ? [] : [`answer ${status}: no error with a code and a message`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
