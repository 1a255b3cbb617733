import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import { openAzure } from '../../src/azure/session.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from '../support/scenario.ts';

const { signal } = new AbortController();
let local: LocalAzure;
/** Connections to the proxy, each with a TLS handshake behind it. */
let connections = 0;
const sockets = new Set<Socket>();

/** Before the proxy of the local Azure; it counts. */
const counter = createServer((client) => {
  connections += 1;
  const { hostname, port } = new URL(local.environment['HTTPS_PROXY'] ?? '');
  const proxy = connect(Number(port), hostname);
  client.pipe(proxy).pipe(client);
  for (const socket of [client, proxy]) {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
  }
});

beforeAll(async () => {
  const account = { resourceGroup: 'images', name: 'imageswe1', containers: [{ name: 'vhds' }] };
  local = await startLocalAzure(buildScenario({ accounts: [account] }));
  useLocalAzure(local);
  await new Promise<void>((resolve) => {
    counter.listen(0, '127.0.0.1', resolve);
  });
  const { port } = counter.address() as AddressInfo;
  process.env['HTTPS_PROXY'] = `http://127.0.0.1:${port}`;
});

afterAll(() => {
  counter.close();
  // The connections that are kept would keep the process of the test too.
  for (const socket of sockets) socket.destroy();
});

test('calls that follow each other take the same connections through a proxy', async () => {
  const identity = {
    kind: 'client-secret' as const,
    clientId: CLIENT,
    tenantId: TENANT,
    clientSecret: CLIENT_SECRET,
  };
  const environment = { kind: 'named' as const, name: 'AzureCloud' as const };
  const azure = await openAzure(
    { identity, environment },
    () => Promise.reject(new Error()),
    signal,
  );
  const vmId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute/virtualMachines/builder`;
  const url = 'https://imageswe1.blob.core.windows.net';
  await azure.compute.getVm(vmId, signal);
  await azure.blobs.containerState(url, 'vhds', signal);
  const before = connections;
  for (let call = 0; call < 5; call += 1) {
    await azure.compute.getVm(vmId, signal);
    await azure.blobs.containerState(url, 'vhds', signal);
  }
  expect(before).toBeGreaterThan(0);
  expect(connections).toBe(before);
});
