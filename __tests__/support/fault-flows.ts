import type { Scenario } from '../../local-azure/scenario.ts';
import { linuxStarts, linuxSucceeds } from './guest-acts.ts';
import { buildScenario, SUBSCRIPTION } from './scenario.ts';

const compute = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute`;

/** A whole run for the fault matrix: with as few calls as it can have, and things of somebody else beside it. */
export interface Flow {
  readonly what: string;
  readonly scenario: Scenario;
  readonly inputs: Readonly<Record<string, string>>;
  /** How many VHDs it makes. */
  readonly vhds: number;
  /** Resource IDs of what it is to change; anything else has to stay as it is. */
  readonly changes: RegExp;
}

/** A snapshot, and a blob that looks unfinished, which no run may touch. */
function withForeignThings(vm: Parameters<typeof buildScenario>[0]): Scenario {
  const usual = buildScenario({
    ...vm,
    accounts: [
      {
        resourceGroup: 'images',
        name: 'imageswe1',
        containers: [
          {
            name: 'theirs',
            blobs: [
              { name: 'foreign.vhd', type: 'PageBlob', metadata: { vmtovhd_state: 'copying' } },
            ],
          },
        ],
      },
    ],
  });
  return {
    ...usual,
    snapshots: [
      { resourceGroup: 'images', name: 'foreign', sourceDiskId: `${compute}/disks/builder-os` },
    ],
  };
}

const osDisk = { name: 'builder-os', sizeGiB: 1, content: { seed: 1, dataMiB: 1 } };

const succeeding = { acts: [linuxStarts(linuxSucceeds)] };
// Where nobody knows whether the guest has begun, it is watched for its whole time.
const usualInputs = {
  'storage-accounts': 'imageswe1',
  generalize: '',
  'deprovision-timeout': '1',
  'sas-duration': '3600',
};

/** The VM itself is deprovisioned, marked generalized and captured: two replicas of its OS disk, one of its data disk. */
export const capturing: Flow = {
  what: 'a capture',
  scenario: withForeignThings({
    vm: {
      osDisk,
      dataDisks: [{ lun: 0, name: 'builder-data0', sizeGiB: 1, content: { seed: 2, dataMiB: 1 } }],
      bootDiagnostics: 'managed',
      guest: succeeding,
    },
  }),
  inputs: { ...usualInputs, source: 'vm', replicas: '2' },
  vhds: 3,
  changes: /\/(virtualMachines\/builder|disks\/builder-(os|data0))$/i,
};

/** A copy of the VM is made, deprovisioned and captured, and the VM is left as it is. */
export const copying: Flow = {
  what: 'a capture of a copy',
  scenario: withForeignThings({ vm: { osDisk, dataDisks: [], guest: succeeding } }),
  inputs: { ...usualInputs, source: 'copy' },
  vhds: 1,
  changes: /(?!)/,
};
