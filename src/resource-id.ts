/** The parts of an Azure resource ID of one level (`.../providers/NAMESPACE/TYPE/NAME`). */
export interface ResourceId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Namespace and type, `Microsoft.Compute/virtualMachines`. */
  readonly type: string;
  readonly name: string;
}

/** Where resources are: a group of a subscription. */
export type ResourceGroup = Pick<ResourceId, 'subscriptionId' | 'resourceGroup'>;

const shape =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/([^/]+\/[^/]+)\/([^/]+)\/?$/i;

/** Reads a resource ID; undefined when the text is none, or one of another type than asked. */
export function parseResourceId(text: string, type?: string): ResourceId | undefined {
  const [, subscriptionId, resourceGroup, found, name] = shape.exec(text) ?? [];
  if (!subscriptionId || !resourceGroup || !found || !name) return undefined;
  if (type !== undefined && found.toLowerCase() !== type.toLowerCase()) return undefined;
  return { subscriptionId, resourceGroup, type: type ?? found, name };
}

/** Reads a resource ID that Azure or this action made. Throws a plain error for anything else. */
export function requireResourceId(text: string): ResourceId {
  const id = parseResourceId(text);
  if (id === undefined) throw new Error(`Not a resource ID: "${text}"`);
  return id;
}

/** Writes a resource ID. */
export function formatResourceId(id: ResourceId): string {
  return `${resourceGroupId(id)}/providers/${id.type}/${id.name}`;
}

/** The ID of the resource group that a resource is in. */
export function resourceGroupId(id: ResourceGroup): string {
  return `/subscriptions/${id.subscriptionId}/resourceGroups/${id.resourceGroup}`;
}

/** Whether a resource is a scope or lies below it. */
export function isAtOrUnder(id: string, scope: string): boolean {
  return `${id}/`.toLowerCase().startsWith(`${scope}/`.toLowerCase());
}

/** Resource IDs are compared without regard to case. */
export function sameResource(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
