import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Scenario } from '../../local-azure/scenario.ts';
import { startArm, type ArmListener } from '../support/arm-listener.ts';
import { smallScenario, subscriptionId } from '../support/small-scenario.ts';

const group = `/subscriptions/${subscriptionId}/resourceGroups/images`;
const network = `${group}/providers/Microsoft.Network`;
const as = 'image-builder';
const location = 'westeurope';
const [vm] = smallScenario.virtualMachines ?? [];

let arm: ArmListener;

beforeEach(async () => {
  arm = await startArm(scenarioOf({}));
});

afterEach(() => {
  arm.close();
});

function scenarioOf(changes: Partial<Scenario>): Scenario {
  if (vm === undefined) throw new Error('The small scenario has no VM.');
  return {
    ...smallScenario,
    virtualMachines: [{ ...vm, publicAddress: true }],
    networks: [{ resourceGroup: 'images', name: 'shared' }],
    ...changes,
  };
}

function send(method: string, path: string, body?: unknown) {
  return arm.send(path, { method, as, ...(body === undefined ? {} : { body }) });
}

/** Sends a request and polls its operation to the end. */
async function finish(method: string, path: string, body?: unknown): Promise<unknown> {
  const started = await send(method, path, body);
  const url = started.headers.get('azure-asyncoperation') ?? '';
  expect(url).toContain('/providers/Microsoft.Network/locations/westeurope/operations/');
  expect((await send('GET', url)).body).toMatchObject({ status: 'InProgress' });
  expect((await send('GET', url)).body).toMatchObject({ status: 'Succeeded' });
  return started.status;
}

const denyAll = {
  name: 'deny-all',
  properties: {
    ...{ protocol: '*', access: 'Deny', direction: 'Inbound', priority: 4000 },
    ...{ sourceAddressPrefix: '*', sourcePortRange: '*' },
    ...{ destinationAddressPrefix: '*', destinationPortRange: '*' },
  },
};

const copyNetwork = {
  location,
  tags: { run: '1' },
  properties: {
    addressSpace: { addressPrefixes: ['10.9.0.0/29'] },
    subnets: [
      {
        name: 'only',
        properties: {
          addressPrefix: '10.9.0.0/29',
          networkSecurityGroup: { id: `${network}/networkSecurityGroups/copy` },
        },
      },
    ],
  },
};

function nicIn(subnet: string, extra: object = {}): object {
  const properties = { subnet: { id: `${network}/virtualNetworks/${subnet}` }, ...extra };
  return { location, properties: { ipConfigurations: [{ name: 'one', properties }] } };
}

describe('the network of a VM of the scenario', () => {
  test('is there, and every part names the others', async () => {
    const nic = (await send('GET', `${network}/networkInterfaces/builder-nic`)).body;
    expect(nic).toMatchObject({
      location,
      properties: {
        provisioningState: 'Succeeded',
        virtualMachine: { id: `${group}/providers/Microsoft.Compute/virtualMachines/builder` },
        ipConfigurations: [
          {
            properties: {
              privateIPAddress: '10.0.0.4',
              subnet: { id: `${network}/virtualNetworks/builder-vnet/subnets/default` },
              publicIPAddress: { id: `${network}/publicIPAddresses/builder-ip` },
            },
          },
        ],
      },
    });
    const configuration = {
      id: `${network}/networkInterfaces/builder-nic/ipConfigurations/ipconfig1`,
    };
    expect((await send('GET', `${network}/publicIPAddresses/builder-ip`)).body).toMatchObject({
      properties: { ipConfiguration: configuration },
    });
    const subnet = { name: 'default', properties: { ipConfigurations: [configuration] } };
    const path = `${network}/virtualNetworks/builder-vnet`;
    expect((await send('GET', path)).body).toMatchObject({ properties: { subnets: [subnet] } });
    expect((await send('GET', `${path}/subnets/default`)).body).toMatchObject(subnet);
    expect(await send('GET', `${path}/subnets/other`)).toMatchObject({ status: 404 });
  });

  test.each([
    ['networkInterfaces/builder-nic', 'NicInUse', /virtualMachines\/builder/],
    ['publicIPAddresses/builder-ip', 'PublicIPAddressCannotBeDeleted', /ipconfig1/],
    ['virtualNetworks/builder-vnet', 'InUseSubnetCannotBeDeleted', /Subnet default is in use/],
  ])('is not deleted while it is used: %s', async (path, code, message) => {
    expect(await send('DELETE', `${network}/${path}`)).toMatchObject({
      status: 400,
      body: { error: { code, message: expect.stringMatching(message) } },
    });
  });
});

