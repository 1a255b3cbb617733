import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto';
import { mergeRanges } from '../disks/byte-ranges.ts';
import { FOOTER_BYTES } from '../disks/vhd-footer.ts';
import type { ByteRange, DiskExport, DiskExports, DiskImage, Hosts } from '../world.ts';

/** The export service answers as this version whatever is asked. */
export const EXPORT_VERSION = '2018-03-28';

interface Grant extends DiskExport {
  readonly host: string;
  readonly path: string;
  readonly signature: string;
  readonly expiresAtMs: number;
}

/** Exports under host names of the cloud; a SAS holds a stored policy, and its end is known here only. */
export function createDiskExports(hosts: Hosts): DiskExports {
  const grants = new Map<string, Grant>();
  const isActive = (policyId: string): boolean =>
    (grants.get(policyId)?.expiresAtMs ?? 0) > Date.now();
  const end = (grant: Grant) => grants.set(grant.policyId, { ...grant, expiresAtMs: 0 });
  return {
    isActive,
    grant: (image, resourceId, durationInSeconds) => {
      const grant: Grant = {
        policyId: randomUUID(),
        resourceId,
        image,
        etag: `"0x8D${createHash('sha256').update(resourceId).digest('hex').slice(0, 13).toUpperCase()}"`,
        grantedAt: new Date(),
        host: hosts.newExportHost(),
        path: `/${randomName()}/abcd`,
        signature: newSignature(),
        expiresAtMs: Date.now() + durationInSeconds * 1000,
      };
      grants.set(grant.policyId, grant);
      const query = `sv=${EXPORT_VERSION}&sr=b&si=${grant.policyId}&sig=${encodeURIComponent(grant.signature)}`;
      return {
        accessSAS: `https://${grant.host}${grant.path}?${query}`,
        policyId: grant.policyId,
      };
    },
    revoke: (policyId) => {
      const grant = grants.get(policyId);
      if (grant) end(grant);
    },
    endAll: (resource) => {
      for (const grant of grants.values()) {
        if (resource?.test(grant.resourceId) !== false) end(grant);
      }
    },
    open: (url) => {
      const known = [...grants.values()].some(({ host }) => host === url.hostname);
      if (!known || !url.searchParams.has('sig')) return 'missing';
      const grant = grants.get(url.searchParams.get('si') ?? '');
      return grant !== undefined && isSignedFor(grant, url) && isActive(grant.policyId)
        ? grant
        : 'refused';
    },
  };
}

/** The bytes of a whole VHD that are data: the disk's ranges and the footer. */
export function exportedRanges(image: DiskImage): readonly ByteRange[] {
  const footer = { start: image.sizeBytes, end: image.sizeBytes + FOOTER_BYTES };
  const known = rangesOf.get(image) ?? mergeRanges([...image.ranges, footer]);
  rangesOf.set(image, known);
  return known;
}

/** There may be a million of them, and they are asked for again and again. */
const rangesOf = new WeakMap<DiskImage, readonly ByteRange[]>();

function isSignedFor(grant: Grant, url: URL): boolean {
  return (
    grant.host === url.hostname &&
    grant.path === url.pathname &&
    grant.signature === url.searchParams.get('sig')
  );
}

/** A signature whose text needs encoding in every way, so that a client that treats it carelessly fails at once. */
function newSignature(): string {
  for (;;) {
    const signature = randomBytes(32).toString('base64');
    if (signature.includes('+') && signature.includes('/')) return signature;
  }
}

function randomName(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 12 }, () => letters.charAt(randomInt(letters.length))).join('');
}
