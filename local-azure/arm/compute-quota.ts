import { setProviderQuota } from './accept.ts';
import { ThrottledError } from './arm-error.ts';
import type { Arm, Call } from './call.ts';
import { toKey } from './resource-id.ts';
import type { Refill } from './token-buckets.ts';

/** Groups of operations that share the tokens of one VM, or of one long-running operation. */
export type QuotaGroup = keyof typeof groups;

/**
 * Tokens of one resource and of a subscription.
 * https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
 */
const groups = {
  UpdateVM: { resource: refill(12, 4), subscription: refill(1500, 500) },
  DeleteVM: { resource: refill(12, 4), subscription: refill(1500, 500) },
  LowCostGet: { resource: refill(36, 12), subscription: refill(24_000, 8000) },
  GetOperation: { resource: refill(45, 15), subscription: refill(15_000, 5000) },
} as const satisfies Record<string, { readonly resource: Refill; readonly subscription: Refill }>;

/**
 * Takes the tokens of a call and tells what is left of them. Where the scenario throttles, a call without a
 * token is refused with a ThrottledError; elsewhere it passes.
 */
export function spendTokens(
  arm: Arm,
  call: Call,
  group: QuotaGroup,
  { subscriptionId, id }: { readonly subscriptionId: string; readonly id: string },
): void {
  const { resource, subscription } = groups[group];
  const taken = [
    ['SubscriptionMaximum', arm.tokens.take(`${group} ${toKey(subscriptionId)}`, subscription)],
    ['Resource', arm.tokens.take(`${group} ${toKey(id)}`, resource)],
  ] as const;
  setProviderQuota(
    call,
    ...taken.map(([scope, rest]) => `${group}${scope};${'left' in rest ? rest.left : 0}`),
  );
  if (arm.world.scenario.throttling !== true) return;
  for (const [, rest] of taken) {
    if ('waitSeconds' in rest) throw new ThrottledError(group, rest.waitSeconds);
  }
}

function refill(capacity: number, perMinute: number): Refill {
  return { capacity, perMinute };
}