describe('a network', () => {
  test('is made, listed and taken down in its order', async () => {
    const groupPath = `${network}/networkSecurityGroups/copy`;
    const rules = { location, properties: { securityRules: [denyAll] } };
    expect(await finish('PUT', groupPath, rules)).toBe(201);
    expect(await finish('PUT', groupPath, rules)).toBe(200);
    expect(await finish('PUT', `${network}/virtualNetworks/copy`, copyNetwork)).toBe(201);
    expect(
      await finish('PUT', `${network}/networkInterfaces/copy`, nicIn('copy/subnets/only')),
    ).toBe(201);
    expect((await send('GET', groupPath)).body).toMatchObject({
      properties: {
        provisioningState: 'Succeeded',
        securityRules: [{ name: 'deny-all', properties: { priority: 4000 } }],
        subnets: [{ id: `${network}/virtualNetworks/copy/subnets/only` }],
      },
    });
    const listed = (await send('GET', `${network}/networkInterfaces`)).body as {
      readonly value: readonly { readonly name: string }[];
    };
    expect(listed.value.map(({ name }) => name)).toEqual(['builder-nic', 'copy']);
    expect(await send('DELETE', groupPath)).toMatchObject({
      body: { error: { code: 'InUseNetworkSecurityGroupCannotBeDeleted' } },
    });
    for (const path of [
      'networkInterfaces/copy',
      'virtualNetworks/copy',
      'networkSecurityGroups/copy',
    ]) {
      expect(await finish('DELETE', `${network}/${path}`)).toBe(202);
      expect(await send('GET', `${network}/${path}`)).toMatchObject({ status: 404 });
      expect(await send('DELETE', `${network}/${path}`)).toMatchObject({ status: 204 });
    }
  });

  test('gives its interfaces addresses as long as it has any', async () => {
    const subnets = [{ name: 'tight', addressPrefix: '10.2.0.0/29' }];
    const tight = { resourceGroup: 'images', name: 'tight', addressPrefix: '10.2.0.0/24', subnets };
    arm.close();
    arm = await startArm(scenarioOf({ networks: [tight] }));
    const put = (name: string) =>
      send('PUT', `${network}/networkInterfaces/${name}`, nicIn('tight/subnets/tight'));
    for (const last of [4, 5, 6]) {
      expect((await put(`n${last}`)).body).toMatchObject({
        properties: {
          ipConfigurations: [{ properties: { privateIPAddress: `10.2.0.${last}` } }],
        },
      });
    }
    expect(await put('n7')).toMatchObject({
      status: 400,
      body: { error: { code: 'SubnetIsFull' } },
    });
    // The same interface keeps what it has.
    expect(await put('n4')).toMatchObject({ status: 200 });
  });

  test.each<[string, string, unknown, number, string]>([
    ['without a region', 'virtualNetworks/n', {}, 400, 'LocationRequired'],
    [
      'with a subnet outside of it',
      'virtualNetworks/n',
      {
        location,
        properties: {
          addressSpace: { addressPrefixes: ['10.0.0.0/24'] },
          subnets: [{ name: 'a', properties: { addressPrefix: '10.1.0.0/24' } }],
        },
      },
      400,
      'NetcfgInvalidSubnet',
    ],
    [
      'with addresses that are none',
      'virtualNetworks/n',
      { location, properties: { addressSpace: { addressPrefixes: ['10.0.0.1/24'] } } },
      400,
      'InvalidCIDRNotation',
    ],
    [
      'whose subnet has a missing group',
      'virtualNetworks/n',
      copyNetwork,
      400,
      'InvalidResourceReference',
    ],
    [
      'with an interface in no subnet',
      'networkInterfaces/n',
      nicIn('none/subnets/x'),
      400,
      'InvalidResourceReference',
    ],
    [
      'with an interface in another region',
      'networkInterfaces/n',
      { ...nicIn('shared/subnets/default'), location: 'northeurope' },
      400,
      'InvalidResourceReference',
    ],
    [
      'with an interface without addresses',
      'networkInterfaces/n',
      { location, properties: {} },
      400,
      'NetworkInterfaceMustHaveAtLeastOneIpConfiguration',
    ],
    [
      'with a public address that is taken',
      'networkInterfaces/n',
      nicIn('shared/subnets/default', {
        publicIPAddress: { id: `${network}/publicIPAddresses/builder-ip` },
      }),
      400,
      'PublicIPAddressInUse',
    ],
    [
      'with two rules of one priority',
      'networkSecurityGroups/n',
      { location, properties: { securityRules: [denyAll, { ...denyAll, name: 'other' }] } },
      400,
      'SecurityRuleConflict',
    ],
    [
      'with a rule without a direction',
      'networkSecurityGroups/n',
      {
        location,
        properties: {
          securityRules: [{ name: 'x', properties: { protocol: '*', access: 'Deny' } }],
        },
      },
      400,
      'SecurityRuleParameterValueMissing',
    ],
    [
      'in another region than it is in',
      'virtualNetworks/shared',
      { location: 'northeurope', properties: {} },
      409,
      'InvalidResourceLocation',
    ],
  ])('%s is refused', async (_name, path, body, status, code) => {
    expect(await send('PUT', `${network}/${path}`, body)).toMatchObject({
      status,
      body: { error: { code } },
    });
  });

  test('needs the right to join what it names', async () => {
    arm.close();
    const actions = ['Microsoft.Network/networkInterfaces/*'];
    const identity = {
      name: 'nic-maker',
      clientId: 'nic-maker',
      roleAssignments: [{ role: { actions } }],
    };
    arm = await startArm(scenarioOf({ identities: [identity] }));
    const body = nicIn('shared/subnets/default');
    const path = `${network}/networkInterfaces/n`;
    expect(await arm.send(path, { method: 'PUT', body, as: 'nic-maker' })).toMatchObject({
      status: 403,
      body: {
        error: {
          code: 'LinkedAuthorizationFailed',
          message: expect.stringContaining('Microsoft.Network/virtualNetworks/subnets/join/action'),
        },
      },
    });
  });

  test('is under policies and locks', async () => {
    arm.close();
    arm = await startArm(
      scenarioOf({
        policies: [
          { name: 'no-networks', types: ['Microsoft.Network/virtualNetworks'], requiredTag: 'run' },
        ],
        locks: [{ scope: `${network}/virtualNetworks/shared`, level: 'CanNotDelete' }],
      }),
    );
    const body = { location, properties: {} };
    expect(await send('PUT', `${network}/virtualNetworks/n`, body)).toMatchObject({
      status: 403,
      body: { error: { code: 'RequestDisallowedByPolicy' } },
    });
    expect(
      await send('PUT', `${network}/virtualNetworks/n`, { ...body, tags: { run: '1' } }),
    ).toMatchObject({
      status: 201,
    });
    expect(await send('DELETE', `${network}/virtualNetworks/shared`)).toMatchObject({
      status: 409,
      body: { error: { code: 'ScopeLocked' } },
    });
  });
});
