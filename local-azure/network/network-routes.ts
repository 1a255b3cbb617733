import type { Express } from 'express';
import { acceptOperation } from '../arm/accept.ts';
import type { Acceptance } from '../arm/accept.ts';
import { ArmError, resourceNotFound } from '../arm/arm-error.ts';
import { handle, parameter } from '../arm/call.ts';
import type { Arm, Call } from '../arm/call.ts';
import { openList, openResource, required, requireLinkedAction } from '../arm/gate.ts';
import type { Target } from '../arm/gate.ts';
import type { OperationPlan } from '../arm/operations.ts';
import { requirePolicies } from '../arm/policies.ts';
import { listAt, textAt } from '../arm/request-body.ts';
import { isSameLocation } from '../arm/resource-id.ts';
import { findSubnet } from './named-resources.ts';
import { readNetworkRequest } from './network-requests.ts';
import { NetworkResource, networkTypes } from './network-resource.ts';
import type { NetworkParts, NetworkType } from './network-resource.ts';
import { addNetworkResource } from './network-store.ts';
import { requireUnused } from './network-uses.ts';

/** Routes of security groups, virtual networks, network interfaces and public addresses. */
export function addNetworkRoutes(app: Express, arm: Arm): void {
  for (const type of Object.values(networkTypes)) {
    app.get(
      `/subscriptions/:subscription/providers/${type}`,
      handle(arm, (_arm, call) => {
        listResources(arm, call, type);
      }),
    );
    const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
    app.get(
      inGroup,
      handle(arm, (_arm, call) => {
        listResources(arm, call, type);
      }),
    );
    app.get(
      `${inGroup}/:name`,
      handle(arm, (_arm, call) => {
        call.response.json(find(arm, call, type, 'read').resource.body);
      }),
    );
    app.put(
      `${inGroup}/:name`,
      handle(arm, (_arm, call) => {
        putResource(arm, call, type);
      }),
    );
    app.delete(
      `${inGroup}/:name`,
      handle(arm, (_arm, call) => {
        deleteResource(arm, call, type);
      }),
    );
  }
  const network = `/subscriptions/:subscription/resourceGroups/:group/providers/${networkTypes.virtualNetwork}/:name`;
  app.get(`${network}/subnets/:subnet`, handle(arm, readSubnet));
}

function find(
  arm: Arm,
  call: Call,
  type: NetworkType,
  verb: string,
): { readonly resource: NetworkResource; readonly target: Target } {
  const target = openResource(arm, call, type, verb);
  return { resource: required(findResource(arm, target.id), target), target };
}

function findResource(arm: Arm, id: string): NetworkResource | undefined {
  const found = arm.world.resources.get(id);
  return found instanceof NetworkResource ? found : undefined;
}

function listResources(arm: Arm, call: Call, type: NetworkType): void {
  const scope = openList(arm, call, type);
  call.response.json({ value: arm.world.resources.list(scope, type).map(({ body }) => body) });
}

function readSubnet(arm: Arm, call: Call): void {
  const { target } = find(arm, call, networkTypes.virtualNetwork, 'subnets/read');
  const name = parameter(call, 'subnet');
  const subnet = findSubnet(arm.world.resources, `${target.id}/subnets/${name}`);
  if (subnet === undefined) {
    throw resourceNotFound(`${target.type}/${target.name}/subnets`, name, target.group);
  }
  call.response.json(subnet);
}

function putResource(arm: Arm, call: Call, type: NetworkType): void {
  const target = openResource(arm, call, type, 'write');
  const { resources } = arm.world;
  const body: unknown = call.request.body;
  const existing = findResource(arm, target.id);
  const parts = readNetworkRequest(type, existing?.id ?? target.id, body, resources);
  requirePolicies(arm, target, parts.tags);
  requireJoins(call, target, parts);
  if (existing !== undefined && !isSameLocation(existing.location, parts.location)) {
    throw new ArmError(
      409,
      'InvalidResourceLocation',
      `The resource '${target.name}' already exists in location '${existing.location}' in resource group '${target.group}'. A resource with the same name cannot be created in location '${parts.location}'. Please select a new resource name.`,
      { source: 'gateway' },
    );
  }
  const resource = existing ?? addNetworkResource(resources, parts);
  resource.parts = parts;
  resource.provisioningState = 'Updating';
  const plan: OperationPlan = {
    kind: 'network',
    succeed: () => {
      resource.provisioningState = 'Succeeded';
    },
    fail: () => {
      resource.provisioningState = 'Failed';
    },
  };
  const status = existing === undefined ? 201 : 200;
  acceptOperation(arm, call, plan, {
    ...acceptanceOf(target, resource, 3),
    body: resource.body,
    status,
  });
}

/** Who names another resource must have the right to join it. */
function requireJoins(call: Call, { id, type }: Target, { properties }: NetworkParts): void {
  const named = [
    ...listAt(properties, 'ipConfigurations').flatMap((one) => [
      ['virtualNetworks/subnets', textAt(one, 'properties', 'subnet', 'id')],
      ['publicIPAddresses', textAt(one, 'properties', 'publicIPAddress', 'id')],
    ]),
    ['networkSecurityGroups', textAt(properties, 'networkSecurityGroup', 'id')],
    ...listAt(properties, 'subnets').map((one) => [
      'networkSecurityGroups',
      textAt(one, 'properties', 'networkSecurityGroup', 'id'),
    ]),
  ];
  for (const [kind = '', scope] of named) {
    if (scope === undefined) continue;
    requireLinkedAction(
      call.principal,
      { action: `${type}/write`, scope: id },
      { action: `Microsoft.Network/${kind}/join/action`, scope },
    );
  }
}

function deleteResource(arm: Arm, call: Call, type: NetworkType): void {
  const target = openResource(arm, call, type, 'delete');
  const resource = findResource(arm, target.id);
  if (resource === undefined) {
    call.response.status(204).end();
    return;
  }
  requireUnused(arm.world.resources, resource);
  resource.provisioningState = 'Deleting';
  const plan: OperationPlan = {
    kind: 'network',
    succeed: () => {
      arm.world.resources.remove(resource);
    },
    fail: () => {
      resource.provisioningState = 'Succeeded';
    },
  };
  acceptOperation(arm, call, plan, acceptanceOf(target, resource, 10));
}

function acceptanceOf(
  { subscriptionId }: Target,
  { location }: NetworkResource,
  retryAfterSeconds: number,
): Acceptance {
  return {
    ...{ subscriptionId, location, retryAfterSeconds },
    service: 'operations',
    provider: 'Microsoft.Network',
  };
}
