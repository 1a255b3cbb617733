import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { startChild } from '../../local-azure/child.ts';
import type { TrafficPair } from '../../local-azure/edge/traffic.ts';
import { runAction } from '../support/action.ts';
import { buildScenario } from '../support/scenario.ts';
import {
  definitionsFolder,
  expectDefinedPairs,
  expectDefinedTraffic,
} from '../support/traffic-check.ts';
import { inWorkspace } from '../support/workspace.ts';

/** Every operation of Azure Resource Manager that a capture uses. */
const operations = [
  'BlobServices_GetServiceProperties',
  'Disks_Get',
  'Permissions_ListForResourceGroup',
  'Snapshots_CreateOrUpdate',
  'Snapshots_Delete',
  'Snapshots_Get',
  'Snapshots_GrantAccess',
  'Snapshots_ListByResourceGroup',
  'Snapshots_RevokeAccess',
  'StorageAccounts_List',
  'VirtualMachines_Deallocate',
  'VirtualMachines_Generalize',
  'VirtualMachines_Get',
  'VirtualMachines_PowerOff',
];

const compute =
  'https://management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute';
const json = { 'content-type': 'application/json; charset=utf-8' };

if (definitionsFolder === undefined) {
  test.skip('skipped: AZURE_SPECS_DIR names no folder with the official API definitions', () =>
    undefined);
} else {
  const folder = definitionsFolder;

  test('a capture agrees with the official definitions in every operation that it uses', async () => {
    const report = await inWorkspace(async (workspace) => {
      const traffic = join(workspace, 'traffic');
      // One of its own, which has seen no other traffic.
      const azure = await startChild(buildScenario(), {
        folder: workspace,
        options: ['--traffic-file', traffic],
      });
      const run = await runAction(azure, { replicas: '2' });
      expect(await azure.end()).toBe(0);
      expect(run.main.exitCode).toBe(0);
      return expectDefinedTraffic(folder, traffic);
    });
    const { checked, unchecked, explained } = report;
    process.stdout.write(`${JSON.stringify({ checked, unchecked, explained }, undefined, 2)}\n`);
    expect(Object.keys(checked).sort()).toEqual(operations);
  });

  describe('the check against the definitions', () => {
    test.each<[string, TrafficPair, RegExp]>([
      [
        'an answer with a text for a number',
        disk({
          status: 200,
          headers: json,
          body: { location: 'x', properties: { diskSizeGB: '1' } },
        }),
        /Disks_Get: answer 200 INVALID_TYPE .*diskSizeGB/,
      ],
      [
        'an answer with a property that Azure does not have',
        disk({
          status: 200,
          headers: json,
          body: { location: 'x', properties: { colour: 'red' } },
        }),
        /Disks_Get: answer 200 OBJECT_ADDITIONAL_PROPERTIES .*colour/,
      ],
      [
        'an error without a code',
        {
          request: {
            method: 'POST',
            url: `${compute}/virtualMachines/v/deallocate?api-version=2024-03-01`,
            headers: {},
          },
          response: { status: 418, headers: json, body: { error: { message: 'No code.' } } },
        },
        /VirtualMachines_Deallocate: answer 418: no error with a code and a message/,
      ],
      [
        'an address that no definition is known for',
        {
          request: { method: 'GET', url: `${compute}/sshPublicKeys`, headers: {} },
          response: { status: 200, headers: json, body: {} },
        },
        /GET .*\/sshPublicKeys: no definition/,
      ],
    ])('finds %s', async (_name, pair, finding) => {
      await expect(expectDefinedPairs(folder, [pair])).rejects.toThrow(finding);
    });
  });
}

function disk(response: TrafficPair['response']): TrafficPair {
  const url = `${compute}/disks/d?api-version=2026-03-02`;
  return { request: { method: 'GET', url, headers: {} }, response };
}
