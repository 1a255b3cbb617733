import type { World } from '../world.ts';
import type { BlobPath } from './copies.ts';
import { problems, Refusal } from './problems.ts';

/**
 * Refuses to change a blob that is there where its container or account keeps blobs as they are.
 * {@link https://learn.microsoft.com/azure/storage/blobs/immutable-storage-overview}
 */
export async function checkMutable(
  { scenario }: World,
  { account, container }: BlobPath,
  exists: () => Promise<boolean>,
): Promise<void> {
  const owner = scenario.storageAccounts?.find(({ name }) => name === account);
  const place = owner?.containers?.find(({ name }) => name === container);
  const isHeld = place?.hasLegalHold === true;
  const isKept = place?.hasImmutabilityPolicy === true || keepsByDefault(owner?.properties);
  if (!(isHeld || isKept) || !(await exists())) return;
  throw new Refusal(isHeld ? problems.immutableByHold : problems.immutableByPolicy);
}

/** Version-level immutability with a policy of the account is on every blob in it. */
function keepsByDefault(properties: Readonly<Record<string, unknown>> = {}): boolean {
  const setting = properties['immutableStorageWithVersioning'];
  return (
    typeof setting === 'object' &&
    setting !== null &&
    'enabled' in setting &&
    setting.enabled === true
  );
}
