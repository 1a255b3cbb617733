import type { Express } from 'express';
import { invalidParameter, operationNotAllowed } from './arm-error.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { openResource, required } from './gate.ts';

const type = 'Microsoft.Compute/virtualMachines';

/** The route of https://learn.microsoft.com/rest/api/compute/virtual-machines/retrieve-boot-diagnostics-data */
export function addBootDiagnosticsRoutes(app: Express, arm: Arm): void {
  const vm = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}/:name`;
  app.post(`${vm}/retrieveBootDiagnosticsData`, handle(arm, openLog));
}

function openLog(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'retrieveBootDiagnosticsData/action');
  const vm = required(arm.world.resources.virtualMachine(target.id), target);
  const minutes = Number(call.query.get('sasUriExpirationTimeInMinutes') ?? 120);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1440) {
    throw invalidParameter(
      "The value of parameter 'sasUriExpirationTimeInMinutes' is invalid. It must be between 1 and 1440.",
    );
  }
  if (!vm.parts.model.hasBootDiagnostics) {
    // Neither the code nor the words are recorded.
    throw operationNotAllowed(`Boot diagnostics is not enabled for VM '${vm.name}'.`);
  }
  vm.guest.look();
  const read = (): string => vm.guest.serial;
  const log = { vmName: vm.name, vmId: vm.parts.vmId, minutes, read };
  call.response.json(arm.world.bootLogs.grant(log));
}
