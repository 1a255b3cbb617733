import { invalidParameter } from './arm-error.ts';
import {
  listAt,
  missingParameter,
  readTags,
  textAt,
  valueAt,
  requireLocation,
} from './request-body.ts';

/** What a PUT of a disk asks for. */
export interface DiskRequest {
  readonly location: string;
  readonly sku: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly zones: readonly string[];
  /** Who may export it; shown as it was given. */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly createOption: 'Copy' | 'Empty';
  /** Of the snapshot or disk that is copied. */
  readonly sourceId: string | undefined;
  /** Whole GiB. Default: the source's. */
  readonly sizeGiB: number | undefined;
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/;

/** Checks the name and body of a PUT; 400 for what Azure refuses. */
export function readDiskRequest(name: string, body: unknown): DiskRequest {
  if (!namePattern.test(name)) {
    throw invalidParameter(
      "The entity name 'disk.name' is invalid according to its validation rule: ^[^_\\W][\\w-._]{0,79}(?<![-.])$.",
    );
  }
  const location = requireLocation(body);
  const createOption = textAt(body, 'properties', 'creationData', 'createOption');
  if (createOption === undefined) throw missingParameter('creationData');
  // Other ways of making a disk are Azure's, but not the local Azure's.
  if (createOption !== 'Copy' && createOption !== 'Empty') {
    throw invalidParameter(
      `The value '${createOption}' of parameter 'disk.creationData.createOption' is invalid.`,
    );
  }
  const sku = textAt(body, 'sku', 'name') ?? 'Standard_LRS';
  const tags = readTags(body) ?? {};
  const zones = listAt(body, 'zones').map(String);
  const properties = Object.fromEntries(
    ['networkAccessPolicy', 'publicNetworkAccess'].flatMap((key) => {
      const value = textAt(body, 'properties', key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
  return {
    ...{ location, sku, tags, zones, properties, createOption },
    ...readContent(body, createOption),
  };
}

function readContent(
  body: unknown,
  createOption: 'Copy' | 'Empty',
): Pick<DiskRequest, 'sourceId' | 'sizeGiB'> {
  const size = valueAt(body, 'properties', 'diskSizeGB');
  const sizeGiB = typeof size === 'number' && Number.isInteger(size) && size > 0 ? size : undefined;
  if (createOption === 'Empty') {
    if (sizeGiB === undefined) throw missingParameter('disk.diskSizeGB');
    return { sourceId: undefined, sizeGiB };
  }
  const sourceId = textAt(body, 'properties', 'creationData', 'sourceResourceId');
  if (sourceId === undefined) throw missingParameter('creationData.sourceResourceId');
  return { sourceId, sizeGiB };
}
