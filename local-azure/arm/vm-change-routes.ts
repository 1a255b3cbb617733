import { randomUUID } from 'node:crypto';
import type { Express } from 'express';
import { copyRoot, removeRoot } from '../guests/copied-root.ts';
import { NetworkResource } from '../network/network-resource.ts';
import { acceptOperation } from './accept.ts';
import type { Acceptance } from './accept.ts';
import { ArmError } from './arm-error.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { spendTokens } from './compute-quota.ts';
import { openResource, required, requireLinkedAction } from './gate.ts';
import type { Target } from './gate.ts';
import type { ManagedDisk } from './managed-disk.ts';
import { OperationFailure } from './operations.ts';
import type { OperationPlan } from './operations.ts';
import { requirePolicies } from './policies.ts';
import { readTags } from './request-body.ts';
import { isSame, nameOf } from './resource-id.ts';
import { VirtualMachine } from './virtual-machine.ts';
import { requireCapacity } from './vm-capacity.ts';
import { requireDisks, requireInterfaces } from './vm-checks.ts';
import { readVmRequest } from './vm-request.ts';
import type { DiskAttachment, VmRequest } from './vm-request.ts';
import type { VirtualMachineParts } from './vm-state.ts';

const type = 'Microsoft.Compute/virtualMachines';

type FoundDisks = readonly { readonly asked: DiskAttachment; readonly disk: ManagedDisk }[];

