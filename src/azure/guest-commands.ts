import {
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  type HttpClient,
} from '@azure/core-rest-pipeline';
import { azureFailure } from '../errors.ts';
import type { OsType } from '../facts.ts';
import { finish, found, vmPatience, type ComputeClients } from './compute-clients.ts';

/** Verbs that reach into the guest of a VM. Each takes the VM's resource ID. */
export interface GuestCommands {
  /**
   * Runs a script as root or SYSTEM and gives the last 4096 bytes of what it printed; its exit code is not told.
   * Rejects when there is no end within `deadlineMs`, which does not end the script: it cannot be cancelled. Calls
   * `onAccepted` as soon as Azure has taken it.
   * https://learn.microsoft.com/azure/virtual-machines/run-command-overview
   */
  run(
    vmId: string,
    script: GuestScript,
    deadlineMs: number,
    signal: AbortSignal,
    onAccepted?: () => void,
  ): Promise<string>;
  /** The serial console as boot diagnostics keeps it; undefined where that is off or may not be seen. Rejects for what passes. */
  serialLog(vmId: string, signal: AbortSignal): Promise<string | undefined>;
  /** Removes an extension; done also when it is not there any more. */
  removeExtension(vmId: string, name: string, signal: AbortSignal): Promise<void>;
}

export interface GuestScript {
  readonly osType: OsType;
  readonly text: string;
}

const COMMANDS: Readonly<Record<OsType, string>> = {
  Linux: 'RunShellScript',
  Windows: 'RunPowerShellScript',
};
/** A script takes 20 s at least. */
const FIRST_PAUSE_MS = 5_000;

export function createGuestCommands({ at }: ComputeClients, httpClient: HttpClient): GuestCommands {
  return {
    async run(vmId, { osType, text }, deadlineMs, signal, onAccepted) {
      const { client, group, name } = at(vmId);
      const command = { commandId: COMMANDS[osType], script: text.split('\n') };
      const options = { updateIntervalInMs: vmPatience.intervalMs };
      const poller = client.virtualMachines.runCommand(group, name, command, options);
      const patience = { ...vmPatience, firstPauseMs: FIRST_PAUSE_MS, deadlineMs, onAccepted };
      const { value = [] } = await finish(poller, patience, signal);
      return value.map(({ message = '' }) => message).join('\n');
    },
    async serialLog(vmId, signal) {
      const { client, group, name } = at(vmId);
      try {
        const options = { abortSignal: signal };
        const { serialConsoleLogBlobUri: url } =
          await client.virtualMachines.retrieveBootDiagnosticsData(group, name, options);
        return url === undefined ? undefined : await readText(httpClient, url, signal);
      } catch (error) {
        signal.throwIfAborted();
        const { status = 0 } = azureFailure(error);
        const isRefused = [400, 401, 403, 404, 409].includes(status);
        if (!isRefused) throw error;
        return undefined;
      }
    },
    async removeExtension(vmId, name, signal) {
      const { client, group, name: vmName } = at(vmId);
      const options = { updateIntervalInMs: vmPatience.intervalMs };
      const poller = client.virtualMachineExtensions.delete(group, vmName, name, options);
      await found(finish(poller, vmPatience, signal));
    },
  };
}

/** The text of a blob by its SAS; nothing when there is none yet, undefined when it may not be read. */
async function readText(
  httpClient: HttpClient,
  url: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  // The SDK's own retries, and the proxy that the environment has now.
  const pipeline = createPipelineFromOptions({});
  const headers = createHttpHeaders({ 'x-ms-version': '2021-12-02' });
  const request = createPipelineRequest({ url, headers, abortSignal: signal });
  const { status, bodyAsText } = await pipeline.sendRequest(httpClient, request);
  if (status === 404) return '';
  if (status === 401 || status === 403) return undefined;
  if (status !== 200) throw new Error(`HTTP status ${status}`);
  return bodyAsText ?? '';
}
