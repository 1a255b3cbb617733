import { contextOf } from '../edge/call-context.ts';
import type { Arm, Call } from './call.ts';
import type { OperationPlan } from './operations.ts';
import { uuidFrom } from './uuid.ts';

/** How the start of an operation is answered. */
export interface Acceptance {
  readonly subscriptionId: string;
  readonly location: string;
  /** Default: Microsoft.Compute. */
  readonly provider?: 'Microsoft.Network';
  /** VMs have operations of the compute service, disks and snapshots those of the disk service. */
  readonly service: 'operations' | 'DiskOperations';
  /** What Azure sends as Retry-After; undefined where it sends none. */
  readonly retryAfterSeconds: number | undefined;
  /** Body of the answer; none by default. */
  readonly body?: unknown;
  /** Default: 202. An image is answered with 201 or 200, and then without a Location. */
  readonly status?: 200 | 201 | 202;
}

/** Starts a long-running operation and answers with the URLs to poll it under. */
export function acceptOperation(
  arm: Arm,
  call: Call,
  plan: OperationPlan,
  acceptance: Acceptance,
): void {
  const { fault } = contextOf(call.request);
  const failure = fault?.kind === 'fail-operation' ? fault : undefined;
  const operation = arm.operations.start(plan, failure);
  const { subscriptionId, location, service, provider = 'Microsoft.Compute' } = acceptance;
  const path = `/subscriptions/${subscriptionId}/providers/${provider}/locations/${location}/${service}/${operation.id}`;
  const query = {
    p: uuidFrom(`${service}/${location}`),
    'api-version': call.query.get('api-version') ?? '',
  };
  const urlOf = (extra: Readonly<Record<string, string>>): string =>
    `https://${arm.world.hosts.arm}${path}?${arm.signer.sign(path, { ...query, ...extra }, operation.startedAt)}`;
  call.response.set({
    'azure-asyncoperation': urlOf({}),
    'x-ms-request-id': operation.id,
    ...(service === 'operations' && provider === 'Microsoft.Compute'
      ? { 'azure-asyncnotification': 'Enabled' }
      : {}),
  });
  setRetryAfter(arm, call, acceptance.retryAfterSeconds);
  const { status = 202 } = acceptance;
  if (status === 202) call.response.set('location', urlOf({ monitor: 'true' }));
  call.response.status(status);
  if (acceptance.body === undefined) call.response.end();
  else call.response.json(acceptance.body);
}

/** Sets Retry-After to what Azure sends, or to what the scenario wants everywhere. */
export function setRetryAfter(arm: Arm, call: Call, azureSeconds: number | undefined): void {
  const seconds = arm.world.scenario.retryAfterSeconds ?? azureSeconds;
  if (seconds !== undefined) call.response.set('retry-after', `${seconds}`);
}

/** Sets what is left of the provider's own buckets, each as `name;tokens`. */
export function setProviderQuota(call: Call, ...buckets: readonly string[]): void {
  call.response.set(
    'x-ms-ratelimit-remaining-resource',
    buckets.map((bucket) => `Microsoft.Compute/${bucket}`).join(','),
  );
}