/** Routes that make, change and delete virtual machines; they are made of disks that are there. */
export function addVirtualMachineChangeRoutes(app: Express, arm: Arm): void {
  const vm = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}/:name`;
  app.put(vm, handle(arm, putVirtualMachine));
  app.patch(vm, handle(arm, patchVirtualMachine));
  app.delete(vm, handle(arm, deleteVirtualMachine));
}

async function putVirtualMachine(arm: Arm, call: Call): Promise<void> {
  const target = openResource(arm, call, type, 'write');
  const existing = arm.world.resources.virtualMachine(target.id);
  const request = readVmRequest(target.name, call.request.body);
  requirePolicies(arm, target, request.tags);
  requireJoins(call, target, request);
  spendTokens(arm, call, 'UpdateVM', target);
  if (existing !== undefined) {
    requireSameDisks(existing, request);
    updateTags(arm, call, target, existing, request.tags);
    return;
  }
  requireInterfaces(arm, target.id, request);
  const disks = requireDisks(arm, target.id, request);
  requireCapacity(arm, target.subscriptionId, request.location, request.size);
  const vm = await createVirtualMachine(target, request, disks);
  for (const { disk } of disks) disk.owner = vm;
  arm.world.resources.put(vm);
  const { fails } = arm.world.scenario.capacity ?? {};
  const change = vm.change('starting', 'running');
  vm.provisioningState = 'Creating';
  const plan: OperationPlan = {
    kind: 'createVm',
    succeed: () => {
      if (fails !== undefined) throw new OperationFailure(fails.code, fails.message);
      change.succeed();
    },
    fail: change.fail,
  };
  const acceptance = { ...acceptanceOf(target, vm), status: 201 as const };
  acceptOperation(arm, call, plan, { ...acceptance, body: vm.show({ isExpanded: false }) });
}

/** Who attaches a disk or an interface changes it. */
function requireJoins(call: Call, { id }: Target, request: VmRequest): void {
  const own = { action: `${type}/write`, scope: id };
  for (const { diskId: scope } of request.disks) {
    requireLinkedAction(call.principal, own, { action: 'Microsoft.Compute/disks/write', scope });
  }
  for (const { id: scope } of request.interfaces) {
    const action = 'Microsoft.Network/networkInterfaces/join/action';
    requireLinkedAction(call.principal, own, { action, scope });
  }
}

/** The system that boots is the one whose disk was copied, under its own name. */
async function createVirtualMachine(
  target: Target,
  request: VmRequest,
  disks: FoundDisks,
): Promise<VirtualMachine> {
  const system = disks.find(({ asked }) => asked.place === 'os')?.disk;
  const { guest = {}, agent = 'ready', computerName = target.name } = system?.system ?? {};
  const root = guest.root === undefined ? undefined : await copyRoot(guest.root);
  const parts: VirtualMachineParts = {
    ...{ id: target.id, location: request.location, vmId: randomUUID(), timeCreated: new Date() },
    model: {
      ...request,
      computerName,
      hyperVGeneration: system?.platform.hyperVGeneration ?? 'V2',
    },
    disks: disks.map(({ asked, disk }) => ({
      scenario: {
        name: asked.name ?? nameOf(disk.id),
        ...(asked.caching === undefined ? {} : { caching: asked.caching }),
      },
      ...{ place: asked.place, disk, createOption: 'Attach', deleteOption: asked.deleteOption },
    })),
    guest: { ...guest, ...(root === undefined ? {} : { root }) },
    extensions: [],
    tags: request.tags,
    beginning: {
      powerState: 'stopped',
      provisioningState: 'Creating',
      isGeneralized: false,
      isStoppedFromInside: false,
      agent,
    },
  };
  const vm = new VirtualMachine(parts);
  // It has not reported for this VM yet.
  if (agent === 'ready') vm.guest.agent = 'notReady';
  return vm;
}

function requireSameDisks(vm: VirtualMachine, request: VmRequest): void {
  const isSameSet =
    vm.parts.disks.length === request.disks.length &&
    vm.parts.disks.every(({ place, disk }) =>
      request.disks.some((one) => one.place === place && isSame(one.diskId, disk?.id ?? '')),
    );
  if (isSameSet) return;
  // Azure attaches and detaches data disks so; the local Azure does not.
  throw new ArmError(
    409,
    'PropertyChangeNotAllowed',
    "Changing property 'storageProfile' is not allowed.",
  );
}

function patchVirtualMachine(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'write');
  const vm = required(arm.world.resources.virtualMachine(target.id), target);
  const tags = readTags(call.request.body) ?? vm.tags;
  requirePolicies(arm, target, tags);
  spendTokens(arm, call, 'UpdateVM', target);
  updateTags(arm, call, target, vm, tags);
}

function updateTags(
  arm: Arm,
  call: Call,
  target: Target,
  vm: VirtualMachine,
  tags: Readonly<Record<string, string>>,
): void {
  const former = vm.tags;
  vm.tags = tags;
  vm.touch();
  const plan: OperationPlan = {
    kind: 'createVm',
    succeed: () => undefined,
    fail: () => {
      vm.tags = former;
    },
  };
  const acceptance = { ...acceptanceOf(target, vm), status: 200 as const };
  acceptOperation(arm, call, plan, { ...acceptance, body: vm.show({ isExpanded: false }) });
}

function deleteVirtualMachine(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'delete');
  const vm = arm.world.resources.virtualMachine(target.id);
  if (vm === undefined) {
    call.response.status(204).end();
    return;
  }
  spendTokens(arm, call, 'DeleteVM', target);
  const former = vm.provisioningState;
  vm.provisioningState = 'Deleting';
  const plan: OperationPlan = {
    kind: 'deleteVm',
    succeed: () => {
      vm.guest.halt('preempted');
      arm.world.resources.remove(vm);
      releaseParts(arm, vm);
      removeRoot(vm.parts.guest.root);
    },
    fail: () => {
      vm.provisioningState = former;
    },
  };
  acceptOperation(arm, call, plan, acceptanceOf(target, vm));
}

/** What is to go with the VM goes, the rest is free: https://learn.microsoft.com/azure/virtual-machines/delete */
function releaseParts(arm: Arm, vm: VirtualMachine): void {
  const { resources } = arm.world;
  for (const { disk, deleteOption } of vm.parts.disks) {
    if (disk === undefined) continue;
    disk.owner = undefined;
    if (deleteOption === 'Delete') resources.remove(disk);
  }
  for (const { id, deleteOption } of vm.parts.model.interfaces) {
    const nic = resources.get(id);
    if (deleteOption === 'Delete' && nic instanceof NetworkResource) resources.remove(nic);
  }
}

function acceptanceOf({ subscriptionId }: Target, { location }: VirtualMachine): Acceptance {
  return { subscriptionId, location, service: 'operations', retryAfterSeconds: 10 };
}
