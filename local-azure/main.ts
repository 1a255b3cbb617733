import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { EnvironmentFile } from './environment-file.ts';
import { loadScenario } from './load-scenario.ts';
import { ScenarioError } from './scenario-error.ts';
import { startLocalAzure } from './server.ts';
import { describeStart } from './start-screen.ts';

interface Options {
  readonly scenario: string;
  readonly envFile: string;
  readonly port: number;
  readonly trafficFile?: string;
}

const oneVm = fileURLToPath(new URL('scenarios/one-vm.json', import.meta.url));

const command = new Command('local-azure')
  .description('Runs a local Azure until it is told to stop.')
  .option('--scenario <file>', 'scenario to start with (JSON)', oneVm)
  .option(
    '--env-file <file>',
    'where to write the environment that clients need',
    '.local-azure/environment',
  )
  .option('--port <number>', 'port of the proxy; any that is free by default', parsePort, 0)
  .option('--traffic-file <file>', 'record calls to Azure Resource Manager here, as lines of JSON')
  .action(run);

await command.parseAsync().catch((error: unknown) => {
  process.stderr.write(`local-azure: ${describeError(error)}\n`);
  process.exitCode = error instanceof ScenarioError ? 2 : 1;
});
// The channel to a parent that forked this process would keep it alive.
if (process.connected) process.disconnect();

async function run({ scenario, envFile, port, trafficFile }: Options): Promise<void> {
  const stopped = waitForStop();
  const scenarioFile = resolve(scenario);
  const environmentFile = new EnvironmentFile(resolve(envFile));
  // One from an earlier start would tell a waiting reader that this one is ready.
  await environmentFile.clear();
  const world = await loadScenario(scenarioFile);
  await using stack = new AsyncDisposableStack();
  const azure = stack.adopt(
    await startLocalAzure(world, {
      port,
      trafficFile: trafficFile === undefined ? undefined : resolve(trafficFile),
    }),
    (one) => one.close(),
  );
  stack.defer(() => environmentFile.remove());
  await environmentFile.write(azure.environment);
  process.stdout.write(
    describeStart({ ...azure, scenario: world, scenarioFile, envFile: environmentFile.path }),
  );
  process.send?.('ready');
  await stopped;
}

/** Ends with a signal to stop, or when the parent that forked this process is gone. */
function waitForStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) {
      process.on(event, () => {
        resolve();
      });
    }
  });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new InvalidArgumentError('It must be a port number.');
}

function describeError(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `port ${'port' in error ? String(error.port) : ''} is taken; name another with --port, or none for one that is free`;
  }
  return error instanceof Error ? error.message : String(error);
}
