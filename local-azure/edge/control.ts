import express, { type Express, type Request, type Response } from 'express';
import { ScenarioError } from '../scenario-error.ts';
import { findFaultProblems } from '../scenario-schema.ts';
import type { FaultRule } from '../scenario.ts';
import type { CallList } from './calls.ts';
import type { FaultList } from './faults.ts';
import type { SecretList } from './secret-list.ts';
import type { State } from './state.ts';

export interface Controlled {
  readonly calls: CallList;
  readonly faults: FaultList;
  readonly secrets: SecretList;
  readonly readState: () => Promise<State>;
  /** Starts anew with a scenario, or with the present one; throws a ScenarioError. */
  readonly reset: (scenario: unknown) => Promise<void>;
}

/** The control address: what is there, what was called, which faults are in force, and a new start. */
export function createControlApp({
  calls,
  faults,
  secrets,
  readState,
  reset,
}: Controlled): Express {
  const app = express().disable('x-powered-by').disable('etag');
  app.use(express.text({ limit: '16mb', type: () => true }));
  app.get('/state', async (_request, response) => {
    response.json(await readState());
  });
  app.get('/secrets', (_request, response) => {
    response.json(secrets.list());
  });
  app.get('/calls', (_request, response) => {
    response.json(calls.list());
  });
  app.delete('/calls', (_request, response) => {
    calls.clear();
    response.status(204).end();
  });
  app.get('/faults', (_request, response) => {
    response.json(faults.list());
  });
  app.post('/faults', (request, response) => {
    changeFaults(faults, readBody(request));
    response.json(faults.list());
  });
  app.delete('/faults', (_request, response) => {
    faults.replace([]);
    response.status(204).end();
  });
  app.post('/reset', async (request, response) => {
    await reset(readBody(request));
    response.status(204).end();
  });
  app.use((request, response) => {
    response.status(404).json({ problems: [`no such address: ${request.method} ${request.path}`] });
  });
  app.use(refuse);
  return app;
}

/** A list takes the place of the rules in force, a single rule joins them. */
function changeFaults(faults: FaultList, body: unknown): void {
  if (Array.isArray(body)) faults.replace(checkFaults(body));
  else for (const rule of checkFaults([body])) faults.add(rule);
}

function checkFaults(values: readonly unknown[]): readonly FaultRule[] {
  const problems = values.flatMap((value, index) =>
    findFaultProblems(value).map((problem) => `/${index}${problem.replace(/^\/:/, ':')}`),
  );
  if (problems.length > 0) throw new ScenarioError('The list of faults', problems);
  return values as readonly FaultRule[];
}

/** The JSON of a body; undefined for an empty one. */
function readBody(request: Request<object, unknown, unknown>): unknown {
  const { body } = request;
  if (typeof body !== 'string' || body.trim() === '') return undefined;
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ScenarioError('The body', [`/: not JSON: ${reason}`]);
  }
}

function refuse(
  error: unknown,
  _request: Request,
  response: Response,
  _next: (error: unknown) => void,
): void {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ScenarioError) response.status(400).json({ problems: error.problems });
  else response.status(500).json({ problems: [`/: ${message}`] });
}
