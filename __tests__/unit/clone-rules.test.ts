import { describe, expect, test } from '@jest/globals';
import { check, type Finding } from '../../src/checks/check.ts';
import { cloneRules } from '../../src/checks/clone-rules.ts';
import { deletionRules } from '../../src/checks/deletion-rules.ts';
import type { CloneSurvey } from '../../src/clone/clone-survey.ts';
import type { SourceParts } from '../../src/delete-source.ts';
import type { Survey } from '../../src/survey.ts';
import { cloneDiskOf, cloneFactsOf, cloneSurveyOf, wishesOf } from '../support/clone.ts';
import { group, inputsOf, subscriptionId, surveyOf, vmOf, worldOf } from '../support/facts.ts';

const failed = { kind: 'failed', code: 'AuthorizationFailed', message: 'Not allowed.' } as const;
const missing = { kind: 'missing' } as const;
const found = <T>(value: T): { kind: 'found'; value: T } => ({ kind: 'found', value });
const size = {
  name: 'Standard_D2s_v5',
  family: 'standardDSv5Family',
  vCpus: 2,
  hasTemporaryDisk: false,
  restrictions: [],
};
const subnetId = `${group}/providers/Microsoft.Network/virtualNetworks/prod/subnets/build`;
const [, , otherSubscription = ''] =
  '/subscriptions/6c3d9f20-51e8-4ba7-9d46-2f0a8b7c1e35/resourceGroups'.split('/');
const foreignId = subnetId.replace(subscriptionId, otherSubscription);

function findingsOf(survey: Partial<Survey>): readonly Finding[] {
  const world = worldOf();
  return check(world.inputs, surveyOf(world, survey)).filter(({ rule }) =>
    /^(copy|delete-source)/.test(rule),
  );
}

const withSubnet = (id: string, subnet: CloneSurvey['subnet']): CloneSurvey =>
  cloneSurveyOf(cloneFactsOf(), { subnet }, wishesOf({ copySubnet: id }));

const restricted = (reason: string, zones: readonly string[]): Partial<CloneSurvey> => ({
  size: found({ ...size, restrictions: [{ reason, zones }] }),
});

const some = cloneSurveyOf();
const [someName = ''] = some.names.keys();

