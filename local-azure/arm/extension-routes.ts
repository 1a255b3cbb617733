import type { Express } from 'express';
import { acceptOperation } from './accept.ts';
import { operationNotAllowed, resourceNotFound } from './arm-error.ts';
import { handle, parameter } from './call.ts';
import type { Arm, Call } from './call.ts';
import { spendTokens } from './compute-quota.ts';
import { openResource, required } from './gate.ts';
import type { Target } from './gate.ts';
import { OperationFailure } from './operations.ts';
import type { OperationPlan } from './operations.ts';
import { isSame } from './resource-id.ts';
import type { VirtualMachine } from './virtual-machine.ts';

const type = 'Microsoft.Compute/virtualMachines';

/** Routes that read and delete the extensions of VMs. */
export function addExtensionRoutes(app: Express, arm: Arm): void {
  const extensions = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}/:name/extensions`;
  app.get(extensions, handle(arm, listExtensions));
  app.get(`${extensions}/:extension`, handle(arm, readExtension));
  app.delete(`${extensions}/:extension`, handle(arm, deleteExtension));
}

function open(
  arm: Arm,
  call: Call,
  verb: string,
): { readonly vm: VirtualMachine; readonly target: Target } {
  const target = openResource(arm, call, type, `extensions/${verb}`);
  const vm = required(arm.world.resources.virtualMachine(target.id), target);
  vm.guest.settle();
  return { vm, target };
}

function listExtensions(arm: Arm, call: Call): void {
  const { vm } = open(arm, call, 'read');
  call.response.json({ value: vm.extensions.map((name) => vm.showExtension(name)) });
}

function readExtension(arm: Arm, call: Call): void {
  const { vm, target } = open(arm, call, 'read');
  const asked = parameter(call, 'extension');
  const name = vm.extensions.find((one) => isSame(one, asked));
  if (name === undefined) {
    throw resourceNotFound(`${type}/${target.name}/extensions`, asked, target.group);
  }
  call.response.json(vm.showExtension(name));
}

/** The agent takes an extension away, so that it has to run: https://learn.microsoft.com/azure/virtual-machines/extensions/overview */
function deleteExtension(arm: Arm, call: Call): void {
  const { vm, target } = open(arm, call, 'delete');
  spendTokens(arm, call, 'UpdateVM', target);
  const asked = parameter(call, 'extension');
  if (!vm.extensions.some((one) => isSame(one, asked))) {
    call.response.status(204).end();
    return;
  }
  if (vm.powerState !== 'running') {
    throw operationNotAllowed('Cannot modify extensions in the VM when the VM is not running.');
  }
  const plan: OperationPlan = {
    kind: 'extension',
    succeed: () => {
      if (vm.agent !== 'ready') {
        throw new OperationFailure(
          'VMAgentStatusCommunicationError',
          `VM '${vm.name}' has not reported status for VM agent or extensions. Verify that the OS is up and healthy, the VM has a running VM agent, and that it can establish outbound connections to Azure storage.`,
        );
      }
      vm.extensions = vm.extensions.filter((one) => !isSame(one, asked));
      vm.touch();
    },
    fail: () => undefined,
  };
  const { subscriptionId } = target;
  acceptOperation(arm, call, plan, {
    ...{ subscriptionId, location: vm.location, service: 'operations', retryAfterSeconds: 10 },
  });
}
