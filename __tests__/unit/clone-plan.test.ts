import { describe, expect, test } from '@jest/globals';
import { resourceIds, type ClonePlan } from '../../src/clone/clone-plan.ts';
import { copyRules } from '../../src/clone/copy-network.ts';
import { cloneRequirements, cloneRights } from '../../src/clone/clone-rights.ts';
import { cloneDiskOf, cloneFactsOf, clonePlanOf, wishesOf } from '../support/clone.ts';
import { group, planOf, runOf, worldOf } from '../support/facts.ts';

const { key } = runOf();
const nameOf = (id: string): string => id.split('/').at(-1) ?? '';
const everyId = (plan: ClonePlan): readonly string[] => [
  ...resourceIds(plan),
  ...plan.disks.map(({ snapshot }) => snapshot.id),
];

describe('the plan of a copy', () => {
  test('names everything after the VM and the run, in the group of the VM', () => {
    const plan = clonePlanOf();
    expect(everyId(plan).map(nameOf)).toEqual([
      `builder-copy-${key}`,
      `builder-copy-nic-${key}`,
      `builder-copy-os-${key}`,
      `builder-copy-lun2-${key}`,
      `builder-copy-nsg-${key}`,
      `builder-copy-vnet-${key}`,
      `builder-source-os-${key}`,
      `builder-source-lun2-${key}`,
    ]);
    for (const id of everyId(plan)) expect(id.startsWith(`${group}/providers/`)).toBe(true);
  });

  test('puts it all into the group that the snapshots go to', () => {
    const plan = clonePlanOf(cloneFactsOf(), wishesOf({ snapshotResourceGroup: 'temp' }));
    const temp = group.replace('images', 'temp');
    for (const id of everyId(plan)) expect(id.startsWith(`${temp}/providers/`)).toBe(true);
  });

  test("keeps names within Azure's limits, the key at their end", () => {
    const plan = clonePlanOf(cloneFactsOf({ name: `${'b'.repeat(40)}.${'u'.repeat(23)}` }));
    for (const id of everyId(plan)) {
      const limit = id === plan.vm.id ? 64 : 80;
      expect(nameOf(id)).toMatch(new RegExp(`^[\\w-]{1,${limit}}$`));
      expect(id.endsWith(key)).toBe(true);
    }
    expect(nameOf(plan.vm.id)).toHaveLength(64);
  });

  test('tags everything with the marks of the run and when it began', () => {
    const { disks, securityGroup, network, networkInterface, vm } = clonePlanOf();
    const all = [securityGroup, network, networkInterface, vm];
    for (const made of [...all, ...disks.flatMap(({ disk, snapshot }) => [disk, snapshot])]) {
      expect(made?.tags).toEqual({
        team: 'images',
        'vm-to-vhd-key': key,
        'vm-to-vhd-made': runOf().startedAt,
      });
    }
  });

  test('copies every disk to its place, with its own kind, zone, keys and caching', () => {
    const encryption = { type: 'EncryptionAtRestWithCustomerKey', setId: '/keys' };
    const data = cloneDiskOf(5, { sku: 'StandardSSD_ZRS', caching: 'None', encryption });
    const os = cloneDiskOf('os', { zones: ['2'] });
    const plan = clonePlanOf(cloneFactsOf({ disks: [os, data], zones: ['2'] }));
    const [first, second] = plan.disks;
    expect(first).toMatchObject({
      snapshot: { diskId: os.diskId, sku: 'Standard_LRS' },
      disk: { snapshotId: first?.snapshot.id, sku: 'Premium_LRS', zones: ['2'] },
    });
    expect(second?.disk).toMatchObject({ sku: 'StandardSSD_ZRS', zones: [], encryption });
    expect(plan.vm).toMatchObject({ zones: ['2'] });
    expect(plan.vm.disks).toEqual([
      { key: 'os', diskId: first?.disk.id, caching: 'ReadWrite' },
      { key: 5, diskId: second?.disk.id, caching: 'None' },
    ]);
  });

  test('makes a VM of the same machine', () => {
    const same = {
      size: 'Standard_E4bds_v5',
      sizeProperties: { vCpusAvailable: 2, vCpusPerCore: 1 },
      securityType: 'TrustedLaunch',
      secureBoot: true,
      vTpm: false,
      encryptionAtHost: true,
      diskController: 'NVMe',
      plan: { name: 'lts', product: 'server', publisher: 'acme' },
      licenseType: 'Windows_Server',
      osType: 'Windows',
    } as const;
    expect(clonePlanOf(cloneFactsOf(same)).vm).toMatchObject(same);
  });

  test('goes to a subnet that is there only when told, with the rules on its interface', () => {
    const own = clonePlanOf();
    expect(own.networkInterface).toMatchObject({
      subnetId: `${own.network?.id ?? ''}/subnets/copy`,
      securityGroupId: own.securityGroup.id,
    });
    expect(own.network).toMatchObject({ hasOutbound: true });
    const subnet = `${group}/providers/Microsoft.Network/virtualNetworks/prod/subnets/build`;
    const asked = clonePlanOf(cloneFactsOf(), wishesOf({ copySubnet: subnet }));
    expect(asked.network).toBeUndefined();
    expect(resourceIds(asked).some((id) => id.includes('virtualNetworks'))).toBe(false);
    expect(asked.networkInterface).toMatchObject({
      subnetId: subnet,
      securityGroupId: asked.securityGroup.id,
    });
  });

  test('without a way out its subnet has none either', () => {
    const plan = clonePlanOf(cloneFactsOf(), wishesOf({ copyOutbound: 'none' }));
    expect(plan.network).toMatchObject({ hasOutbound: false });
  });

  test.each<[string, Parameters<typeof cloneFactsOf>[0], RegExp]>([
    ['a running VM', {}, /crash-consistent, each disk at a moment of its own/],
    ['a running VM with one disk', { disks: [cloneDiskOf('os')] }, /crash-consistent\. It starts/],
    ['a stopped VM', { powerState: 'stopped' }, /is stopped: the copy has its disks as it left/],
    ['a VM with an identity', { notCarried: ['identities'] }, /does not get identities of VM/],
  ])('says of %s what is to be known', (_name, facts, note) => {
    expect(clonePlanOf(cloneFactsOf(facts)).notes.join(' ')).toMatch(note);
  });
});

