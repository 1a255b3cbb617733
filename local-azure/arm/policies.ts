import type { ScenarioPolicy } from '../scenario.ts';
import { ArmError } from './arm-error.ts';
import type { Arm } from './call.ts';
import type { Target } from './gate.ts';
import { isAtOrUnder, isSame } from './resource-id.ts';

/** 403 for a resource that an assigned policy does not let be made or changed as asked. */
export function requirePolicies(
  arm: Arm,
  target: Target,
  tags: Readonly<Record<string, string>>,
): void {
  const { policies = [] } = arm.world.scenario;
  const denying = policies.filter((policy) => denies(policy, target, tags));
  if (denying.length > 0) throw new PolicyError(target, denying);
}

function denies(
  { scope = '/subscriptions', types, requiredTag }: ScenarioPolicy,
  target: Target,
  tags: Readonly<Record<string, string>>,
): boolean {
  if (!isAtOrUnder(target.id, scope)) return false;
  if (types !== undefined && !types.some((type) => isSame(type, target.type))) return false;
  return requiredTag === undefined || !Object.keys(tags).some((tag) => isSame(tag, requiredTag));
}

/** https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-policy-requestdisallowedbypolicy */
class PolicyError extends ArmError {
  readonly #target: Target;
  readonly #policies: readonly ScenarioPolicy[];

  constructor(target: Target, policies: readonly ScenarioPolicy[]) {
    const named = policies.map((policy) => {
      const { assignment, definition } = identify(policy, target);
      return { policyAssignment: assignment, policyDefinition: definition };
    });
    super(
      403,
      'RequestDisallowedByPolicy',
      `Resource '${target.name}' was disallowed by policy. Policy identifiers: '${JSON.stringify(named)}'.`,
      { source: 'gateway' },
    );
    this.#target = target;
    this.#policies = policies;
  }

  override get body(): Readonly<Record<string, unknown>> {
    const { code, message } = this;
    const additionalInfo = this.#policies.map((policy) => {
      const { assignment, definition, scope } = identify(policy, this.#target);
      return {
        type: 'PolicyViolation',
        info: {
          policyDefinitionDisplayName: policy.name,
          policyDefinitionId: definition.id,
          policyDefinitionName: definition.name,
          policyDefinitionEffect: 'deny',
          policyAssignmentId: assignment.id,
          policyAssignmentName: assignment.name,
          policyAssignmentDisplayName: policy.name,
          policyAssignmentScope: scope,
          policyAssignmentParameters: {},
        },
      };
    });
    return { error: { code, target: this.#target.name, message, additionalInfo } };
  }
}

/** A definition lives in the subscription, its assignment in the scope. */
function identify({ name, scope: given }: ScenarioPolicy, { subscriptionId }: Target) {
  const subscription = `/subscriptions/${subscriptionId}`;
  const scope = given ?? subscription;
  const at = (where: string, kind: string) => ({
    name,
    id: `${where}/providers/Microsoft.Authorization/${kind}/${name}`,
  });
  return {
    scope,
    assignment: at(scope, 'policyAssignments'),
    definition: at(subscription, 'policyDefinitions'),
  };
}