describe('a copy', () => {
  test.each<[string, CloneSurvey | undefined]>([
    ['is not asked for', undefined],
    ['finds nothing in its way', some],
    ['fits the quota to the last core', cloneSurveyOf(cloneFactsOf())],
    [
      'is made where only another zone lacks the size',
      cloneSurveyOf(
        cloneFactsOf({ zones: ['1'] }),
        restricted('NotAvailableForSubscription', ['2']),
      ),
    ],
    [
      'goes to a subnet of its region',
      withSubnet(subnetId, found({ id: subnetId, location: 'West Europe' })),
    ],
  ])('that %s gives no finding', (_name, clone) => {
    expect(findingsOf(clone === undefined ? {} : { clone })).toEqual([]);
  });

  const rows: readonly (readonly [string, CloneSurvey, string, RegExp])[] = [
    [
      'of a VM with a disk that may not be read',
      { ...some, facts: failed, plan: undefined },
      'copy-readable',
      /VM "builder" with all its disks cannot be read: AuthorizationFailed/,
    ],
    [
      'of a generalized VM',
      cloneSurveyOf(cloneFactsOf({ isGeneralized: true })),
      'copy-of-generalized',
      /VM "builder" is marked generalized.* Set "source: vm"\./,
    ],
    [
      'of a VM with a disk that is captured by increments only',
      cloneSurveyOf(
        cloneFactsOf({ disks: [cloneDiskOf('os'), cloneDiskOf(3, { sku: 'PremiumV2_LRS' })] }),
      ),
      'copy-disk-kind',
      /Disk "builder-data3" of VM "builder" \(PremiumV2_LRS\) has incremental snapshots only/,
    ],
    [
      'of a VM with an unmanaged disk',
      cloneSurveyOf(cloneFactsOf({ disks: [cloneDiskOf('os', { diskId: undefined })] })),
      'copy-disk-kind',
      /Disk "builder-os" of VM "builder" is no managed disk/,
    ],
    [
      'of a VM with an encrypted disk',
      cloneSurveyOf(cloneFactsOf({ disks: [cloneDiskOf('os', { isGuestEncrypted: true })] })),
      'copy-disk-kind',
      /is encrypted by Azure Disk Encryption/,
    ],
    [
      'in an edge zone',
      cloneSurveyOf(cloneFactsOf({ edgeZone: 'losangeles' })),
      'copy-edge-zone',
      /edge zone "losangeles"/,
    ],
    [
      'of a size that is gone',
      cloneSurveyOf(cloneFactsOf(), { size: missing }),
      'copy-size',
      /Size "Standard_D2s_v5" is not offered in "westeurope" any more/,
    ],
    [
      'of a size that the subscription does not get',
      cloneSurveyOf(cloneFactsOf(), restricted('NotAvailableForSubscription', [])),
      'copy-size',
      /is not to be had in "westeurope" \(NotAvailableForSubscription\)/,
    ],
    [
      'of a size that its zone lacks',
      cloneSurveyOf(cloneFactsOf({ zones: ['2'] }), restricted('Restricted', ['1', '2'])),
      'copy-size',
      /is not to be had in zone 2/,
    ],
    [
      'beyond the quota of the family',
      cloneSurveyOf(cloneFactsOf(), { size: found({ ...size, vCpus: 4 }) }),
      'copy-quota',
      /needs 4 of quota "standardDSv5Family" in "westeurope", where 8 of 10 are used/,
    ],
    [
      'beyond the number of VMs',
      cloneSurveyOf(cloneFactsOf(), {
        usages: found([{ name: 'virtualMachines', used: 5, limit: 5 }]),
      }),
      'copy-quota',
      /needs 1 of quota "virtualMachines"/,
    ],
    [
      'whose quota may not be read',
      cloneSurveyOf(cloneFactsOf(), { usages: failed }),
      'copy-quota-unknown',
      /Grant "Microsoft.Compute\/skus\/read"/,
    ],
    [
      'in a subnet that is not there',
      withSubnet(subnetId, missing),
      'copy-subnet',
      /prod\/subnets\/build" does not exist\. Check "copy-subnet"/,
    ],
    [
      'in a subnet elsewhere',
      withSubnet(subnetId, found({ id: subnetId, location: 'eastus' })),
      'copy-subnet',
      /is in "eastus", VM "builder" in "westeurope"/,
    ],
    [
      'in a subnet of another subscription',
      withSubnet(foreignId, found({ id: foreignId, location: 'westeurope' })),
      'copy-subnet',
      /is in another subscription than VM "builder"/,
    ],
    [
      'whose name is taken',
      { ...some, names: new Map([[someName, found({})]]) },
      'copy-names',
      /exists already\. Run again/,
    ],
    [
      'whose parts may not be read, so that they could not be closed',
      { ...some, names: new Map([[someName, failed]]) },
      'copy-names',
      /cannot be read: AuthorizationFailed: Not allowed\./,
    ],
  ];

  test('breaks every rule on copies in some row', () => {
    expect(new Set(rows.map(([, , rule]) => rule))).toEqual(
      new Set(cloneRules.map(({ id }) => id)),
    );
  });

  test.each(rows)('%s is told', (_name, clone, rule, message) => {
    const findings = findingsOf({ clone });
    expect(findings.map((finding) => finding.rule)).toEqual([rule]);
    expect(findings[0]?.message).toMatch(message);
    expect(findings[0]?.level).toBe(rule === 'copy-quota-unknown' ? 'warning' : 'refusal');
  });
});

test('the rights to make a copy are told with all others that the run lacks there', () => {
  const reader = { actions: ['*/read'], notActions: [], dataActions: [], notDataActions: [] };
  const world = worldOf({ inputs: inputsOf({ source: 'copy' }) });
  const permissions = new Map([[group, found([reader])]]);
  const findings = check(world.inputs, surveyOf(world, { clone: some, permissions }));
  expect(findings.map(({ rule }) => rule)).toEqual(['permissions', 'permissions-optional']);
  expect(findings[0]?.message).toMatch(
    /lacks (?=.*snapshots\/endGetAccess\/action).*virtualMachines\/write.* on "\/subscriptions/,
  );
  expect(findings[0]?.message.split('Microsoft.Compute/snapshots/write')).toHaveLength(2);
});

