import { beforeAll, describe, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import type { Call } from '../../local-azure/edge/calls.ts';
import type { ScenarioVirtualMachine } from '../../local-azure/scenario.ts';
import type { Azure } from '../../src/azure/session.ts';
import { surveyClone, type CloneOrder, type CloneSurvey } from '../../src/clone/clone-survey.ts';
import { makeClone } from '../../src/clone/make-clone.ts';
import { cloneRights } from '../../src/clone/clone-rights.ts';
import type { ClonePlan } from '../../src/clone/clone-plan.ts';
import { deleteSource, lookAtSource, planDeletion } from '../../src/delete-source.ts';
import { describe as describeError } from '../../src/errors.ts';
import type { VirtualMachine } from '../../src/facts.ts';
import { Leases } from '../../src/lease.ts';
import { createLook } from '../../src/look.ts';
import type { Clock } from '../../src/ports.ts';
import { createRelease } from '../../src/release.ts';
import { rights } from '../../src/rights.ts';
import { runTags } from '../../src/run.ts';
import { decideSweep } from '../../src/sweep/decide.ts';
import { removeLeftovers, type Removal } from '../../src/sweep/remove.ts';
import { lookAround } from '../../src/sweep/survey.ts';
import { Timeline } from '../../src/timeline.ts';
import { wishesOf } from '../support/clone.ts';
import { runOf } from '../support/facts.ts';
import { literalClock, literalJournal, literalLog } from '../support/literal-ports.ts';
import { openAzure } from '../support/quick-session.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import {
  buildScenario,
  CLIENT,
  CLIENT_SECRET,
  SUBSCRIPTION,
  TENANT,
  type ScenarioChanges,
} from '../support/scenario.ts';

