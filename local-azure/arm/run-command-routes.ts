import type { Express } from 'express';
import { acceptOperation } from './accept.ts';
import { ArmError, invalidParameter, operationNotAllowed } from './arm-error.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { spendTokens } from './compute-quota.ts';
import { openResource, required } from './gate.ts';
import { runGuestScript } from './guest-script.ts';
import type { GuestRun, GuestScript } from './guest-script.ts';
import { OperationFailure } from './operations.ts';
import type { OperationPlan } from './operations.ts';
import { listAt, missingParameter, textAt } from './request-body.ts';
import type { VirtualMachine } from './virtual-machine.ts';

const type = 'Microsoft.Compute/virtualMachines';

/** The route of action run commands, https://learn.microsoft.com/azure/virtual-machines/run-command-overview. */
export function addRunCommandRoutes(app: Express, arm: Arm): void {
  const vm = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}/:name`;
  app.post(`${vm}/runCommand`, handle(arm, runCommand));
}

function runCommand(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'runCommand/action');
  const vm = required(arm.world.resources.virtualMachine(target.id), target);
  spendTokens(arm, call, 'UpdateVM', target);
  const script = readScript(call.request.body, vm);
  requireReady(vm);
  vm.isRunningCommand = true;
  acceptOperation(arm, call, planOf(vm, script), {
    subscriptionId: target.subscriptionId,
    location: vm.location,
    service: 'operations',
    retryAfterSeconds: undefined,
  });
}

function planOf(vm: VirtualMachine, script: GuestScript): OperationPlan {
  return {
    kind: 'runCommand',
    succeed: () => {
      if (vm.agent !== 'ready') throw agentIsSilent(vm.name);
      vm.isRunningCommand = false;
      const run = runGuestScript(script);
      if (run.isAgentStopped) vm.agent = 'notReady';
      if (run.isPoweredOff) vm.powerOffFromInside();
      return { value: describeRun(script, run) };
    },
    fail: () => {
      vm.isRunningCommand = false;
    },
  };
}

/** One entry on Linux, with both streams in one text; two on Windows. */
function describeRun(
  { osType }: GuestScript,
  { output }: GuestRun,
): readonly Readonly<Record<string, string>>[] {
  const entry = (code: string, message: string) => ({
    ...{ code, level: 'Info', displayStatus: 'Provisioning succeeded' },
    message,
  });
  return osType === 'Linux'
    ? [entry('ProvisioningState/succeeded', `Enable succeeded: \n[stdout]\n${output}\n[stderr]\n`)]
    : [
        entry('ComponentStatus/StdOut/succeeded', output.trimEnd()),
        entry('ComponentStatus/StdErr/succeeded', ''),
      ];
}

function readScript(body: unknown, vm: VirtualMachine): GuestScript {
  const commandId = textAt(body, 'commandId');
  if (commandId === undefined) throw missingParameter('commandId');
  const { osType } = vm.parts.scenario;
  const known = osType === 'Linux' ? 'RunShellScript' : 'RunPowerShellScript';
  // Azure has more commands, all of which are scripts of its own.
  if (commandId.toLowerCase() !== known.toLowerCase()) {
    throw invalidParameter(`The value '${commandId}' of parameter 'commandId' is invalid.`);
  }
  return {
    osType,
    lines: listAt(body, 'script').map(String),
    parameters: listAt(body, 'parameters').map((one) => ({
      name: textAt(one, 'name') ?? '',
      value: textAt(one, 'value') ?? '',
    })),
  };
}

/** None of these refusals is recorded; users report their words. */
function requireReady(vm: VirtualMachine): void {
  if (vm.agent === 'absent') {
    throw operationNotAllowed(
      'This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM Agent is installed on the VM and the osProfile.allowExtensionOperations property is true.',
    );
  }
  if (vm.powerState !== 'running') {
    throw operationNotAllowed('The operation requires the VM to be running (or set to run).');
  }
  if (!vm.isRunningCommand) return;
  throw new ArmError(
    409,
    'Conflict',
    'Run command extension execution is in progress. Please wait for completion before invoking a run command.',
  );
}

function agentIsSilent(name: string): OperationFailure {
  return new OperationFailure(
    'VMAgentStatusCommunicationError',
    `VM '${name}' has not reported status for VM agent or extensions. Verify that the OS is up and healthy, the VM has a running VM agent, and that it can establish outbound connections to Azure storage.`,
  );
}