describe('deleting the source', () => {
  const parts = (facts = cloneFactsOf()): SourceParts => ({
    ...{ facts, interfaces: [], publicAddresses: [] },
  });
  const lock = { name: 'keep', level: 'CanNotDelete', scope: group };

  const nicId = `${group}/providers/Microsoft.Network/networkInterfaces/builder-nic`;
  const netGroup = group.replace('images', 'net');
  const addressId = `${netGroup}/providers/Microsoft.Network/publicIPAddresses/builder-ip`;
  const withInterface = (otherUses: readonly string[] = []): SourceParts => ({
    facts: cloneFactsOf(),
    interfaces: [{ id: nicId, vmId: vmOf().id, otherUses, publicAddressIds: [addressId] }],
    publicAddresses: [{ id: addressId, usedBy: `${nicId}/ipConfigurations/one`, otherUses: [] }],
  });

  test('of a VM with nothing in the way gives no finding', () => {
    expect(findingsOf({ sourceParts: found(parts()) })).toEqual([]);
    expect(findingsOf({ sourceParts: found(withInterface()) })).toEqual([]);
  });

  test('is not refused for locks on what stays', () => {
    const locks = new Map(
      [nicId, addressId, `${group}/providers/Microsoft.Compute/disks/builder-data9`].map(
        (scope) => [scope, found([{ ...lock, scope }])] as const,
      ),
    );
    expect(findingsOf({ sourceParts: found(withInterface(['a pool'])), locks })).toEqual([]);
  });

  const rows: readonly (readonly [string, Partial<Survey>, string, RegExp])[] = [
    [
      'whose parts may not be read',
      { sourceParts: failed },
      'delete-source-readable',
      /with its disks, interfaces and public addresses cannot be read/,
    ],
    [
      'that would take a disk along that is not captured',
      {
        sourceParts: found(
          parts(
            cloneFactsOf({ disks: [cloneDiskOf('os'), cloneDiskOf(7, { isDeletedWithVm: true })] }),
          ),
        ),
      },
      'delete-source',
      /would delete its disk "builder-data7" too, and it was not captured\. Set the delete option/,
    ],
    [
      'that is locked',
      { sourceParts: found(parts()), locks: new Map([[vmOf().id, found([lock])]]) },
      'delete-source-lock',
      /Lock "keep" \(CanNotDelete\) on ".*" keeps "builder", "builder-os" and "builder-data2" from being deleted\. Remove it, or/,
    ],
    [
      'whose interface is locked',
      {
        sourceParts: found(withInterface()),
        locks: new Map([[nicId, found([{ ...lock, level: 'ReadOnly', scope: nicId }])]]),
      },
      'delete-source-lock',
      /Lock "keep" \(ReadOnly\) on ".*" keeps "builder-nic" from being deleted/,
    ],
    [
      'whose public address is in a group that is locked',
      {
        sourceParts: found(withInterface()),
        locks: new Map([[addressId, found([{ ...lock, scope: netGroup.toUpperCase() }])]]),
      },
      'delete-source-lock',
      /Lock "keep" \(CanNotDelete\) on ".*" keeps "builder-ip" from being deleted/,
    ],
  ];

  test('breaks every rule on deletions in some row', () => {
    expect(new Set(rows.map(([, , rule]) => rule))).toEqual(
      new Set(deletionRules.map(({ id }) => id)),
    );
  });

  test.each(rows)('%s is refused', (_name, survey, rule, message) => {
    const findings = findingsOf(survey);
    expect(findings.map((finding) => finding.rule)).toEqual([rule]);
    expect(findings[0]?.message).toMatch(message);
    expect(findings[0]?.level).toBe('refusal');
  });
});