const { signal } = new AbortController();
const vmId = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute/virtualMachines/builder`;
const run = runOf();
const identity = {
  kind: 'client-secret' as const,
  clientId: CLIENT,
  tenantId: TENANT,
  clientSecret: CLIENT_SECRET,
};
const environment = { kind: 'named' as const, name: 'AzureCloud' as const };

/** A source with all that a copy has to take over, or must not. */
const source: Partial<ScenarioVirtualMachine> = {
  securityType: 'TrustedLaunch',
  secureBoot: true,
  zone: '2',
  encryptionAtHost: true,
  diskController: 'SCSI',
  licenseType: 'RHEL_BYOS',
  identity: true,
  properties: { userData: 'c2VjcmV0' },
  tags: { owner: 'me' },
  extensions: ['Monitor'],
  guest: { needsLuns: [0, 5], bootSeconds: 40 },
};

let local: LocalAzure;

beforeAll(async () => {
  local = await startLocalAzure(buildScenario());
  useLocalAzure(local);
});

async function begin(changes: ScenarioChanges = {}): Promise<Azure> {
  const scenario = { retryAfterSeconds: 0, ...changes.scenario };
  await local.reset(buildScenario({ ...changes, vm: { ...source, ...changes.vm }, scenario }));
  return openAzure({ identity, environment }, () => Promise.reject(new Error()), signal);
}

function survey(azure: Azure, order: Partial<CloneOrder> = {}): Promise<CloneSurvey> {
  const asked = { vmId, wishes: wishesOf(), tags: runTags(run, 3600), run, ...order };
  return surveyClone(asked, azure, createLook(signal), signal);
}

/** Makes copies; the time that its pauses take passes ten times as fast, so that few looks reach a deadline. */
function rigFor(azure: Azure, until = signal) {
  const log = literalLog();
  const literal = literalClock();
  const clock: Clock = { ...literal, sleep: (ms, until) => literal.sleep(ms * 10, until) };
  const leases = new Leases(literalJournal([]), createRelease(azure, clock, log), log);
  const rig = { azure, leases, log, clock, timeline: new Timeline(clock, log), signal: until };
  const make = (plan: ClonePlan): Promise<VirtualMachine | Error> =>
    makeClone(plan, rig).catch((error: unknown) => error as Error);
  return { ...rig, make };
}

async function planOn(azure: Azure, order?: Partial<CloneOrder>): Promise<ClonePlan> {
  const { plan } = await survey(azure, order);
  if (plan === undefined) throw new Error('The VM cannot be read.');
  return plan;
}

/** What is there beside what the scenario made. */
async function leftovers(): Promise<readonly string[]> {
  const { resources } = await local.state();
  const ids = Object.values(resources).flat();
  return ids.map(({ id }) => id).filter((id) => id.includes(run.key));
}

const changes = (calls: readonly Call[]): readonly string[] =>
  calls
    .filter(({ method, url }) => method !== 'GET' && url.includes('/providers/'))
    .map(({ method, url }) => `${method} ${new URL(url).pathname}`);

describe('a copy of a VM', () => {
  test('is a machine like it, shut off and ready; it goes without a trace, and the source is as it was', async () => {
    const azure = await begin();
    const before = await azure.compute.getVm(vmId, signal);
    const { plan, names, size, usages } = await survey(azure);
    if (plan === undefined) throw new Error('The VM cannot be read.');
    expect([...names.values()].map(({ kind }) => kind)).toEqual(Array(10).fill('missing'));
    expect([size?.kind, usages?.kind]).toEqual(['found', 'found']);
    const { leases, log, make } = rigFor(azure);
    const copy = await make(plan);
    expect(copy).toMatchObject({
      ...{ id: plan.vm.id, powerState: 'running', securityType: 'TrustedLaunch', extensions: [] },
      dataDisks: [{ lun: 0 }, { lun: 5 }],
    });
    expect((copy as VirtualMachine).vmId).not.toBe(before?.vmId);
    expect(await azure.cloneCompute.getFacts(plan.vm.id, signal)).toMatchObject({
      ...{ secureBoot: true, encryptionAtHost: true, zones: ['2'], diskController: 'SCSI' },
      ...{ licenseType: 'RHEL_BYOS', notCarried: [] },
      disks: plan.disks.map(({ key, disk }) => ({ key, diskId: disk.id, isDeletedWithVm: true })),
      interfaces: [{ id: plan.networkInterface.id, isDeletedWithVm: true }],
    });
    expect(await azure.network.getInterface(plan.networkInterface.id, signal)).toMatchObject({
      ...{ vmId: plan.vm.id, publicAddressIds: [] },
    });
    expect(log.lines.join('\n')).toMatch(
      /crash-consistent.*\n.*nothing reaches it.*\n.*does not get identities, user data and extensions/,
    );
    await leases[Symbol.asyncDispose]();
    expect(leases.leaks).toEqual([]);
    expect(await leftovers()).toEqual([]);
    expect(await azure.compute.getVm(vmId, signal)).toEqual(before);
    const touched = changes(await local.calls()).filter((line) => !line.includes(run.key));
    expect(touched).toEqual([]);
  });

  test.each([
    ['in its own network', undefined],
    ['in a subnet that is there', 'builds'],
  ])('%s takes no more rights than the docs name', async (_name, network) => {
    const actions = [...rights, ...cloneRights].map(({ name }) => name);
    const isNeeded = (name: string): boolean =>
      network === undefined || !/virtualNetworks\/(write|delete)$/.test(name);
    const azure = await begin({
      vm: { dataDisks: [], guest: {} },
      roleAssignments: [{ role: { actions: actions.filter(isNeeded) } }],
      scenario: { networks: [{ resourceGroup: 'snapshots', name: 'builds' }] },
    });
    const builds = `/subscriptions/${SUBSCRIPTION}/resourceGroups/snapshots/providers/Microsoft.Network/virtualNetworks/builds`;
    const copySubnet = network === undefined ? undefined : `${builds}/subnets/default`;
    const wishes = wishesOf({ copySubnet, copyOutbound: 'none' });
    const { plan, subnet } = await survey(azure, { wishes });
    if (plan === undefined) throw new Error('The VM cannot be read.');
    expect(subnet?.kind).toBe(network === undefined ? undefined : 'found');
    const { leases, make } = rigFor(azure);
    expect(await make(plan)).toMatchObject({ id: plan.vm.id });
    await leases[Symbol.asyncDispose]();
    expect(leases.leaks).toEqual([]);
    expect(await leftovers()).toEqual([]);
  });

  test('whose agent never reports ends with its serial console in the log, and is closed', async () => {
    const azure = await begin({ vm: { guest: { needsLuns: [9] } } });
    const { leases, log, make } = rigFor(azure);
    const failure = await make(await planOn(azure));
    expect(describeError(failure)).toMatch(/did not start: its VM agent did not report/);
    const at = log.lines.indexOf('group: End of the serial console of the copy');
    expect(log.lines.slice(at).join('\n')).toContain('| You are in emergency mode.');
    await leases[Symbol.asyncDispose]();
    expect(await leftovers()).toEqual([]);
  });

  test('that Azure has no room for says what to do, and is closed', async () => {
    const fails = { code: 'AllocationFailed', message: 'Allocation failed.' };
    const azure = await begin({ scenario: { capacity: { fails } } });
    const { leases, make } = rigFor(azure);
    expect(await make(await planOn(azure))).toMatchObject({
      message: `Could not make VM "builder-copy-${run.key}" as a copy of VM "builder": AllocationFailed: allocation failed. Azure has no room for this size there now: run again later, or capture the VM itself ("source: vm").`,
    });
    await leases[Symbol.asyncDispose]();
    expect(leases.leaks).toEqual([]);
    expect(await leftovers()).toEqual([]);
  });

  test('that is given up while its VM is made is closed all the same', async () => {
    const azure = await begin();
    const plan = await planOn(azure);
    const controller = new AbortController();
    const createVm: Azure['cloneCompute']['createVm'] = (request, until) => {
      const made = azure.cloneCompute.createVm(request, until);
      controller.abort();
      return made;
    };
    const giving = { ...azure, cloneCompute: { ...azure.cloneCompute, createVm } };
    const { leases, make } = rigFor(giving, controller.signal);
    expect(describeError(await make(plan))).toMatch(/abort|cancelled/i);
    expect(await leftovers()).toContain(plan.vm.id);
    await leases[Symbol.asyncDispose]();
    expect(leases.leaks).toEqual([]);
    expect(await leftovers()).toEqual([]);
  });

  test('beyond the quota is told so', async () => {
    const azure = await begin({ scenario: { capacity: { cores: 3 } } });
    const { leases, make } = rigFor(azure);
    const failure = await make(await planOn(azure));
    expect(describeError(failure)).toMatch(/quota.* Ask for a larger quota of the family/i);
    await leases[Symbol.asyncDispose]();
    expect(await leftovers()).toEqual([]);
  });

  test.each([
    'networkSecurityGroups',
    'virtualNetworks',
    'networkInterfaces',
    'snapshots',
    'disks',
  ])('is closed when the making of its %s is refused', async (type) => {
    const azure = await begin();
    const plan = await planOn(azure);
    await local.setFaults([
      {
        match: { method: 'PUT', path: `/${type}/` },
        times: 0,
        action: { kind: 'answer', status: 403, code: 'RequestDisallowedByPolicy' },
      },
    ]);
    const { leases, make } = rigFor(azure);
    const failure = await make(plan);
    expect(describeError(failure)).toMatch(/^Could not (make|take) .* RequestDisallowedByPolicy/);
    await leases[Symbol.asyncDispose]();
    expect(leases.leaks).toEqual([]);
    expect(await leftovers()).toEqual([]);
  });

  test('that a dead run left is swept with all its parts', async () => {
    const azure = await begin({ vm: { dataDisks: [], guest: {} } });
    const { log, clock, make } = rigFor(azure);
    expect(await make(await planOn(azure))).toMatchObject({ name: `builder-copy-${run.key}` });
    const inputs = {
      ...{ identity, environment, subscriptionId: SUBSCRIPTION, resourceGroup: undefined },
      ...{ storageAccounts: [], container: 'vhds', olderThanHours: 1, remove: true },
    };
    const around = await lookAround(inputs, azure, signal);
    // The snapshot tells its age by Azure's clock, the rest by that of the run.
    const now = Date.now() + 2 * 3600_000;
    const found = decideSweep(around, { now, minAgeMs: 3600_000 });
    expect(found.map(({ kind }) => kind).toSorted()).toEqual([
      ...Array<string>(5).fill('resource'),
      'snapshot',
    ]);
    const removals: Removal[] = [];
    const release = createRelease(azure, clock, log);
    await removeLeftovers(found, { ...azure, release, log, signal }, removals);
    expect(removals.every(({ isGone }) => isGone)).toBe(true);
    expect(await leftovers()).toEqual([]);
  });
});

test('a sweep that may not see VMs and networks does without, and says so', async () => {
  const roleAssignments = [{ role: 'Disk Snapshot Contributor' }];
  const azure = await begin({ roleAssignments });
  const inputs = {
    ...{ identity, environment, subscriptionId: SUBSCRIPTION, resourceGroup: 'images' },
    ...{ storageAccounts: [], container: 'vhds', olderThanHours: 1, remove: false },
  };
  expect(await lookAround(inputs, azure, signal)).toMatchObject({
    resources: [],
    unseen: `Copies of VMs were not looked for: the identity lacks Microsoft.Compute/virtualMachines/read, Microsoft.Compute/disks/read, Microsoft.Network/networkInterfaces/read, Microsoft.Network/virtualNetworks/read and Microsoft.Network/networkSecurityGroups/read on "/subscriptions/${SUBSCRIPTION}/resourceGroups/images". Grant it a role that has them (docs/permissions.md); what dead runs left of copies stays until then.`,
  });
});

describe('deleting the source', () => {
  test('takes the VM with what was captured and nobody else uses, and leaves the rest', async () => {
    const azure = await begin({ vm: { publicAddress: true } });
    const { log, clock } = rigFor(azure);
    const rig = { azure, log, clock, signal };
    const parts = await lookAtSource(vmId, rig);
    if (parts === undefined) throw new Error('The VM is not there.');
    const captured = new Set(['os', 0] as const);
    const plan = planDeletion(parts, captured);
    await deleteSource(plan, captured, rig);
    expect(await azure.compute.getVm(vmId, signal)).toBeUndefined();
    for (const id of plan.stages.flat()) {
      expect(await azure.temporaryResources.tagsOf(id, signal)).toBeUndefined();
    }
    expect(plan.stages.flat().map((id) => id.split('/').at(-2))).toEqual([
      ...['disks', 'disks', 'networkInterfaces', 'publicIPAddresses'],
    ]);
    const kept = plan.kept.map(({ id }) => id);
    expect(kept).toEqual([expect.stringMatching(/\/builder-data5$/)]);
    expect(await azure.compute.getDisk(kept[0] ?? '', signal)).toMatchObject({
      diskState: 'Unattached',
    });
  });
});
