import { ArmError } from '../arm/arm-error.ts';
import { listAt, textAt } from '../arm/request-body.ts';
import { isSame, isSameLocation } from '../arm/resource-id.ts';
import type { ArmResources } from '../arm/resource-store.ts';
import { ipConfigurations } from './references.ts';

/** What a PUT asks for, and where what it names is looked up. */
export interface Asked {
  readonly id: string;
  readonly location: string;
  readonly body: unknown;
  readonly resources: ArmResources;
}

/** The subnet with an ID, as its network has it. */
export function findSubnet(
  resources: ArmResources,
  id: string,
): Readonly<Record<string, unknown>> | undefined {
  const network = resources.get(id.replace(/\/subnets\/[^/]+$/i, ''));
  const found = listAt(network?.body.properties, 'subnets').find((one) =>
    isSame(textAt(one, 'id') ?? '', id),
  );
  return found as Readonly<Record<string, unknown>> | undefined;
}

/** 400 for a named resource that is not there, or in another region; `keptAs` is what is looked up for it. */
export function requireNamed(
  { id: by, location, resources }: Asked,
  id: string,
  keptAs = id,
): void {
  const found = resources.get(keptAs);
  if (found !== undefined && isSameLocation(found.body.location, location)) return;
  throw badRequest(
    'InvalidResourceReference',
    `Resource ${id} referenced by resource ${by} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
  );
}

/** 400 for a public address that another interface has, or that is not there. */
export function requireUnusedAddress(asked: Asked, id: string): void {
  requireNamed(asked, id);
  const user = ipConfigurations(asked.resources).find(
    (one) => isSame(one.publicAddressId ?? '', id) && !one.id.startsWith(`${asked.id}/`),
  );
  if (user === undefined) return;
  throw badRequest(
    'PublicIPAddressInUse',
    `Resource ${asked.id} is referencing public IP address ${id} that is already allocated to resource ${user.id}.`,
  );
}

/** 400 with a code of the network service. */
export function badRequest(code: string, message: string): ArmError {
  return new ArmError(400, code, message);
}
