import type { ArmError } from '../arm/arm-error.ts';
import { listAt, textAt, valueAt } from '../arm/request-body.ts';
import { uuidFrom } from '../arm/uuid.ts';
import { badRequest } from './named-resources.ts';

type Properties = Readonly<Record<string, unknown>>;

interface Rule {
  readonly name: string;
  readonly id: string;
  readonly properties: Properties;
}

/** The properties of a security group; an ArmError for rules that Azure refuses. */
export function readGroup(id: string, body: unknown): Properties {
  const rules = listAt(body, 'properties', 'securityRules').map((rule) => readRule(id, rule));
  const seen = new Map<string, string>();
  for (const rule of rules) {
    const key = `${requirePriority(rule)} ${textAt(rule.properties, 'direction')?.toLowerCase() ?? ''}`;
    const other = seen.get(key);
    if (other !== undefined) throw conflict(rule.id, other);
    seen.set(key, rule.id);
  }
  return { resourceGuid: uuidFrom(id), securityRules: rules, defaultSecurityRules: [] };
}

function readRule(groupId: string, rule: unknown): Rule {
  const name = textAt(rule, 'name') ?? '';
  const given = (valueAt(rule, 'properties') ?? {}) as Properties;
  for (const needed of ['protocol', 'access', 'direction', 'priority']) {
    if (valueAt(given, needed) !== undefined) continue;
    throw badRequest(
      'SecurityRuleParameterValueMissing',
      `Required security rule parameter '${needed}' is missing for security rule '${name}'.`,
    );
  }
  const properties = { provisioningState: 'Succeeded', ...given };
  return { name, id: `${groupId}/securityRules/${name}`, properties };
}

function requirePriority({ name, properties }: Rule): number {
  const priority = Number(valueAt(properties, 'priority'));
  if (priority >= 100 && priority <= 4096) return priority;
  throw badRequest(
    'SecurityRuleInvalidPriority',
    `Security rule has invalid Priority. Value provided: ${priority} Allowed range 100-4096. Rule: ${name}.`,
  );
}

function conflict(ruleId: string, other: string): ArmError {
  return badRequest(
    'SecurityRuleConflict',
    `Security rule ${ruleId} conflicts with rule ${other}. Rules cannot have the same Priority and Direction.`,
  );
}
