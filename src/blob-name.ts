/** What a blob-name template is filled with. */
export interface BlobNameParts {
  readonly vm: string;
  readonly run: string;
  /** `os`, or `lun0` and so on. */
  readonly disk: string;
  /** From 1. */
  readonly replica: number | string;
  readonly account: string;
}

/** Fills a template: `{vm}-{run}-{disk}-{replica}.vhd` becomes `builder-1234-os-1.vhd`. */
export function fillBlobName(template: string, parts: BlobNameParts): string {
  return template.replace(/\{(vm|run|disk|replica|account)\}/g, (_, name: keyof BlobNameParts) =>
    String(parts[name]),
  );
}

/** Azure's limit of 1024 characters, less what the name of a draft beside it needs. */
const MAX_NAME = 1000;

/**
 * What Azure refuses in a blob name, or undefined.
 * https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
 */
export function blobNameProblem(name: string): string | undefined {
  if (name.length > MAX_NAME)
    return `has ${name.length} characters; at most ${MAX_NAME} are allowed`;
  if (name === '.vhd') return 'has nothing before ".vhd"';
  return undefined;
}
