import type { DiskExports } from '../world.ts';

/** A SAS of a disk export that is in force, without its signature. */
export interface ActiveGrant {
  readonly policyId: string;
  readonly resourceId: string;
  readonly url: string;
  readonly grantedAt: string;
  readonly durationInSeconds: number;
}

/** Disk exports that remember what was granted. */
export interface ListedExports extends DiskExports {
  listActive(): readonly ActiveGrant[];
}

/** The same exports with a list of their grants. */
export function listGrants(exports: DiskExports): ListedExports {
  const grants: ActiveGrant[] = [];
  return {
    ...exports,
    grant: (image, resourceId, durationInSeconds) => {
      const granted = exports.grant(image, resourceId, durationInSeconds);
      const { origin, pathname } = new URL(granted.accessSAS);
      grants.push({
        policyId: granted.policyId,
        resourceId,
        url: origin + pathname,
        grantedAt: new Date().toISOString(),
        durationInSeconds,
      });
      return granted;
    },
    listActive: () => grants.filter(({ policyId }) => exports.isActive(policyId)),
  };
}
