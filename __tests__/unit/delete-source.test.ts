import { describe, expect, test } from '@jest/globals';
import type { NetworkInterface, PublicAddress } from '../../src/azure/network.ts';
import {
  deleteSource,
  deletionRequirements,
  describeDeletion,
  planDeletion,
  type SourceParts,
} from '../../src/delete-source.ts';
import type { DiskKey } from '../../src/layout.ts';
import { cloneDiskOf, cloneFactsOf } from '../support/clone.ts';
import { group } from '../support/facts.ts';
import { literalClock, literalLog } from '../support/literal-ports.ts';

const network = `${group}/providers/Microsoft.Network`;
const nic = (
  name = 'builder-nic',
  overrides: Partial<NetworkInterface> = {},
): NetworkInterface => ({
  id: `${network}/networkInterfaces/${name}`,
  vmId: cloneFactsOf().id,
  otherUses: [],
  publicAddressIds: [`${network}/publicIPAddresses/builder-ip`],
  ...overrides,
});
const address = (overrides: Partial<PublicAddress> = {}): PublicAddress => ({
  id: `${network}/publicIPAddresses/builder-ip`,
  usedBy: `${nic().id}/ipConfigurations/primary`,
  otherUses: [],
  ...overrides,
});
const all = new Set<DiskKey>(['os', 2]);
const partsOf = (overrides: Partial<SourceParts> = {}): SourceParts => ({
  ...{ facts: cloneFactsOf(), interfaces: [nic()], publicAddresses: [address()] },
  ...overrides,
});
const namesOf = (stages: readonly (readonly string[])[]): readonly (readonly string[])[] =>
  stages.map((ids) => ids.map((id) => id.split('/').at(-1) ?? ''));
const pool = `${network}/loadBalancers/front/backendAddressPools/all`;

describe('the plan of a deletion', () => {
  test('has the disks that were captured, the interface, and then its public address', () => {
    const plan = planDeletion(partsOf(), all);
    expect(namesOf(plan.stages)).toEqual([
      ['builder-os', 'builder-data2', 'builder-nic'],
      ['builder-ip'],
    ]);
    expect(plan.kept).toEqual([]);
    expect(plan.refusals).toEqual([]);
    expect(deletionRequirements(plan).map(({ name }) => name)).toEqual([
      'Microsoft.Compute/virtualMachines/delete',
      'Microsoft.Compute/disks/delete',
      'Microsoft.Compute/disks/delete',
      'Microsoft.Network/networkInterfaces/delete',
      'Microsoft.Network/publicIPAddresses/delete',
    ]);
    expect(describeDeletion(plan)).toEqual([
      'After success VM "builder" is deleted with "builder-os", "builder-data2", "builder-nic" and "builder-ip".',
    ]);
  });

  test('never has a data disk that was not captured', () => {
    const plan = planDeletion(partsOf(), new Set(['os']));
    expect(namesOf(plan.stages)[0]).toEqual(['builder-os', 'builder-nic']);
    expect(describeDeletion(plan)).toContain('"builder-data2" stays: it was not captured.');
  });

  test.each<[string, Partial<SourceParts>, readonly (readonly string[])[], RegExp]>([
    [
      'an interface behind a load balancer stays, and its address with it',
      { interfaces: [nic('builder-nic', { otherUses: [pool] })] },
      [['builder-os', 'builder-data2'], []],
      /"builder-nic" stays: ".*\/front\/.*" uses it\./,
    ],
    [
      'a public address on another interface stays',
      { publicAddresses: [address({ usedBy: `${nic('other').id}/ipConfigurations/primary` })] },
      [['builder-os', 'builder-data2', 'builder-nic'], []],
      /"builder-ip" stays: ".*\/other\/.*" uses it\./,
    ],
    [
      'a public address on an interface whose name only begins alike stays',
      { publicAddresses: [address({ usedBy: `${nic('builder-nic2').id}/ipConfigurations/x` })] },
      [['builder-os', 'builder-data2', 'builder-nic'], []],
      /"builder-ip" stays/,
    ],
    [
      'a public address that a NAT gateway has as well stays',
      { publicAddresses: [address({ otherUses: [`${network}/natGateways/out`] })] },
      [['builder-os', 'builder-data2', 'builder-nic'], []],
      /"builder-ip" stays: ".*\/natGateways\/out" uses it\./,
    ],
  ])('%s', (_name, parts, stages, line) => {
    const plan = planDeletion(partsOf(parts), all);
    expect(namesOf(plan.stages)).toEqual(stages);
    expect(describeDeletion(plan).join('\n')).toMatch(line);
  });

  test('is refused where the VM would take along what is to stay', () => {
    const disks = [
      cloneDiskOf('os', { isDeletedWithVm: true }),
      cloneDiskOf(2, { isDeletedWithVm: true }),
    ];
    const interfaces = [{ id: nic().id, isDeletedWithVm: true }];
    const parts = partsOf({
      facts: cloneFactsOf({ disks, interfaces }),
      interfaces: [nic('builder-nic', { otherUses: [pool] })],
    });
    expect(planDeletion(parts, new Set(['os'])).refusals).toEqual([
      expect.stringContaining('its disk "builder-data2" too, and it was not captured'),
      expect.stringContaining('its interface "builder-nic" too, and something else uses it'),
    ]);
    expect(
      planDeletion(partsOf({ facts: cloneFactsOf({ disks, interfaces }) }), all).refusals,
    ).toEqual([]);
  });
});

