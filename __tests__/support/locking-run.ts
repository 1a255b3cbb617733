import { ClientSecretCredential } from '@azure/identity';
import { BlobClient, BlobServiceClient } from '@azure/storage-blob';
import type { Azure } from '../../src/azure/session.ts';
import { Leases } from '../../src/lease.ts';
import type { DiskKey } from '../../src/layout.ts';
import type { Plan } from '../../src/plan.ts';
import type { Clock } from '../../src/ports.ts';
import { createRelease } from '../../src/release.ts';
import { RunLocks } from '../../src/run-locks.ts';
import { claimVm } from '../../src/vm-claims.ts';
import { diskOf, planOf, vmOf, worldOf, type World } from './facts.ts';
import { literalClock, literalJournal, literalLog, type LiteralLog } from './literal-ports.ts';
import { openAzure } from './quick-session.ts';
import { CLIENT, CLIENT_SECRET, SUBSCRIPTION, TENANT } from './scenario.ts';

const { signal } = new AbortController();
/** As the locks have it. */
const RENEWAL_INTERVAL_MS = 15_000;

/** A run that locks and claims, on a clock of its own. */
export interface LockingRun {
  readonly plan: Plan;
  readonly locks: RunLocks;
  readonly leases: Leases;
  readonly log: LiteralLog;
  readonly clock: Clock;
  /** Takes the locks and claims the VM. */
  begin(): Promise<void>;
  /** Lets the locks be renewed once, as they are every 15 seconds. */
  renew(): Promise<void>;
  /** Closes everything that it holds. */
  end(): Promise<void>;
}

/** Azure as the identity of the usual scenario sees it, with a container in each of its accounts. */
export async function openLockingAzure(): Promise<Azure> {
  const identity = {
    kind: 'client-secret' as const,
    clientId: CLIENT,
    tenantId: TENANT,
    clientSecret: CLIENT_SECRET,
  };
  const environment = { kind: 'named' as const, name: 'AzureCloud' as const };
  const credential = newCredential();
  for (const account of ['imageswe1', 'imageswe2']) {
    const service = new BlobServiceClient(`https://${account}.blob.core.windows.net`, credential);
    await service.getContainerClient('vhds').create();
  }
  return openAzure({ identity, environment }, () => Promise.reject(new Error()), signal);
}

/** A run on the VM of the usual scenario that has taken nothing yet. Its locks are renewed only by `renew`; `onPause` runs instead of any other pause. */
export function lockingRun(
  azure: Azure,
  overrides: Partial<World>,
  onPause = (): Promise<void> => Promise.resolve(),
): LockingRun {
  const provider = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute`;
  const disk = diskOf('builder-os', { id: `${provider}/disks/builder-os` });
  const vm = vmOf({ id: `${provider}/virtualMachines/builder`, dataDisks: [] });
  const disks = new Map<DiskKey, typeof disk>([['os', disk]]);
  const plan = planOf(worldOf({ vm, disks, ...overrides }));
  const log = literalLog();
  const ticking = literalClock();
  let resting = Promise.withResolvers<undefined>();
  let woken = Promise.withResolvers<undefined>();
  const clock: Clock = {
    now: () => ticking.now(),
    sleep: async (milliseconds, signal) => {
      if (milliseconds === RENEWAL_INTERVAL_MS) {
        resting.resolve(undefined);
        await Promise.race([woken.promise, untilAborted(signal)]);
        return;
      }
      await ticking.sleep(milliseconds, signal);
      await onPause();
    },
  };
  const leases = new Leases(literalJournal([]), createRelease(azure, clock, log), log);
  const rig = { azure, leases, log, clock, signal };
  const locks = new RunLocks(plan, rig);
  return {
    ...{ plan, locks, leases, log, clock },
    begin: async () => {
      await locks.take();
      await claimVm(plan, rig);
    },
    renew: async () => {
      await resting.promise;
      resting = Promise.withResolvers();
      const wake = woken.resolve;
      woken = Promise.withResolvers();
      wake(undefined);
      await resting.promise;
    },
    end: async () => {
      await leases.closeAll();
      locks[Symbol.dispose]();
    },
  };
}

/** As if a minute had passed in which nobody renewed the locks. */
export async function endLeases({ plan }: LockingRun): Promise<void> {
  const credential = newCredential();
  for (const { url } of plan.locks) {
    await new BlobClient(url, credential).getBlobLeaseClient().breakLease(0);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}

/** It takes the proxy that the environment has when it is made. */
function newCredential(): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, CLIENT_SECRET);
}
