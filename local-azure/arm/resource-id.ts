/** The form of a resource ID under which it is found: lower case, without a slash at the end. */
export function toKey(id: string): string {
  return id.toLowerCase().replace(/\/+$/, '');
}

/** Whether a scope is another one or lies below it, on the border of a path segment. */
export function isAtOrUnder(scope: string, ancestor: string): boolean {
  const below = toKey(scope);
  const above = toKey(ancestor);
  return below === above || below.startsWith(`${above}/`);
}

/** Whether two resource IDs, subscription IDs or resource group names are the same. */
export function isSame(one: string, other: string): boolean {
  return toKey(one) === toKey(other);
}

/** Whether two region names are the same: `West Europe` is `westeurope`. */
export function isSameLocation(one: string, other: string): boolean {
  return one.replaceAll(' ', '').toLowerCase() === other.replaceAll(' ', '').toLowerCase();
}

/** The segment that follows a keyword in a resource ID, as `resourceGroups` does the group's name. */
export function segmentAfter(id: string, keyword: string): string | undefined {
  const segments = id.split('/');
  const at = segments.findIndex((segment) => segment.toLowerCase() === keyword.toLowerCase());
  return at < 0 ? undefined : segments[at + 1];
}

/** The last segment of a resource ID: the resource's name. */
export function nameOf(id: string): string {
  return id.replace(/\/+$/, '').split('/').at(-1) ?? '';
}
