import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { recordTraffic, type TrafficPair } from '../../local-azure/edge/traffic.ts';

/** Sends one request to a listener that is recorded; what was kept of it. */
async function record(
  listener: RequestListener,
  path: string,
  init: RequestInit = {},
): Promise<{ readonly answer: string; readonly pairs: readonly TrafficPair[] }> {
  const pairs: TrafficPair[] = [];
  const kept = Promise.withResolvers<undefined>();
  const keep = (pair: TrafficPair): void => {
    pairs.push(pair);
    kept.resolve(undefined);
  };
  const server = createServer(recordTraffic(listener, 'management.azure.com', keep));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    const answer = await response.text();
    await kept.promise;
    return { answer, pairs };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a call is kept with its answer, both as they are on the wire', async () => {
  const { answer, pairs } = await record((request, response) => {
    Object.assign(request, { body: { access: 'Read' } });
    response.setHeader('content-type', 'application/json');
    response.write('{"a":');
    response.end('1}');
  }, '/x?api-version=2024-03-01');
  expect(answer).toBe('{"a":1}');
  expect(pairs).toMatchObject([
    {
      request: {
        method: 'GET',
        url: 'https://management.azure.com/x?api-version=2024-03-01',
        body: { access: 'Read' },
      },
      response: { status: 200, headers: { 'content-type': 'application/json' }, body: { a: 1 } },
    },
  ]);
});

test('an answer without a body has none, and one that is no JSON is kept as text', async () => {
  const empty = await record((_request, response) => void response.writeHead(202).end(), '/x');
  expect(empty.pairs[0]?.response).not.toHaveProperty('body');
  const text = await record((_request, response) => void response.end('plain'), '/x');
  expect(text.pairs[0]?.response.body).toBe('plain');
});

test('tokens, signatures of poll URLs and of SAS, and account keys are not kept', async () => {
  const secret = 'S3cret+Value/==';
  const sas = `https://md-1.z1.blob.storage.azure.net/a/abcd?sv=2018-03-28&sig=${secret}`;
  const init = { method: 'POST', headers: { authorization: `Bearer ${secret}` } };
  const listener: RequestListener = (_request, response) => {
    response.setHeader('location', `https://management.azure.com/op?monitor=true&s=${secret}`);
    response.end(JSON.stringify({ accessSAS: sas, keys: [{ keyName: 'key1', value: secret }] }));
  };
  const { pairs } = await record(listener, `/account/listKeys?s=${secret}`, init);
  expect(pairs).toHaveLength(1);
  expect(JSON.stringify(pairs)).not.toContain(secret);
  expect(pairs[0]?.response.body).toMatchObject({
    accessSAS: expect.stringContaining('sv=2018-03-28'),
    keys: [{ keyName: 'key1', value: '...' }],
  });
});
