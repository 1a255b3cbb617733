import { setTimeout as sleep } from 'node:timers/promises';
import { ComputeManagementClient } from '@azure/arm-compute';
import type { TokenCredential } from '@azure/core-auth';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { azureFailure } from '../errors.ts';
import { requireResourceId, type ResourceId } from '../resource-id.ts';
import type { Cloud } from './clouds.ts';
import { withinDeadline } from './deadline.ts';

/** A client of the SDK, and what its verbs name a resource by. */
export interface Place {
  readonly client: ComputeManagementClient;
  readonly group: string;
  readonly name: string;
}

/** The SDK's clients for Compute, one per subscription, since a snapshot may live in another one. */
export interface ComputeClients {
  readonly of: (subscription: Pick<ResourceId, 'subscriptionId'>) => ComputeManagementClient;
  readonly at: (id: string) => Place;
}

export function createComputeClients(
  credential: TokenCredential,
  cloud: Cloud,
  httpClient: HttpClient,
): ComputeClients {
  const clients = new Map<string, ComputeManagementClient>();
  const of: ComputeClients['of'] = ({ subscriptionId }) => {
    const key = subscriptionId.toLowerCase();
    const client =
      clients.get(key) ??
      new ComputeManagementClient(credential, subscriptionId, {
        endpoint: cloud.resourceManagerEndpoint,
        credentials: { scopes: [cloud.resourceManagerScope] },
        httpClient,
      });
    clients.set(key, client);
    return client;
  };
  return {
    of,
    at: (id) => {
      const { resourceGroup, name, ...rest } = requireResourceId(id);
      return { client: of(rest), group: resourceGroup, name };
    },
  };
}

/** How long an operation may take and how often it is asked, in milliseconds. */
export interface Patience {
  readonly deadlineMs: number;
  readonly intervalMs: number;
  /** Before it is asked for the first time: about what it usually takes. */
  readonly firstPauseMs: number;
  /** Called once the operation is accepted. */
  readonly onAccepted?: (() => void) | undefined;
}

/**
 * VM operations share a bucket of 15 polls a minute: https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
 * A deallocation was seen to take 23 minutes.
 */
export const vmPatience: Patience = {
  deadlineMs: 45 * 60_000,
  intervalMs: 3_000,
  firstPauseMs: 3_000,
};
export const diskPatience: Patience = {
  deadlineMs: 15 * 60_000,
  intervalMs: 1_000,
  firstPauseMs: 800,
};
/** Opening, closing and deleting a snapshot take a fraction of a second, and Azure names no interval for them. */
export const briefPatience: Patience = { ...diskPatience, firstPauseMs: 250 };

/** What the SDK's pollers have in common. */
interface Poller<T> {
  submitted(): Promise<void>;
  pollUntilDone(options: { abortSignal: AbortSignal }): Promise<T>;
}

/**
 * Waits for an operation's end, but never without one. The request that starts it is not given up when the run is
 * cancelled: what it makes could then appear after everything was closed.
 */
export async function finish<T>(
  poller: Poller<T>,
  patience: Patience,
  signal: AbortSignal,
): Promise<T> {
  await poller.submitted();
  patience.onAccepted?.();
  return withinDeadline(patience.deadlineMs, signal, async (abortSignal) => {
    await sleep(patience.firstPauseMs, undefined, { signal: abortSignal });
    return poller.pollUntilDone({ abortSignal });
  });
}

/** Undefined instead of a 404. */
export async function found<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (azureFailure(error).status === 404) return undefined;
    throw error;
  }
}
