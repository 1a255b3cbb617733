import { invalidParameter } from './arm-error.ts';
import { missingParameter, readTags, textAt, valueAt, requireLocation } from './request-body.ts';

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
  const location = requireLocation(body);
  const sku = textAt(body, 'sku', 'name') ?? 'Standard_LRS';
  if (!skus.includes(sku)) {
    throw invalidParameter(`The value '${sku}' of parameter 'snapshot.sku.name' is invalid.`);
  }
  return {
    ...{ location, sku, sourceId: readSource(body), tags: readTags(body) ?? {} },
    incremental: valueAt(body, 'properties', 'incremental') === true,
  };
}

function readSource(body: unknown): string {
  const option = textAt(body, 'properties', 'creationData', 'createOption');
  if (option === undefined) throw missingParameter('creationData');
  // Other ways of making a snapshot are Azure's, but not the local Azure's.
  if (option !== 'Copy') {
    throw invalidParameter(
      `The value '${option}' of parameter 'snapshot.creationData.createOption' is invalid.`,
    );
  }
  const source = textAt(body, 'properties', 'creationData', 'sourceResourceId');
  if (source === undefined) throw missingParameter('creationData.sourceResourceId');
  return source;
}
