import { createServer } from 'node:http';
import { startAzurite } from './blobs/azurite.ts';
import { createDiskImages } from './disks/images.ts';
import { buildWorld, type Foundation } from './build-world.ts';
import { CallList } from './edge/calls.ts';
import { createCertificateAuthority } from './edge/certificate-authority.ts';
import { createControlApp } from './edge/control.ts';
import { Dispatcher } from './edge/dispatcher.ts';
import { FaultList } from './edge/faults.ts';
import { keepOpen, listen, startProxy, type Listener, type ProxyRules } from './edge/proxy.ts';
import { SecretList } from './edge/secret-list.ts';
import { readState } from './edge/state.ts';
import { appendTo } from './edge/traffic.ts';
import { buildEnvironment } from './environment.ts';
import { createIdTokenRequest } from './identity/github-oidc.ts';
import { createSigningKey } from './identity/signing-key.ts';
import { checkScenario, resolveVhds } from './load-scenario.ts';
import type { Scenario } from './scenario.ts';
import { createTempFolder, removeFolder } from './temp-folder.ts';

/** An Azure that runs in this process. */
export interface LocalAzure {
  /** What a client's environment must hold. */
  readonly environment: Readonly<Record<string, string>>;
  readonly proxyUrl: string;
  readonly controlUrl: string;
  /** Ends every connection and process, and removes the temporary files. */
  close(): Promise<void>;
}

export interface StartOptions {
  /** Of the proxy. Default: any that is free. */
  readonly port?: number;
  /** Where calls to Azure Resource Manager are recorded with their answers, one line of JSON each. */
  readonly trafficFile?: string | undefined;
}

/** Starts an Azure with a scenario that was checked. */
export async function startLocalAzure(
  scenario: Scenario,
  { port = 0, trafficFile }: StartOptions = {},
): Promise<LocalAzure> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(await createTempFolder(), removeFolder);
  const job = createIdTokenRequest();
  const secrets = new SecretList();
  secrets.add(job.token);
  const azurite = stack.adopt(await startAzurite(folder), (one) => one.close());
  const [entraKey, githubKey, authority] = await Promise.all([
    createSigningKey(),
    createSigningKey(),
    createCertificateAuthority(),
  ]);
  const cloud = stack.use(
    await startCloud(scenario, {
      azurite,
      images: createDiskImages(),
      entraKey: secrets.rememberSigned(entraKey),
      githubKey: secrets.rememberSigned(githubKey),
      job,
      secrets,
      keepTraffic: trafficFile === undefined ? undefined : appendTo(trafficFile),
    }),
  );
  const control = stack.adopt(await startControl(cloud), closeListener);
  const rules = { authority, ...cloud.rulesWith(control.port) };
  const proxy = stack.adopt(await startProxy(rules, port), closeListener);
  const urls = {
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    controlUrl: `http://127.0.0.1:${control.port}`,
  };
  const environment = await buildEnvironment({
    folder,
    certificate: authority.certificate,
    job,
    ...urls,
  });
  const owned = stack.move();
  return { environment, ...urls, close: () => owned.disposeAsync() };
}

type Cloud = Awaited<ReturnType<typeof startCloud>>;

/** The present world behind the edge: what answers, and how a reset replaces it. */
async function startCloud(first: Scenario, foundation: Foundation) {
  const calls = new CallList();
  const faults = new FaultList();
  const dispatcher = new Dispatcher(calls, faults);
  let scenario = first;
  let current = await buildWorld(scenario, foundation);
  let resets = Promise.resolve();
  faults.replace(scenario.faults ?? []);
  const restart = async (next: Scenario): Promise<void> => {
    dispatcher.dropHung();
    current[Symbol.dispose]();
    current = await buildWorld(next, foundation);
    scenario = next;
    faults.replace(next.faults ?? []);
    calls.clear();
  };
  return {
    calls,
    faults,
    secrets: foundation.secrets,
    [Symbol.dispose]: () => {
      current[Symbol.dispose]();
    },
    readState: () => readState(current.world),
    reset: async (body: unknown): Promise<void> => {
      const next =
        body === undefined ? scenario : await resolveVhds(checkScenario(body), process.cwd());
      const done = resets.then(() => restart(next));
      resets = done.catch(() => undefined);
      await done;
    },
    rulesWith: (controlPort: number): Omit<ProxyRules, 'authority'> => ({
      isServed: (host) => {
        const service = current.answering.hosts.serviceOf(host);
        return service !== undefined && service !== 'imds';
      },
      isServedPlain: (host) => current.answering.hosts.serviceOf(host) === 'imds',
      isPassedThrough: (host, port) =>
        (host === '127.0.0.1' && port === controlPort) ||
        (scenario.passThrough ?? []).some((one) => one.toLowerCase() === host.toLowerCase()),
      serve: (request, response, host) => {
        dispatcher.dispatch(current.answering, request, response, host);
      },
    }),
  };
}

async function startControl(cloud: Cloud): Promise<Listener> {
  const server = createServer(createControlApp(cloud));
  keepOpen(server);
  return await listen(server, 0);
}

function closeListener(listener: Listener): Promise<void> {
  return listener.close();
}
