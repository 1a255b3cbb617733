import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ComputeManagementClient } from '@azure/arm-compute';
import { createDefaultHttpClient } from '@azure/core-rest-pipeline';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { afterAll } from '@jest/globals';
import { createArmApp } from '../../local-azure/arm/app.ts';
import { createResources } from '../../local-azure/arm/resources.ts';
import type { ArmResources } from '../../local-azure/arm/resource-store.ts';
import { expandRole } from '../../local-azure/arm/roles.ts';
import { createBootLogs } from '../../local-azure/blobs/boot-logs.ts';
import { createDiskImages } from '../../local-azure/disks/images.ts';
import { setContext } from '../../local-azure/edge/call-context.ts';
import { createHosts } from '../../local-azure/edge/hosts.ts';
import { recordTraffic } from '../../local-azure/edge/traffic.ts';
import type { TrafficPair } from '../../local-azure/edge/traffic.ts';
import type { Scenario } from '../../local-azure/scenario.ts';
import type { CallContext, DiskExports, Identities, Principal } from '../../local-azure/world.ts';
import { keepTraffic } from './test-run.ts';
import { definitionsFolder } from './traffic-check.ts';

/** Every call of the test file with its answer. */
const traffic: TrafficPair[] = [];

afterAll(async () => {
  if (definitionsFolder !== undefined) await keepTraffic(traffic);
});

/** Azure Resource Manager of the local Azure alone, behind a plain listener. */
export interface ArmListener {
  readonly resources: ArmResources;
  readonly exports: DiskExports;
  /** `METHOD path` of every call, without queries, operation IDs and the subscription. */
  readonly calls: string[];
  /** What the next call gets as its fault. */
  fault: CallContext['fault'];
  /** A client that signs in as an identity of the scenario. */
  client(identity?: string): ComputeManagementClient;
  /** A call by hand; the path is completed with an API version unless it has a query. */
  send(
    path: string,
    init?: { readonly method?: string; readonly body?: unknown; readonly as?: string },
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly body: unknown }>;
  close(): void;
}

/** Starts Azure Resource Manager with a scenario; a token is the identity's name. */
export async function startArm(scenario: Scenario): Promise<ArmListener> {
  const hosts = createHosts('AzureCloud');
  const images = createDiskImages();
  const resources = await createResources(scenario, hosts, images);
  const exports = createExports();
  const blobs = { seed: () => Promise.resolve(), list: () => Promise.resolve([]) };
  const world = {
    ...{ scenario, hosts, images, resources, exports, blobs },
    bootLogs: createBootLogs(hosts),
    identities: createIdentities(scenario),
  };
  const app = recordTraffic(createArmApp(world), hosts.arm, (pair) => traffic.push(pair));
  const calls: string[] = [];
  const server = createServer((request, response) => {
    setContext(request, { fault: listener.fault });
    listener.fault = undefined;
    calls.push(describeCall(request.method ?? '', request.url ?? ''));
    app(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const listener: ArmListener = {
    ...{ resources, exports, calls },
    fault: undefined,
    client: (identity = 'owner') => createClient(scenario, origin, identity),
    send: async (path, { method = 'GET', body, as = 'owner' } = {}) => {
      const url = path.includes('?') ? path : `${path}?api-version=2024-03-01`;
      const answer = await fetch(`${origin}${url.replace(/^https:\/\/[^/]+/, '')}`, {
        method,
        headers: {
          ...(as === '' ? {} : { authorization: `Bearer ${as}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      const parsed: unknown = text === '' ? undefined : JSON.parse(text);
      return { status: answer.status, headers: answer.headers, body: parsed };
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return listener;
}

function createClient(
  scenario: Scenario,
  origin: string,
  identity: string,
): ComputeManagementClient {
  const plain = createDefaultHttpClient();
  const httpClient: HttpClient = {
    sendRequest: async (request) => {
      const { url } = request;
      request.url = url.replace(/^https:\/\/[^/]+/, origin);
      request.allowInsecureConnection = true;
      try {
        return await plain.sendRequest(request);
      } finally {
        // The poller goes on from the URL that it finds in the request.
        request.url = url;
      }
    },
  };
  const credential = {
    getToken: () =>
      Promise.resolve({ token: identity, expiresOnTimestamp: Date.now() + 3_600_000 }),
  };
  const subscriptionId = scenario.subscriptions[0]?.id ?? '';
  return new ComputeManagementClient(credential, subscriptionId, {
    httpClient,
    retryOptions: { maxRetries: 0 },
  });
}

function createIdentities(scenario: Scenario): Identities {
  const principals = (scenario.identities ?? []).map((identity): Principal => {
    const { name, clientId, objectId = clientId, roleAssignments = [] } = identity;
    return {
      ...{ name, clientId, objectId, tenantId: scenario.tenantId },
      roleAssignments: roleAssignments.map(({ role, scope }) => ({
        ...expandRole(role),
        scope: scope ?? '/',
      })),
    };
  });
  return {
    principals,
    verify: (authorization, audiences) => {
      if (!audiences.includes('https://management.core.windows.net/')) {
        throw new Error(`These are no audiences of ARM: ${audiences.join(', ')}`);
      }
      const principal = principals.find(({ name }) => authorization === `Bearer ${name}`);
      return Promise.resolve(
        principal === undefined
          ? { problem: { code: 'InvalidAuthenticationToken', message: 'The token is invalid.' } }
          : { principal },
      );
    },
  };
}

function createExports(): DiskExports {
  const active = new Set<string>();
  let granted = 0;
  return {
    grant: () => {
      const policyId = `policy-${++granted}`;
      active.add(policyId);
      return {
        policyId,
        accessSAS: `https://md-test.z1.blob.storage.azure.net/disk/abcd?si=${policyId}`,
      };
    },
    revoke: (policyId) => void active.delete(policyId),
    isActive: (policyId) => active.has(policyId),
    open: () => 'missing',
    endAll: () => {
      active.clear();
    },
  };
}

function describeCall(method: string, url: string): string {
  const path = new URL(url, 'https://localhost');
  const resource = path.pathname
    .replace(/^\/subscriptions\/[^/]+/, '')
    .replace(/\/resourceGroups\/[^/]+/, '')
    .replace('/providers/Microsoft.Compute', '')
    .replace(/\/(operations|DiskOperations)\/.*/, '/$1');
  return `${method} ${resource}${path.searchParams.has('monitor') ? '?monitor' : ''}`;
}
