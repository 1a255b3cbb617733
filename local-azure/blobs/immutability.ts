import type { OutgoingHttpHeaders } from 'node:http';
import type { Scenario, ScenarioContainer } from '../scenario.ts';
import type { World } from '../world.ts';
import type { BlobCall } from './call.ts';
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
  const place = findContainer(scenario, account, container);
  const isHeld = place?.hasLegalHold === true;
  const isKept = place?.hasImmutabilityPolicy === true || keepsByDefault(owner?.properties);
  if (!(isHeld || isKept) || !(await exists())) return;
  throw new Refusal(isHeld ? problems.immutableByHold : problems.immutableByPolicy);
}

/** What the properties of a container tell of it; the store knows neither. */
export function showImmutability({ world, operation, path }: BlobCall): OutgoingHttpHeaders {
  if (operation.kind !== 'container-properties') return {};
  const place = findContainer(world.scenario, path.account, path.container);
  return {
    'x-ms-has-immutability-policy': `${place?.hasImmutabilityPolicy === true}`,
    'x-ms-has-legal-hold': `${place?.hasLegalHold === true}`,
  };
}

function findContainer(
  { storageAccounts = [] }: Scenario,
  account: string,
  container: string,
): ScenarioContainer | undefined {
  const owner = storageAccounts.find(({ name }) => name === account);
  return owner?.containers?.find(({ name }) => name === container);
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
