import type { Express } from 'express';
import { acceptOperation, setProviderQuota } from './accept.ts';
import { operationNotAllowed } from './arm-error.ts';
import { handle } from './call.ts';
import { spendTokens } from './compute-quota.ts';
import type { Arm, Call, Handler } from './call.ts';
import { openList, openResource, required } from './gate.ts';
import type { Target } from './gate.ts';
import { VirtualMachine } from './virtual-machine.ts';
import type { PowerState } from './vm-state.ts';

const type = 'Microsoft.Compute/virtualMachines';

interface PowerChange {
  readonly kind: 'powerOff' | 'deallocate' | 'start';
  readonly during: PowerState;
  readonly after: PowerState;
  readonly retryAfterSeconds: number | undefined;
  readonly quota: 'UpdateVM' | 'DeleteVM';
  readonly check: (vm: VirtualMachine) => void;
}

const powerOff: PowerChange = {
  kind: 'powerOff',
  during: 'stopping',
  after: 'stopped',
  retryAfterSeconds: undefined,
  quota: 'UpdateVM',
  check: (vm) => {
    if (vm.powerState !== 'deallocated' && vm.powerState !== 'deallocating') return;
    throw operationNotAllowed(
      `Operation 'powerOff' is not allowed on VM '${vm.name}' since the VM is either deallocated or marked to be deallocated.`,
    );
  },
};

const deallocate: PowerChange = {
  kind: 'deallocate',
  during: 'deallocating',
  after: 'deallocated',
  retryAfterSeconds: 10,
  quota: 'DeleteVM',
  check: () => undefined,
};

const start: PowerChange = {
  kind: 'start',
  during: 'starting',
  after: 'running',
  retryAfterSeconds: 10,
  quota: 'UpdateVM',
  check: (vm) => {
    if (vm.isGeneralized) {
      throw operationNotAllowed(
        `Operation 'Start VM' is not allowed on VM '${vm.name}' since the VM is generalized.`,
      );
    }
    const exported = vm.parts.disks.find(({ disk }) => disk?.access.isTaken === true);
    if (exported === undefined) return;
    // The sentence is documented, its code is not.
    throw operationNotAllowed(
      `There is an active shared access signature outstanding for disk ${exported.scenario.name}. Call EndGetAccess before attaching this disk.`,
    );
  },
};

/** Routes of virtual machines. */
export function addVirtualMachineRoutes(app: Express, arm: Arm): void {
  const inSubscription = `/subscriptions/:subscription/providers/${type}`;
  const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
  const vm = `${inGroup}/:name`;
  app.get(inSubscription, handle(arm, listVirtualMachines));
  app.get(inGroup, handle(arm, listVirtualMachines));
  app.get(vm, handle(arm, readVirtualMachine));
  app.get(`${vm}/instanceView`, handle(arm, readInstanceView));
  app.post(`${vm}/powerOff`, handle(arm, changePower(powerOff)));
  app.post(`${vm}/deallocate`, handle(arm, changePower(deallocate)));
  app.post(`${vm}/start`, handle(arm, changePower(start)));
  app.post(`${vm}/generalize`, handle(arm, generalize));
}

function find(arm: Arm, call: Call, verb: string): { vm: VirtualMachine; target: Target } {
  const target = openResource(arm, call, type, verb);
  const vm = required(arm.world.resources.virtualMachine(target.id), target);
  vm.guest.settle();
  return { vm, target };
}

function listVirtualMachines(arm: Arm, call: Call): void {
  const scope = openList(arm, call, type);
  setProviderQuota(call, 'HighCostGetSubscriptionMaximum;3599');
  const found = arm.world.resources
    .list(scope, type)
    .filter((resource) => resource instanceof VirtualMachine);
  call.response.json({ value: found.map((vm) => vm.show({ isExpanded: false })) });
}

function readVirtualMachine(arm: Arm, call: Call): void {
  const { vm, target } = find(arm, call, 'read');
  spendTokens(arm, call, 'LowCostGet', target);
  vm.guest.look();
  const isExpanded = (call.query.get('$expand') ?? '').toLowerCase() === 'instanceview';
  call.response.set('etag', vm.etag).json(vm.show({ isExpanded }));
}

function readInstanceView(arm: Arm, call: Call): void {
  const { vm, target } = find(arm, call, 'instanceView/read');
  spendTokens(arm, call, 'LowCostGet', target);
  vm.guest.look();
  call.response.json(vm.instanceView);
}

function changePower(change: PowerChange): Handler {
  return (arm, call) => {
    const { vm, target } = find(arm, call, `${change.kind}/action`);
    spendTokens(arm, call, change.quota, target);
    change.check(vm);
    // A VM that is there already passes through no other state.
    const during = vm.powerState === change.after ? change.after : change.during;
    const powerChange = vm.change(during, change.after);
    acceptOperation(
      arm,
      call,
      { kind: change.kind, ...powerChange },
      {
        subscriptionId: target.subscriptionId,
        location: vm.location,
        service: 'operations',
        retryAfterSeconds: change.retryAfterSeconds,
      },
    );
  };
}

/**
 * https://learn.microsoft.com/rest/api/compute/virtual-machines/generalize: synchronous, without a body.
 * A VM that its guest has powered off counts as running:
 * https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/error-messages
 */
function generalize(arm: Arm, call: Call): void {
  const { vm, target } = find(arm, call, 'generalize/action');
  spendTokens(arm, call, 'UpdateVM', target);
  const isOff = vm.powerState === 'stopped' || vm.powerState === 'deallocated';
  if (!isOff || vm.isStoppedFromInside) {
    const state = vm.isStoppedFromInside ? 'running' : vm.powerState;
    throw operationNotAllowed(
      `Operation 'generalize' is not allowed on VM '${vm.name}' since the VM is ${state}. Please power off explicitly in case you shut down the VM from inside the guest operating system.`,
    );
  }
  vm.isGeneralized = true;
  vm.touch();
  call.response.status(200).end();
}
