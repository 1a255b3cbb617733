import type { Express } from 'express';
import { acceptOperation } from './accept.ts';
import { ArmError, invalidParameter, operationNotAllowed } from './arm-error.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { spendTokens } from './compute-quota.ts';
import { openResource, required } from './gate.ts';
import { runGuestScript, tailOf } from './guest-script.ts';
import type { CommandEnd } from '../guests/guest.ts';
import type { GuestScript } from './guest-script.ts';
import { OperationFailure } from './operations.ts';
import type { OperationPlan } from './operations.ts';
import { listAt, missingParameter, textAt } from './request-body.ts';
import type { VirtualMachine } from './virtual-machine.ts';

const type = 'Microsoft.Compute/virtualMachines';

interface Streams {
  readonly stdout: string;
  readonly stderr: string;
}

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
  acceptOperation(arm, call, planOf(vm, script), {
    subscriptionId: target.subscriptionId,
    location: vm.location,
    service: 'operations',
    retryAfterSeconds: undefined,
  });
}

function planOf(vm: VirtualMachine, script: GuestScript): OperationPlan {
  const { guest } = vm;
  const command = guest.agent === 'ready' ? guest.take(script.lines.join('\n')) : undefined;
  if (command === undefined) return planOutline(vm, script);
  return {
    kind: 'runCommand',
    isOver: () => {
      guest.look();
      return command.end !== undefined;
    },
    succeed: () => ({ value: describeRun(script, resultOf(command.end, vm.name)) }),
    fail: () => undefined,
  };
}

/** Of a script that the guest has no act for. */
function planOutline(vm: VirtualMachine, script: GuestScript): OperationPlan {
  vm.guest.isCarrying = true;
  return {
    kind: 'runCommand',
    succeed: () => {
      if (vm.agent !== 'ready') throw agentIsSilent(vm.name);
      vm.guest.isCarrying = false;
      vm.guest.hasCarried = true;
      const run = runGuestScript(script);
      if (run.isAgentStopped) vm.guest.agent = 'notReady';
      if (run.isPoweredOff) vm.powerOffFromInside();
      return { value: describeRun(script, run) };
    },
    fail: () => {
      vm.guest.isCarrying = false;
    },
  };
}

function resultOf(end: CommandEnd | undefined, vmName: string): Streams {
  if (end?.kind === 'done') return end;
  if (end?.kind === 'failed') throw new OperationFailure(end.code, end.message);
  if (end?.kind === 'preempted') {
    throw new OperationFailure(
      'OperationPreempted',
      'The operation has been preempted by a more recent operation.',
    );
  }
  throw agentIsSilent(vmName);
}

/** One entry on Linux, with both streams in one text; two on Windows. */
function describeRun(
  { osType }: GuestScript,
  streams: Streams,
): readonly Readonly<Record<string, string>>[] {
  const entry = (code: string, message: string) => ({
    ...{ code, level: 'Info', displayStatus: 'Provisioning succeeded' },
    message,
  });
  const stdout = tailOf(streams.stdout);
  const stderr = tailOf(streams.stderr);
  return osType === 'Linux'
    ? [
        entry(
          'ProvisioningState/succeeded',
          `Enable succeeded: \n[stdout]\n${stdout}\n[stderr]\n${stderr}`,
        ),
      ]
    : [
        entry('ComponentStatus/StdOut/succeeded', stdout.trimEnd()),
        entry('ComponentStatus/StdErr/succeeded', stderr.trimEnd()),
      ];
}

function readScript(body: unknown, vm: VirtualMachine): GuestScript {
  const commandId = textAt(body, 'commandId');
  if (commandId === undefined) throw missingParameter('commandId');
  const { osType } = vm.parts.model;
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
  vm.guest.look();
  if (vm.agent === 'absent') {
    throw operationNotAllowed(
      'This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM Agent is installed on the VM and the osProfile.allowExtensionOperations property is true.',
    );
  }
  if (vm.powerState !== 'running') {
    throw operationNotAllowed('The operation requires the VM to be running (or set to run).');
  }
  if (!vm.guest.isCarrying) return;
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