describe('the deletion', () => {
  /** Deletes with what is found then; tells what was deleted and how it ended. */
  async function run(
    now: SourceParts | Error | undefined,
    refusals: Readonly<Record<string, Error>> = {},
    captured: ReadonlySet<DiskKey> = all,
  ) {
    const deleted: string[] = [];
    const found = now instanceof Error ? undefined : now;
    const log = literalLog();
    const azure = {
      cloneCompute: {
        getFacts: () => (now instanceof Error ? Promise.reject(now) : Promise.resolve(now?.facts)),
      },
      network: {
        getInterface: (id: string) =>
          Promise.resolve(found?.interfaces.find((one) => one.id === id)),
        getPublicAddress: (id: string) =>
          Promise.resolve(found?.publicAddresses.find((one) => one.id === id)),
      },
      temporaryResources: {
        delete: (id: string) => {
          const name = id.split('/').at(-1) ?? '';
          const refusal = refusals[name];
          if (refusal !== undefined) return Promise.reject(refusal);
          deleted.push(name);
          return Promise.resolve();
        },
      },
    };
    const plan = planDeletion(partsOf(), captured);
    const rig = { azure, log, clock: literalClock(), signal: new AbortController().signal };
    const failure = await deleteSource(plan, captured, rig).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    return { deleted, failure, lines: log.lines };
  }

  test('begins with the VM and ends with the public address', async () => {
    const { deleted, failure } = await run(partsOf());
    expect(failure).toBeUndefined();
    expect(deleted).toEqual([
      'builder',
      'builder-os',
      'builder-data2',
      'builder-nic',
      'builder-ip',
    ]);
  });

  test('leaves alone what does not belong to the VM any more', async () => {
    const { deleted } = await run(partsOf({ facts: cloneFactsOf({ disks: [cloneDiskOf('os')] }) }));
    expect(deleted).toEqual(['builder', 'builder-os', 'builder-nic', 'builder-ip']);
  });

  const added = cloneFactsOf().disks.concat(cloneDiskOf(9, { isDeletedWithVm: true }));
  test.each<[string, SourceParts, string]>([
    [
      'has got a disk that would go with it',
      partsOf({ facts: cloneFactsOf({ disks: added }) }),
      'its disk "builder-data9" too',
    ],
    [
      'is another one by now',
      partsOf({ facts: cloneFactsOf({ vmId: 'another' }) }),
      'another VM has its name now',
    ],
    [
      'has got another interface',
      partsOf({
        facts: cloneFactsOf({
          interfaces: [nic(), nic('second')].map(({ id }) => ({ id, isDeletedWithVm: false })),
        }),
        interfaces: [nic(), nic('second', { publicAddressIds: [] })],
      }),
      '"second" was given to it meanwhile',
    ],
  ])('of a VM that %s does nothing', async (_name, now, reason) => {
    const { deleted, failure } = await run(now);
    expect(deleted).toEqual([]);
    expect(failure).toMatch(/^VM "builder" is captured, but not deleted: /);
    expect(failure).toContain(reason);
  });

  test('of a VM that may not be looked at deletes nothing, and says what to do', async () => {
    const refused = { code: 'AuthorizationFailed', statusCode: 403 };
    const { deleted, failure } = await run(Object.assign(new Error('Not now.'), refused));
    expect(deleted).toEqual([]);
    expect(failure).toMatch(
      /^VM "builder" is captured, but could not be looked at to delete it: AuthorizationFailed \(403\): not now\. Grant /,
    );
  });

  test('of a VM that is gone leaves everything alone, and says so', async () => {
    const { deleted, failure, lines } = await run(undefined);
    expect({ deleted, failure }).toEqual({ deleted: [], failure: undefined });
    expect(lines).toEqual([
      'warn: VM "builder" was deleted by somebody else; what belonged to it is left alone.',
    ]);
  });

  const denied = Object.assign(new Error('No.'), { code: 'AuthorizationFailed', statusCode: 403 });
  test('goes on when a part cannot be deleted, and names it', async () => {
    const { deleted, failure } = await run(partsOf(), { 'builder-os': denied });
    expect(deleted).toEqual(['builder', 'builder-data2', 'builder-nic', 'builder-ip']);
    expect(failure).toMatch(
      /^VM "builder" is captured and deleted, but not all that belonged to it\. ".*\/builder-os" is left: AuthorizationFailed \(403\): no\. Delete it with: az resource delete --ids ".*\/builder-os"$/,
    );
  });

  test('ends when the VM itself cannot be deleted', async () => {
    const { deleted, failure } = await run(partsOf(), { builder: denied });
    expect(deleted).toEqual([]);
    expect(failure).toMatch(
      /^VM "builder" is captured, but could not be deleted: AuthorizationFailed/,
    );
  });
});
