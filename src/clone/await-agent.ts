import type { CloneCompute } from '../azure/clone-compute.ts';
import type { GuestCommands } from '../azure/guest-commands.ts';
import { ActionError, explain } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { requireResourceId } from '../resource-id.ts';
import type { AgentReport } from './clone-facts.ts';
import type { ClonePlan } from './clone-plan.ts';
import { serialTail } from '../serial-tail.ts';

/** What waiting for an agent needs. */
export interface AgentRig {
  readonly azure: {
    readonly cloneCompute: Pick<CloneCompute, 'getAgent'>;
    readonly guests: Pick<GuestCommands, 'serialLog'>;
  };
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Looks at a VM have a bucket of 12 a minute: https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits */
const LOOK_PAUSE_MS = 10_000;
/** Seldom is a VM without its agent for more than some minutes; one that checks its disks first is. */
const DEADLINE_MS = 20 * 60_000;

/**
 * Waits until the agent of a copy has reported from the new machine: what it carries over from the source's disk does
 * not count. When it does not come, the end of the serial console goes to the log, and one sentence is thrown.
 */
export async function awaitAgent(plan: ClonePlan, rig: AgentRig): Promise<void> {
  const { azure, clock, log, signal } = rig;
  const { id } = plan.vm;
  const { name } = requireResourceId(id);
  const deadline = clock.now() + DEADLINE_MS;
  for (;;) {
    const report = await azure.cloneCompute.getAgent(id, signal).catch(couldNotLook(id));
    const obstacle = obstacleOf(report);
    if (obstacle === undefined && report !== undefined && isReadyAnew(report, plan)) {
      log.info(`The agent of the copy "${name}" reports.`);
      return;
    }
    if (obstacle !== undefined || clock.now() >= deadline) {
      await showConsole(id, rig);
      const minutes = DEADLINE_MS / 60_000;
      const why = obstacle ?? `its VM agent did not report within ${minutes} minutes`;
      throw new ActionError(
        'azure',
        `The copy "${name}" of VM "${plan.source.name}" did not start: ${why}. Its serial console is in the log, as far as there is one; make sure that the VM starts by itself and has a working agent, and run again, or capture the VM itself ("source: vm").`,
      );
    }
    await clock.sleep(LOOK_PAUSE_MS, signal);
  }
}

/** Throws one sentence where Azure does not let a copy be looked at. */
export function couldNotLook(id: string): (error: unknown) => never {
  return (error) => {
    throw explain(`Could not look at the copy "${requireResourceId(id).name}"`, error);
  };
}

/** Also a VM that stops cannot become ready any more. */
function obstacleOf(report: AgentReport | undefined): string | undefined {
  if (report === undefined) return 'it is not there any more';
  const isOff = ['stopping', 'stopped', 'deallocating', 'deallocated'].includes(report.powerState);
  return isOff ? `it is ${report.powerState}` : undefined;
}

/** Of the machine that was made, and told after it was made. */
function isReadyAnew(report: AgentReport, { source }: ClonePlan): boolean {
  const { vmId, isReady, reportedAt, madeAt } = report;
  if (!isReady || vmId === undefined || reportedAt === undefined) return false;
  return vmId !== source.vmId && (madeAt === undefined || reportedAt >= madeAt);
}

/** It only explains a failure, so that its own is not told. */
async function showConsole(id: string, { azure, log, signal }: AgentRig): Promise<void> {
  try {
    const lines = serialTail((await azure.guests.serialLog(id, signal)) ?? '');
    if (lines.length === 0) return;
    await log.group('End of the serial console of the copy', () => {
      for (const line of lines) log.info(line);
      return Promise.resolve();
    });
  } catch {
    signal.throwIfAborted();
  }
}
