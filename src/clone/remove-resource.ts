import type { TemporaryResources } from '../azure/temporary-resources.ts';
import { isConflict, untilFree } from '../busy.ts';
import { ActionError, azureFailure } from '../errors.ts';
import { KEY_TAG } from '../marks.ts';
import type { Clock } from '../ports.ts';

/**
 * The network interface of a VM that could not be made is held for it for 180 s. Other codes come from what is not
 * quite gone yet. https://learn.microsoft.com/troubleshoot/azure/virtual-network/virtual-network-troubleshoot-cannot-delete-vnet
 */
const inUse =
  /^(NicReservedForAnotherVm|NicInUse|InUse(Subnet|NetworkSecurityGroup)CannotBeDeleted|ResourceInUse)$/i;
/** In milliseconds; 200 s in all. */
const PAUSES_MS = [5_000, 15_000, 30_000, 30_000, 30_000, 30_000, 30_000, 30_000];

/**
 * Removes a resource of a copy when it carries the run's key; one that does not is told, not touched. The key is also in
 * its name.
 */
export function createResourceRemoval(
  resources: Pick<TemporaryResources, 'tagsOf' | 'delete'>,
  clock: Clock,
): (lease: { readonly id: string; readonly key: string }, signal: AbortSignal) => Promise<void> {
  return async ({ id, key }, signal) => {
    const tags = await resources.tagsOf(id, signal);
    // One that was just made may not be found yet; a deletion of what is not there is none.
    if (tags === undefined && !id.endsWith(`-${key}`)) return;
    if (tags !== undefined && tags[KEY_TAG] !== key) {
      throw new ActionError('azure', `it does not carry the tag "${KEY_TAG}" of this run.`);
    }
    await untilFree(
      () => resources.delete(id, signal),
      () => Promise.resolve(),
      { clock, signal, isBusy, pausesMs: PAUSES_MS },
    );
  };
}

function isBusy(error: unknown): boolean {
  const { code = '' } = azureFailure(error);
  return code !== 'ScopeLocked' && (isConflict(error) || inUse.test(code));
}
