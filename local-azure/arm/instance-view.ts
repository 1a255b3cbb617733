import { formatTime } from './azure-time.ts';
import type { VirtualMachineState } from './vm-state.ts';

type Status = Record<string, string>;

/** The run-time view of a VM. A deallocated one has no agent and no computer name. */
export function buildInstanceView(vm: VirtualMachineState): Record<string, unknown> {
  const { model, disks } = vm.parts;
  return {
    ...(vm.powerState === 'deallocated' ? {} : describeGuest(vm)),
    disks: disks.map((attached) => ({
      name: attached.scenario.name,
      statuses: [succeeded(vm.changedAt)],
    })),
    ...(vm.extensions.length === 0 ? {} : { extensions: vm.extensions.map(describeExtension) }),
    ...(model.hasBootDiagnostics ? { bootDiagnostics: {} } : {}),
    hyperVGeneration: model.hyperVGeneration,
    statuses: [
      ...(vm.isGeneralized
        ? [{ code: 'OSState/generalized', level: 'Info', displayStatus: 'VM generalized' }]
        : []),
      describeProvisioning(vm),
      {
        code: `PowerState/${vm.powerState}`,
        level: 'Info',
        displayStatus: `VM ${vm.powerState}`,
      },
    ],
  };
}

function describeGuest({
  parts: { model },
  extensions,
  guest,
  changedAt,
}: VirtualMachineState): Record<string, unknown> {
  const { agent } = guest;
  const isLinux = model.osType === 'Linux';
  const runCommand = `Microsoft.CPlat.Core.RunCommand${model.osType}`;
  const handlers = [...extensions, ...(guest.hasCarried ? [runCommand] : [])];
  return {
    computerName: model.computerName,
    osName: isLinux ? 'ubuntu' : 'Windows Server 2022 Datacenter Azure Edition',
    osVersion: isLinux ? '22.04' : '10.0.20348.2582',
    ...(agent === 'absent' ? {} : { vmAgent: describeAgent(agent, isLinux, changedAt, handlers) }),
  };
}

function describeAgent(
  agent: 'ready' | 'notReady',
  isLinux: boolean,
  time: Date,
  handlers: readonly string[],
): Record<string, unknown> {
  if (agent === 'notReady') {
    return {
      vmAgentVersion: 'Unknown',
      statuses: [
        {
          code: 'ProvisioningState/Unavailable',
          level: 'Warning',
          displayStatus: 'Not Ready',
          message: 'VM status blob is found but not yet populated.',
          time: formatTime(time),
        },
      ],
    };
  }
  return {
    vmAgentVersion: isLinux ? '2.11.1.12' : '2.7.41491.1131',
    statuses: [
      {
        code: 'ProvisioningState/succeeded',
        level: 'Info',
        displayStatus: 'Ready',
        message: isLinux
          ? 'Guest Agent is running'
          : 'GuestAgent is running and processing the extensions.',
        time: formatTime(time),
      },
    ],
    extensionHandlers: handlers.map(describeHandler),
  };
}

function describeHandler(type: string): Record<string, unknown> {
  const status = { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Ready' };
  return { type, typeHandlerVersion: '1.0', status };
}

function describeExtension(name: string): Record<string, unknown> {
  return {
    name,
    type: name,
    statuses: [
      {
        code: 'ProvisioningState/succeeded',
        level: 'Info',
        displayStatus: 'Provisioning succeeded',
      },
    ],
  };
}

function describeProvisioning({ provisioningState, changedAt }: VirtualMachineState): Status {
  if (provisioningState === 'Succeeded') return succeeded(changedAt);
  const isFailed = provisioningState === 'Failed';
  return {
    code: `ProvisioningState/${provisioningState.toLowerCase()}`,
    level: isFailed ? 'Error' : 'Info',
    displayStatus: isFailed ? 'Provisioning failed' : provisioningState,
    time: formatTime(changedAt),
  };
}

function succeeded(time: Date): Status {
  return {
    code: 'ProvisioningState/succeeded',
    level: 'Info',
    displayStatus: 'Provisioning succeeded',
    time: formatTime(time),
  };
}