describe('the capture of a copy', () => {
  const plan = planOf(worldOf());

  test('has names of its own, which those of the copy never are', () => {
    const own = everyId(clonePlanOf());
    const captured = plan.disks.flatMap(({ exports }) => exports.map((one) => one.snapshotId));
    expect(captured.length).toBeGreaterThan(0);
    expect(own.filter((id) => captured.includes(id))).toEqual([]);
  });
});

describe('the rules of the network of a copy', () => {
  test.each(['azure', 'none'] as const)(
    'with "%s" nothing comes in, and the rest is denied',
    (out) => {
      const rules = copyRules(out);
      const inbound = rules.filter(({ direction }) => direction === 'Inbound');
      expect(inbound).toMatchObject([
        { access: 'Deny', protocol: '*', destination: '*', port: '*' },
      ]);
      const outbound = rules.filter(({ direction }) => direction === 'Outbound');
      expect(outbound.at(-1)).toMatchObject({ access: 'Deny', destination: '*', port: '*' });
      expect(outbound.map(({ priority }) => priority)).toEqual([100, 200]);
    },
  );

  test('let out what Run Command asks for, or nothing', () => {
    const allowed = (out: 'azure' | 'none') =>
      copyRules(out).filter(({ access }) => access === 'Allow');
    expect(allowed('azure')).toMatchObject([
      { protocol: 'Tcp', destination: 'AzureCloud', port: '443' },
    ]);
    expect(allowed('none')).toEqual([]);
    expect(copyRules('none')).toContainEqual(
      expect.objectContaining({ access: 'Deny', destination: 'AzurePlatformDNS', port: '53' }),
    );
  });
});

describe('the rights for a copy', () => {
  test('are asked for where things are made, and on the disks that are read', () => {
    const plan = clonePlanOf(cloneFactsOf(), wishesOf({ snapshotResourceGroup: 'temp' }));
    const scopes = new Map<string, number>();
    for (const { scope } of cloneRequirements(plan)) {
      scopes.set(scope, (scopes.get(scope) ?? 0) + 1);
    }
    const inGroup = cloneRights.filter(({ at }) => at === 'group' || at === 'own-network');
    expect(scopes).toEqual(
      new Map([
        ...cloneFactsOf().disks.map(({ diskId }) => [diskId, 1] as const),
        [group.replace('images', 'temp'), inGroup.length],
      ]),
    );
  });

  test('with a subnet that is there are no rights to make one', () => {
    const subnet = `${group}/providers/Microsoft.Network/virtualNetworks/prod/subnets/build`;
    const plan = clonePlanOf(cloneFactsOf(), wishesOf({ copySubnet: subnet }));
    const networks = cloneRequirements(plan).filter(({ name }) => name.includes('virtualNetworks'));
    expect(networks).toEqual([
      {
        scope: subnet,
        kind: 'action',
        name: 'Microsoft.Network/virtualNetworks/subnets/join/action',
      },
    ]);
  });
});
