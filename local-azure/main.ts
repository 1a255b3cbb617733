import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { loadScenario } from './load-scenario.ts';
import { ScenarioError } from './scenario-error.ts';
import { startLocalAzure, type LocalAzure } from './server.ts';
import { describeStart } from './start-screen.ts';

interface Options {
  readonly scenario: string;
  readonly envFile: string;
  readonly port: number;
}

const command = new Command('local-azure')
  .description('Runs a local Azure until it is told to stop.')
  .requiredOption('--scenario <file>', 'scenario to start with (JSON)')
  .requiredOption('--env-file <file>', 'where to write the environment that clients need')
  .option('--port <number>', 'port of the proxy; any that is free by default', parsePort, 0)
  .action(run);

await command.parseAsync().catch((error: unknown) => {
  process.stderr.write(`local-azure: ${describeError(error)}\n`);
  process.exitCode = error instanceof ScenarioError ? 2 : 1;
});
// The channel to a parent that forked this process would keep it alive.
if (process.connected) process.disconnect();

async function run({ scenario, envFile, port }: Options): Promise<void> {
  const stopped = waitForStop();
  // One from an earlier start would tell a waiting reader that this one is ready.
  await rm(envFile, { force: true });
  const azure = await startLocalAzure(await loadScenario(resolve(scenario)), { port });
  try {
    await writeEnvironment(azure, envFile);
    process.stdout.write(describeStart(azure, resolve(scenario), resolve(envFile)));
    process.send?.('ready');
    await stopped;
  } finally {
    await azure.close();
  }
}

/** Ends with a signal to stop, or when the parent that forked this process is gone. */
function waitForStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) {
      process.on(event, () => {
        resolve();
      });
    }
  });
}

/** A waiting reader sees the whole file or none. */
async function writeEnvironment({ environment }: LocalAzure, file: string): Promise<void> {
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`);
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, lines.join(''), { mode: 0o600 });
  await rename(draft, file);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new InvalidArgumentError('It must be a port number.');
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
