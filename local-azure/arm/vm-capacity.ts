import { ArmError, operationNotAllowed } from './arm-error.ts';
import type { Arm } from './call.ts';
import { isAtOrUnder, isSameLocation } from './resource-id.ts';
import { VirtualMachine } from './virtual-machine.ts';

/** A VM size as its name tells it. */
export interface VmSize {
  readonly name: string;
  readonly cores: number;
  /** As quotas name it: standardDSv5Family. */
  readonly family: string;
  readonly hasTemporaryDisk: boolean;
}

/** Sizes that are there beside those of the scenario's VMs. */
const commonSizes = ['Standard_B2s', 'Standard_D2s_v5', 'Standard_D4s_v5', 'Standard_D2as_v5'];

const defaultLimit = 100;

/** Reads the name of a size, https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions */
export function sizeOf(name: string): VmSize {
  const match =
    /^(?:Standard|Basic)_([A-Z]+)(\d+)(?:-\d+)?([a-z]*)(?:_[A-Z]\w*?)?(?:_(v\d+))?$/.exec(name);
  const [, letters = '', cores = '1', additions = '', version = ''] = match ?? [];
  return {
    name,
    cores: Number(cores),
    hasTemporaryDisk: additions.includes('d') || Number(version.slice(1)) < 5,
    family: `standard${letters}${additions.toUpperCase()}${version}Family`,
  };
}

/** The sizes that a region has. */
export function sizesAt(arm: Arm): readonly VmSize[] {
  const used = (arm.world.scenario.virtualMachines ?? []).flatMap(({ size }) => size ?? []);
  return [...new Set([...commonSizes, ...used])].sort().map(sizeOf);
}

/** Cores of a subscription in a region: used and allowed, in all (`cores`) or of a family. */
export function coresOf(
  arm: Arm,
  subscriptionId: string,
  location: string,
  family: string,
): { readonly used: number; readonly limit: number } {
  const { capacity = {} } = arm.world.scenario;
  const used = vmsAt(arm, subscriptionId, location)
    .map(({ parts }) => sizeOf(parts.model.size))
    .filter((size) => family === 'cores' || size.family === family)
    .reduce((sum, { cores }) => sum + cores, 0);
  const limit = family === 'cores' ? capacity.cores : capacity.familyCores;
  return { used, limit: limit ?? defaultLimit };
}

/** VMs that take of the quota, the deallocated ones too: https://learn.microsoft.com/azure/virtual-machines/quotas */
export function vmsAt(
  arm: Arm,
  subscriptionId: string,
  location: string,
): readonly VirtualMachine[] {
  return arm.world.resources
    .ofType('Microsoft.Compute/virtualMachines')
    .filter((one) => one instanceof VirtualMachine)
    .filter(
      (vm) =>
        isAtOrUnder(vm.id, `/subscriptions/${subscriptionId}`) &&
        isSameLocation(vm.location, location),
    );
}

/** Throws where the quota or the region has no room for another VM of a size. */
export function requireCapacity(
  arm: Arm,
  subscriptionId: string,
  location: string,
  sizeName: string,
): void {
  const size = sizeOf(sizeName);
  if ((arm.world.scenario.capacity?.unavailableSizes ?? []).includes(sizeName)) {
    throw new ArmError(
      409,
      'SkuNotAvailable',
      `The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: ${sizeName}' is currently not available in location '${location}'. Please try another size or deploy to a different location or different zone. See https://aka.ms/azureskunotavailable for details.`,
    );
  }
  for (const [name, title] of [
    ['cores', 'Total Regional Cores'],
    [size.family, `${size.family} Cores`],
  ] as const) {
    const { used, limit } = coresOf(arm, subscriptionId, location, name);
    if (used + size.cores <= limit) continue;
    throw operationNotAllowed(
      `Operation could not be completed as it results in exceeding approved ${title} quota. Additional details - Deployment Model: Resource Manager, Location: ${location}, Current Limit: ${limit}, Current Usage: ${used}, Additional Required: ${size.cores}, (Minimum) New Limit Required: ${used + size.cores}.`,
    );
  }
}
