import { invalidParameter } from './arm-error.ts';
import {
  listAt,
  missingParameter,
  readTags,
  textAt,
  valueAt,
  requireLocation,
} from './request-body.ts';

/** Where a disk of an image comes from. */
export type ImageSource =
  | { readonly kind: 'snapshot' | 'managedDisk'; readonly id: string }
  | { readonly kind: 'blob'; readonly uri: string };

/** A disk of an image as it is asked for. */
export interface ImageDisk {
  readonly source: ImageSource;
  readonly caching: string;
  readonly storageAccountType: string | undefined;
}

/** What a PUT of an image asks for. */
export interface ImageRequest {
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly hyperVGeneration: string | undefined;
  readonly from:
    | { readonly kind: 'vm'; readonly id: string }
    | {
        readonly kind: 'disks';
        readonly osType: string;
        readonly osState: string;
        readonly osDisk: ImageDisk;
        readonly dataDisks: readonly (ImageDisk & { readonly lun: number })[];
      };
}

/** Checks the body of a PUT; 400 for what Azure refuses. */
export function readImageRequest(body: unknown): ImageRequest {
  const location = requireLocation(body);
  const hyperVGeneration = textAt(body, 'properties', 'hyperVGeneration');
  if (hyperVGeneration !== undefined && !['V1', 'V2'].includes(hyperVGeneration)) {
    throw invalidParameter(
      `The value '${hyperVGeneration}' of parameter 'hyperVGeneration' is invalid.`,
    );
  }
  const from = readFrom(body);
  return { location, tags: readTags(body) ?? {}, hyperVGeneration, from };
}

function readFrom(body: unknown): ImageRequest['from'] {
  const vm = textAt(body, 'properties', 'sourceVirtualMachine', 'id');
  const profile = valueAt(body, 'properties', 'storageProfile');
  const osDisk = valueAt(profile, 'osDisk');
  if (vm !== undefined && osDisk === undefined) return { kind: 'vm', id: vm };
  if (osDisk === undefined) throw missingParameter('sourceVirtualMachine');
  return {
    kind: 'disks',
    osType: required(osDisk, 'osType', ['Linux', 'Windows']),
    osState: required(osDisk, 'osState', ['Generalized', 'Specialized']),
    osDisk: readDisk(osDisk),
    dataDisks: listAt(profile, 'dataDisks').map(readDataDisk),
  };
}

function required(osDisk: unknown, name: string, values: readonly string[]): string {
  const value = textAt(osDisk, name);
  if (value === undefined) throw missingParameter(`osDisk.${name}`);
  if (values.includes(value)) return value;
  throw invalidParameter(`The value '${value}' of parameter 'osDisk.${name}' is invalid.`);
}

function readDataDisk(disk: unknown): ImageDisk & { readonly lun: number } {
  const lun = valueAt(disk, 'lun');
  if (typeof lun !== 'number') throw missingParameter('dataDisk.lun');
  return { lun, ...readDisk(disk) };
}

function readDisk(disk: unknown): ImageDisk {
  return {
    source: readSource(disk),
    caching: textAt(disk, 'caching') ?? 'None',
    storageAccountType: textAt(disk, 'storageAccountType'),
  };
}

function readSource(disk: unknown): ImageSource {
  for (const kind of ['snapshot', 'managedDisk'] as const) {
    const id = textAt(disk, kind, 'id');
    if (id !== undefined) return { kind, id };
  }
  const uri = textAt(disk, 'blobUri');
  if (uri === undefined) throw missingParameter('blobUri');
  return { kind: 'blob', uri };
}
