import { beforeAll, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { ScenarioIdentity } from '../../local-azure/scenario.ts';
import { openAzure } from '../../src/azure/session.ts';
import { check, type Finding } from '../../src/checks/check.ts';
import { cloneRights } from '../../src/clone/clone-rights.ts';
import { readInputs } from '../../src/inputs.ts';
import { rights } from '../../src/rights.ts';
import { takeSurvey } from '../../src/survey.ts';
import { usualInputs } from '../support/action.ts';
import {
  bothRoles,
  captureRole,
  copyRole,
  isSpared,
  without,
} from '../support/documented-roles.ts';
import { runOf } from '../support/facts.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, CLIENT_SECRET, SUBSCRIPTION } from '../support/scenario.ts';

type RoleAssignments = NonNullable<ScenarioIdentity['roleAssignments']>;

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
  useLocalAzure(azure);
});

const batchAccounts = [
  { resourceGroup: 'images', name: 'pools', poolAllocationMode: 'UserSubscription' as const },
];
const images = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images`;
const snapshots = `/subscriptions/${SUBSCRIPTION}/resourceGroups/snapshots`;

/** What the checks before a run find, for an identity with these roles. */
async function findingsOf(
  inputs: Readonly<Record<string, string>>,
  ...roleAssignments: RoleAssignments
): Promise<readonly Finding[]> {
  const vm = { extensions: ['CustomScript'] };
  await azure.reset(buildScenario({ vm, roleAssignments, scenario: { batchAccounts } }));
  const asked = { ...usualInputs, 'client-secret': CLIENT_SECRET, ...inputs };
  const read = readInputs((name) => new Map(Object.entries(asked)).get(name) ?? '');
  const { signal } = new AbortController();
  const session = await openAzure(read, () => Promise.reject(new Error()), signal);
  return check(read, await takeSurvey(read, session, runOf(), signal));
}

/** The findings that name a right, by their level. */
function naming(name: string, findings: readonly Finding[]): ReadonlySet<Finding['level']> {
  return new Set(
    findings.filter(({ message }) => message.includes(name)).map(({ level }) => level),
  );
}

describe('a capture', () => {
  /** A run that needs every right, but for restarting the VM. */
  const needsAll = {
    ...{ generalize: 'deprovision', source: 'vm', 'remove-extensions': 'true' },
    'snapshot-resource-group': 'snapshots',
    'batch-account': `${images}/providers/Microsoft.Batch/batchAccounts/pools`,
  };
  const needsRestart = { generalize: 'none', 'source-power': 'restart' };

  test.each([needsAll, needsRestart])(
    'with the documented role lacks nothing: %j',
    async (inputs) => {
      const findings = await findingsOf(inputs, { role: captureRole });
      expect(findings.filter(({ level }) => level === 'refusal')).toEqual([]);
      for (const { name } of rights) expect(naming(name, findings)).toEqual(new Set());
    },
  );

  test.each(rights)('without $name has a finding that names it', async (right) => {
    const inputs = right.steps?.includes('restart') ? needsRestart : needsAll;
    const findings = await findingsOf(inputs, { role: without(captureRole, right.name) });
    expect(naming(right.name, findings)).toEqual(
      new Set([isSpared(right) ? 'warning' : 'refusal']),
    );
  });

  test('has no right in its documented role that is not in the table', () => {
    const { actions, dataActions } = captureRole;
    expect(rights.map(({ name }) => name).sort()).toEqual([...actions, ...dataActions].sort());
  });
});

describe('a copy', () => {
  const copy = { generalize: '', source: 'copy', 'snapshot-resource-group': 'snapshots' };
  /** Where a right is missing; it is there everywhere else. */
  const missing: Readonly<Record<string, (name: string) => RoleAssignments>> = {
    group: (name) => [
      { role: without(bothRoles, name) },
      { role: { actions: bothRoles.actions }, scope: images },
    ],
    'own-network': (name) => [{ role: without(bothRoles, name) }],
    'source-disk': (name) => [
      { role: without(bothRoles, name) },
      { role: { actions: bothRoles.actions }, scope: snapshots },
    ],
    subnet: (name) => [{ role: without(bothRoles, name) }],
    survey: (name) => [{ role: without(bothRoles, name) }],
  };
  const subnet = `${images}/providers/Microsoft.Network/virtualNetworks/builder-vnet/subnets/default`;
  const inSubnet = { ...copy, 'copy-subnet': subnet };

  test.each([copy, inSubnet])('with both documented roles lacks nothing: %j', async (inputs) => {
    const findings = await findingsOf(inputs, { role: bothRoles });
    expect(findings.filter(({ level }) => level === 'refusal')).toEqual([]);
    for (const { name } of cloneRights) expect(naming(name, findings)).toEqual(new Set());
  });

  test.each(cloneRights)('without $name ($at) has a finding that names it', async (right) => {
    const isOfSubnet = right.at === 'subnet' || right.name.endsWith('/subnets/read');
    const inputs = isOfSubnet ? inSubnet : copy;
    const findings = await findingsOf(inputs, ...(missing[right.at]?.(right.name) ?? []));
    expect(naming(right.name, findings)).toEqual(
      new Set([isSpared(right) ? 'warning' : 'refusal']),
    );
  });

  test('has no right in its documented role that is not in the table', () => {
    const named = new Set(cloneRights.map(({ name }) => name));
    expect([...named].sort()).toEqual([...copyRole.actions].sort());
  });
});
