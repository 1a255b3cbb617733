import { fillBlobName } from './blob-name.ts';
import { crc64, formatCrc64 } from './copy/crc64.ts';
import type { Inputs } from './inputs.ts';
import type { VirtualMachine } from './facts.ts';
import type { Layout } from './layout.ts';
import type { Run } from './run.ts';

/** What only one run at a time may work on, and the lock blob that says so. */
export interface PlannedLock {
  /** As a sentence begins: what is worked on. */
  readonly what: string;
  readonly url: string;
  /** It locks the VM, not a set of names. */
  readonly isOfVm: boolean;
}

/** Beside the VHDs, but in a folder of its own, where nobody looks for them. */
const FOLDER = '.vm-to-vhd';

/**
 * The locks of a run, in the order in which every run takes them, so that of two runs that share several one gets all.
 * Each container that is written to has one for the names of the VHDs and one for the VM, unless the VM is only copied
 * from, which harms nobody. Runs that share a VM but no container meet by their claims.
 */
export function planLocks(
  inputs: Inputs,
  vm: VirtualMachine,
  layout: Layout,
  run: Run,
): readonly PlannedLock[] {
  const accounts = new Map(
    layout.disks.flatMap(({ replicas }) => replicas.map(({ account }) => [account.id, account])),
  );
  const kept = { disk: '{disk}', replica: '{replica}', account: '{account}' };
  const names = fillBlobName(inputs.blobName, { vm: vm.name, run: run.runId, ...kept });
  return [...accounts.values()]
    .flatMap(({ name, blobEndpoint }): readonly PlannedLock[] => {
      const at = (kind: string, text: string): string =>
        `${blobEndpoint}/${inputs.container}/${FOLDER}/${kind}-${hash(text)}.lock`;
      const isOnlyRead = inputs.source === 'copy' && inputs.deleteSource === 'none';
      const ofVm = { what: `VM "${vm.name}"`, url: at('vm', vm.id.toLowerCase()), isOfVm: true };
      return [
        ...(isOnlyRead ? [] : [ofVm]),
        {
          isOfVm: false,
          what: `The set "${names}" in container "${inputs.container}" of storage account "${name}"`,
          url: at('set', names),
        },
      ];
    })
    .sort((left, right) => (left.url < right.url ? -1 : 1));
}

/** 16 hex digits for a text. */
export function hash(text: string): string {
  return formatCrc64(crc64(new TextEncoder().encode(text)));
}
