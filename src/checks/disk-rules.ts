import { listOf } from '../errors.ts';
import type { VirtualMachine } from '../facts.ts';
import type { Inputs } from '../inputs.ts';
import { chooseDataDisks, diskLabel } from '../layout.ts';
import { TEBIBYTE } from '../units.ts';
import { VHD_FOOTER_BYTES } from '../vhd.ts';
import { notFound } from './lookups.ts';
import type { Rule } from './rule.ts';

const compute = 'https://learn.microsoft.com/azure/virtual-machines';
const storageApi = 'https://learn.microsoft.com/rest/api/storageservices';

/** Rules on the disks that are captured. */
export const diskRules: readonly Rule[] = [
  {
    id: 'ephemeral-os-disk',
    about: 'The OS disk is not ephemeral.',
    level: 'refusal',
    source: `${compute}/ephemeral-os-disks`,
    look: ({ vm }) =>
      vm?.osDisk.isEphemeral === true
        ? [
            `VM "${vm.name}" has an ephemeral OS disk, which can be neither deallocated nor snapshot. Make the VM anew with a managed OS disk.`,
          ]
        : [],
  },
  {
    id: 'unmanaged-disk',
    about: 'The disks are managed.',
    level: 'refusal',
    source: `${compute}/unmanaged-disks-deprecation`,
    look: ({ vm, inputs }) =>
      chosenDisks(vm, inputs)
        .filter(({ unmanagedUri }) => unmanagedUri !== undefined)
        .map(
          ({ name }) =>
            `Disk "${name}" of VM "${vm?.name ?? ''}" is unmanaged: it is a page blob and has no snapshots. Convert the VM to managed disks (az vm convert).`,
        ),
  },
  {
    id: 'disk-present',
    about: 'Every disk is there and can be read.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/disks/get',
    look: ({ survey }) =>
      [...survey.disks].flatMap(([key, disk]) =>
        notFound(disk, `Disk "${diskLabel(key)}" of the VM`, 'Check that it is still attached.'),
      ),
  },
  {
    id: 'data-disk-lun',
    about: 'The VM has a data disk at each LUN that is asked for.',
    level: 'refusal',
    source: `${compute}/managed-disks-overview`,
    look: ({ vm, inputs }) => {
      if (vm === undefined) return [];
      const luns = vm.dataDisks.map(({ lun }) => String(lun));
      const has = luns.length === 0 ? 'it has no data disks' : `it has ${listOf(luns)}`;
      return chooseDataDisks(inputs.dataDisks, vm).missing.map(
        (lun) => `VM "${vm.name}" has no data disk at LUN "${lun}": ${has}. Correct "data-disks".`,
      );
    },
  },
  {
    id: 'guest-encryption',
    about: 'No disk is encrypted by Azure Disk Encryption.',
    level: 'refusal',
    source: `${compute}/disk-encryption-overview`,
    look: ({ vm, disks }) => {
      const named = disks
        .filter(({ isGuestEncrypted }) => isGuestEncrypted)
        .map(({ name }) => name);
      const os = vm?.osDisk.isGuestEncrypted === true ? [vm.osDisk.name] : [];
      return [...new Set([...os, ...named])].map(
        (name) =>
          `Disk "${name}" is encrypted by Azure Disk Encryption: its VHD would stay encrypted. Decrypt it first (az vm encryption disable).`,
      );
    },
  },
  {
    id: 'disk-size',
    about: 'Each disk fits into a page blob of 8 TiB with its footer.',
    level: 'refusal',
    source: `${storageApi}/put-blob`,
    look: ({ disks }) =>
      disks
        .filter(({ sizeBytes }) => sizeBytes + VHD_FOOTER_BYTES > 8 * TEBIBYTE)
        .map(
          ({ name }) =>
            `Disk "${name}" with its VHD footer is larger than 8 TiB, the limit of a page blob. Leave it out with "data-disks".`,
        ),
  },
  {
    id: 'disk-format',
    about:
      'Each disk can be exported as a VHD: no Ultra Disk, no Premium SSD v2, sectors of 512 bytes.',
    level: 'refusal',
    source: `${compute}/disks-incremental-snapshots`,
    look: ({ disks }) =>
      disks
        .filter(
          ({ sku, logicalSectorSizeBytes }) =>
            /^(UltraSSD|PremiumV2)_/.test(sku) || logicalSectorSizeBytes !== 512,
        )
        .map(
          ({ name, sku }) =>
            `Disk "${name}" (${sku}) is exported as VHDX or by incremental snapshots only, not as a VHD. Leave it out with "data-disks".`,
        ),
  },
  {
    id: 'shared-disk',
    about: 'No disk is shared by several VMs.',
    level: 'refusal',
    source: `${compute}/disks-shared`,
    look: ({ disks }) =>
      disks
        .filter(({ maxShares }) => maxShares > 1)
        .map(
          ({ name }) =>
            `Disk "${name}" is shared by several VMs: its VHD would not be consistent. Leave it out with "data-disks".`,
        ),
  },
  {
    id: 'disk-access-open',
    about: 'Nobody else has a SAS of a disk.',
    level: 'refusal',
    source: `${compute}/linux/download-vhd`,
    look: ({ disks }) =>
      disks
        .filter(({ diskState }) => diskState.startsWith('ActiveSAS'))
        .map(
          ({ name }) =>
            `Disk "${name}" has an active SAS of somebody else. End it first (az disk revoke-access).`,
        ),
  },
  {
    id: 'hibernated',
    about: 'The VM does not hibernate.',
    level: 'refusal',
    source: `${compute}/hibernate-resume`,
    look: ({ vm, disks }) =>
      disks
        .filter(({ diskState }) => diskState === 'Frozen')
        .map(
          ({ name }) =>
            `Disk "${name}" is frozen: VM "${vm?.name ?? ''}" hibernates, and the memory of its system lies on its disks. Start the VM, and run again.`,
        ),
  },
  {
    id: 'customer-managed-keys',
    about: 'Disks with customer-managed keys, which a VHD does not have.',
    level: 'warning',
    source: `${compute}/disk-encryption`,
    look: ({ disks }) =>
      disks
        .filter(({ encryptionSetId }) => encryptionSetId !== undefined)
        .map(
          ({ name, encryptionSetId = '' }) =>
            `Disk "${name}" is encrypted with customer-managed keys of "${encryptionSetId}": its temporary snapshot needs the same disk encryption set, in the same region, and its VHD is encrypted with the keys of the storage account instead. Give the account such keys where the VHD needs them.`,
        ),
  },
  {
    id: 'export-limits',
    about:
      'Disks that limit their export: network access policy, public network access, data access by Microsoft Entra ID only.',
    level: 'warning',
    source: `${compute}/disks-restrict-import-export-overview`,
    look: ({ disks }) =>
      disks
        .filter(({ exportLimits }) => exportLimits.length > 0)
        .map(
          ({ name, exportLimits }) =>
            `Disk "${name}" limits its export (${listOf(exportLimits)}), but its temporary snapshot is open to whoever holds the SAS, from all networks, until the copies are done. Do not capture it where that must not be.`,
        ),
  },
];

/** The disks that the run would capture, as the VM tells them. */
function chosenDisks(
  vm: VirtualMachine | undefined,
  inputs: Inputs,
): readonly VirtualMachine['dataDisks'][number][] {
  if (vm === undefined) return [];
  const { luns } = chooseDataDisks(inputs.dataDisks, vm);
  const osDisk = { ...vm.osDisk, lun: -1 };
  return [osDisk, ...vm.dataDisks.filter(({ lun }) => luns.includes(lun))];
}
