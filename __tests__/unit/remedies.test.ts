import { describe, expect, test } from '@jest/globals';
import { azureFailure, explain } from '../../src/errors.ts';
import { remedyFor } from '../../src/remedies.ts';
import { remedyIn } from '../support/remedy.ts';

const vm =
  '/subscriptions/s/resourceGroups/images/providers/Microsoft.Compute/virtualMachines/builder';
const called = {
  vm: `https://management.azure.com${vm}/powerOff?api-version=2024-03-01`,
  operation:
    'https://management.azure.com/subscriptions/s/providers/Microsoft.Compute/locations/x/operations/y?t=1',
  blob: 'https://imageswe1.blob.core.windows.net/vhds/a.vhd?comp=page',
  export: 'https://md-abc.z3.blob.storage.azure.net/x/abcd?sig=secret',
  login: 'https://login.microsoftonline.com/tenant/oauth2/v2.0/token',
};

/** An error of a call as the SDKs throw it. */
function failed(
  url: string | undefined,
  fields: object,
  headers: Readonly<Record<string, string>> = {},
): Error {
  const response = { headers: { get: (name: string) => headers[name] } };
  const request = url === undefined ? undefined : { url };
  return Object.assign(new Error('No'), { name: 'RestError', request, response, ...fields });
}

describe('what to do about a failed call', () => {
  test.each<readonly [string, Error, string]>([
    [
      'a quota that is used up, told as what is not allowed',
      failed(called.vm, {
        statusCode: 409,
        code: 'OperationNotAllowed',
        message: 'It would exceed the approved Total Regional Cores quota.',
      }),
      'Ask for more quota, or free some, and run again.',
    ],
    [
      'a disk of the runner that is full',
      failed(undefined, { code: 'ENOSPC' }),
      'The runner cannot write its files: look at the room on its disk and at its rights, and run again.',
    ],
    [
      'a certificate of a proxy that the runner does not know',
      failed(called.vm, { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
      'The runner does not reach "management.azure.com": check its network, proxy and firewall, and run again.',
    ],
    [
      'a request that Azure does not take',
      failed(called.vm, { statusCode: 400 }, { 'x-ms-request-id': 'r-1' }),
      'Running again will hardly change it: report it with the debug log, the request ID "r-1".',
    ],
    [
      'a token that Azure does not take',
      failed(called.vm, { statusCode: 401 }),
      'Azure does not take the token: check how the identity signs in, and run again.',
    ],
    [
      'a refusal of the resource manager',
      failed(called.vm, { statusCode: 403 }),
      `Compare the roles of the identity on "${vm}" with docs/permissions.md, look for policies that deny it, and run again.`,
    ],
    [
      'a refusal of the blob service',
      failed(called.blob, { statusCode: 403 }),
      'Grant the identity "Storage Blob Data Contributor" on the storage account, let the runner through its firewall, and run again.',
    ],
    [
      'a refusal of an export',
      failed(called.export, { statusCode: 403 }),
      'The read access to the snapshot has ended: see who revoked it, and run again.',
    ],
    [
      'a refusal elsewhere',
      failed(called.login, { statusCode: 403 }),
      'Compare the roles of the identity with docs/permissions.md and run again.',
    ],
    [
      'what is gone',
      failed(called.blob, { statusCode: 404 }),
      'It was deleted meanwhile, or the identity may not see it: look for "https://imageswe1.blob.core.windows.net/vhds/a.vhd" and run again.',
    ],
    [
      'an operation that is gone',
      failed(called.operation, { statusCode: 404 }),
      'It was deleted meanwhile, or the identity may not see it: look for it and run again.',
    ],
    [
      'an operation that may not be asked for',
      failed(called.operation, { statusCode: 403 }),
      'Compare the roles of the identity on the subscription with docs/permissions.md, look for policies that deny it, and run again.',
    ],
    [
      'a conflict',
      failed(called.vm, { statusCode: 409, code: 'Busy' }),
      `Something else works on it or has changed it: see what works on "${vm}", wait for its end and run again.`,
    ],
    [
      'a condition that does not hold',
      failed(undefined, { statusCode: 412 }),
      'Something else works on it or has changed it: see what works on it, wait for its end and run again.',
    ],
    [
      'throttling',
      failed(called.vm, { statusCode: 429 }),
      'Azure throttles the subscription or the account: run again later, with fewer runs at once.',
    ],
    [
      'a failure of Azure',
      failed(called.vm, { statusCode: 503 }),
      'Azure fails here, which should pass: look at https://azure.status.microsoft and run again later.',
    ],
    [
      'an odd status',
      failed(called.blob, { statusCode: 416 }),
      'Running again will hardly change it: report it with the debug log.',
    ],
    [
      'a connection that breaks',
      failed(called.blob, { code: 'ECONNRESET' }),
      'The runner does not reach "imageswe1.blob.core.windows.net": check its network, proxy and firewall, and run again.',
    ],
    [
      'a name that nobody knows',
      failed(undefined, { code: 'REQUEST_SEND_ERROR' }),
      'The runner does not reach the service: check its network, proxy and firewall, and run again.',
    ],
    [
      'an operation that failed',
      failed(called.vm, { code: 'OSProvisioningTimedOut' }),
      'The activity log of the resource tells more; remove the cause and run again.',
    ],
    ['anything else', new Error('No'), 'Run again; if it stays so, report it with the debug log.'],
    [
      'a known code before its status',
      failed(called.vm, { statusCode: 409, code: 'ScopeLocked' }),
      'Remove the lock, or take resources that are not locked, and run again.',
    ],
  ])('%s', (_name, error, expected) => {
    expect(remedyFor(azureFailure(error))).toBe(expected);
    const { message, reason } = explain('Could not x', error);
    expect(message).toBe(`${reason} ${expected}`);
    expect(remedyIn(message)).toBeDefined();
    expect(remedyIn(reason)).toBeUndefined();
    expect(message).not.toContain('secret');
  });
});

describe('a remedy in an error', () => {
  test.each([
    'Could not stop VM "builder": Busy (409): the VM is busy.',
    'Could not read the blob: (500): the server failed. Nothing was changed.',
    'Disk "checked" is set: the operation was reported.',
  ])('is missed in: %s', (line) => {
    expect(remedyIn(line)).toBeUndefined();
  });
});
