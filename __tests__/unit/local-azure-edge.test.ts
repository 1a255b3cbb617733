import { describe, expect, test } from '@jest/globals';
import { FaultList } from '../../local-azure/edge/faults.ts';
import { createHosts } from '../../local-azure/edge/hosts.ts';
import { redactUrl } from '../../local-azure/edge/redact-url.ts';
import type { CloudName } from '../../local-azure/scenario.ts';

describe('hosts', () => {
  test.each<[CloudName, string, string | undefined]>([
    ['AzureCloud', 'login.microsoftonline.com', 'entra'],
    ['AzureCloud', 'LOGIN.windows.net', 'entra'],
    ['AzureCloud', 'sts.windows.net', 'entra'],
    ['AzureCloud', 'management.azure.com', 'arm'],
    ['AzureCloud', 'imageswe1.blob.core.windows.net', 'blob'],
    ['AzureCloud', 'md-0123456789ab.z17.blob.storage.azure.net', 'export'],
    ['AzureCloud', 'md-impexp-0123456789ab.z17.blob.storage.azure.net', 'export'],
    ['AzureCloud', 'token.actions.githubusercontent.com', 'github-oidc'],
    ['AzureCloud', 'pipelines.actions.githubusercontent.com', 'github-oidc'],
    ['AzureCloud', '169.254.169.254', 'imds'],
    ['AzureCloud', 'imageswe1.blob.core.chinacloudapi.cn', undefined],
    ['AzureCloud', 'imageswe1.queue.core.windows.net', undefined],
    ['AzureCloud', 'blob.core.windows.net', undefined],
    ['AzureCloud', 'a.b.blob.core.windows.net', undefined],
    ['AzureCloud', 'example.com', undefined],
    ['AzureChinaCloud', 'md-0123456789ab.blob.core.chinacloudapi.cn', 'export'],
    ['AzureChinaCloud', 'md0123456789ab.blob.core.chinacloudapi.cn', 'blob'],
    ['AzureChinaCloud', 'login.chinacloudapi.cn', 'entra'],
    ['AzureChinaCloud', 'management.azure.com', undefined],
    ['AzureUSGovernment', 'login.microsoftonline.us', 'entra'],
    ['AzureUSGovernment', 'login.microsoftonline.com', 'entra'],
    ['AzureUSGovernment', 'management.usgovcloudapi.net', 'arm'],
  ])('of %s: %s belongs to %s', (cloud, host, service) => {
    expect(createHosts(cloud).serviceOf(host)).toBe(service);
  });

  test.each<CloudName>(['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'])(
    'of %s: exports and accounts are told apart',
    (cloud) => {
      const hosts = createHosts(cloud);
      const exported = hosts.newExportHost();
      expect(exported).toMatch(/^md-[a-z0-9]{12}\./);
      expect(hosts.serviceOf(exported)).toBe('export');
      expect(hosts.accountOf(exported)).toBeUndefined();
      expect(hosts.accountOf(hosts.blobHost('imageswe1').toUpperCase())).toBe('imageswe1');
    },
  );
});

test.each([
  ['https://a/b', 'https://a/b'],
  [
    'https://a/b?api-version=1&$expand=instanceView',
    'https://a/b?api-version=1&$expand=instanceView',
  ],
  [
    'https://a/b?p=1&t=2&c=3&s=4&h=5&monitor=true',
    'https://a/b?p=...&t=...&c=...&s=...&h=...&monitor=true',
  ],
  ['https://a/b?sv=1&SIG=a%3D&comp=page', 'https://a/b?sv=...&SIG=...&comp=page'],
  ['https://a/b?flag&sig=a?b=c', 'https://a/b?flag&sig=...'],
])('the URL %s is shown as %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown);
});

describe('faults', () => {
  const call = {
    method: 'PUT',
    host: 'management.azure.com',
    path: '/snapshots/s?api-version=1',
    headers: {
      range: 'bytes=0-1023',
      'x-ms-copy-source': 'https://md-1.z1.blob.storage.azure.net/',
    },
  };
  const strikes = (faults: FaultList, count: number) =>
    Array.from({ length: count }, () => faults.strike(call)?.kind);

  test('strike the nth matching call, and as many from there as told', () => {
    const faults = new FaultList();
    faults.replace([{ match: { path: 'SNAPSHOTS' }, nth: 2, times: 2, action: { kind: 'hang' } }]);
    expect(strikes(faults, 5)).toEqual([undefined, 'hang', 'hang', undefined, undefined]);
  });

  test.each([
    { match: { headers: { 'X-MS-Copy-Source': '^https://MD-' } }, isStruck: true },
    { match: { headers: { 'x-ms-copy-source': '^https://images1' } }, isStruck: false },
    { match: { headers: { 'x-ms-lease-id': '' } }, isStruck: false },
    { match: { longerThan: 1023 }, isStruck: true },
    { match: { longerThan: 1024 }, isStruck: false },
  ])('match what the headers say: $match', ({ match, isStruck }) => {
    const faults = new FaultList();
    faults.replace([{ match, action: { kind: 'hang' } }]);
    expect(strikes(faults, 1)).toEqual([isStruck ? 'hang' : undefined]);
  });

  test('match a call without a range as one for everything', () => {
    const faults = new FaultList();
    faults.replace([{ match: { longerThan: 1e15 }, action: { kind: 'hang' } }]);
    expect(faults.strike({ ...call, headers: {} })?.kind).toBe('hang');
  });

  test('strike for ever with times 0, and once by default', () => {
    const faults = new FaultList();
    faults.replace([{ match: { method: 'put' }, times: 0, action: { kind: 'hang' } }]);
    expect(strikes(faults, 3)).toEqual(['hang', 'hang', 'hang']);
    faults.replace([{ match: {}, action: { kind: 'drop' } }]);
    expect(strikes(faults, 2)).toEqual(['drop', undefined]);
  });

  test('count a call with every rule that it matches, and act as the first that is due', () => {
    const faults = new FaultList();
    faults.replace([
      { match: { host: '^management' }, nth: 2, action: { kind: 'hang' } },
      { match: {}, nth: 1, times: 3, action: { kind: 'drop' } },
      { match: { method: 'GET' }, times: 0, action: { kind: 'end-sas' } },
    ]);
    expect(strikes(faults, 4)).toEqual(['drop', 'hang', 'drop', undefined]);
  });
});
