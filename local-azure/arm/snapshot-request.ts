import { ArmError, invalidParameter } from './arm-error.ts';

/** What a PUT of a snapshot asks for. */
export interface SnapshotRequest {
  readonly location: string;
  readonly sourceId: string;
  readonly sku: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly incremental: boolean;
}

const skus = ['Standard_LRS', 'Standard_ZRS', 'Premium_LRS'];

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$/;

/** Checks the name and body of a PUT; 400 for what Azure refuses. */
export function readSnapshotRequest(name: string, body: unknown): SnapshotRequest {
  if (!namePattern.test(name)) {
    throw invalidParameter(
      "The entity name 'snapshot.name' is invalid according to its validation rule: ^[^_\\W][\\w-._]{0,79}(?<![-.])$.",
    );
  }
  const location = textAt(body, 'location');
  if (location === undefined) {
    throw new ArmError(
      400,
      'LocationRequired',
      'The location property is required for this definition.',
      { source: 'gateway' },
    );
  }
  const sku = textAt(body, 'sku', 'name') ?? 'Standard_LRS';
  if (!skus.includes(sku)) {
    throw invalidParameter(`The value '${sku}' of parameter 'snapshot.sku.name' is invalid.`);
  }
  return {
    ...{ location, sku, sourceId: readSource(body), tags: readTags(body) ?? {} },
    incremental: valueAt(body, 'properties', 'incremental') === true,
  };
}

/** The tags of a body, or undefined when it has none. */
export function readTags(body: unknown): Readonly<Record<string, string>> | undefined {
  const tags = valueAt(body, 'tags');
  if (typeof tags !== 'object' || tags === null) return undefined;
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)]));
}

function readSource(body: unknown): string {
  const option = textAt(body, 'properties', 'creationData', 'createOption');
  if (option === undefined) throw missing('creationData');
  // Other ways of making a snapshot are Azure's, but not the local Azure's.
  if (option !== 'Copy') {
    throw invalidParameter(
      `The value '${option}' of parameter 'snapshot.creationData.createOption' is invalid.`,
    );
  }
  const source = textAt(body, 'properties', 'creationData', 'sourceResourceId');
  if (source === undefined) throw missing('creationData.sourceResourceId');
  return source;
}

function missing(name: string): ArmError {
  return invalidParameter(`Required parameter '${name}' is missing (null).`);
}

function textAt(body: unknown, ...path: readonly string[]): string | undefined {
  const value = valueAt(body, ...path);
  return typeof value === 'string' ? value : undefined;
}

function valueAt(body: unknown, ...path: readonly string[]): unknown {
  let value = body;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  }
  return value;
}
