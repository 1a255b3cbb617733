import { ArmError, invalidParameter } from './arm-error.ts';

/** The value at a path in a body, whose names are found without regard to case; undefined for none. */
export function valueAt(body: unknown, ...path: readonly string[]): unknown {
  let value = body;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  }
  return value;
}

/** The text at a path in a body; undefined for anything else. */
export function textAt(body: unknown, ...path: readonly string[]): string | undefined {
  const value = valueAt(body, ...path);
  return typeof value === 'string' ? value : undefined;
}

/** The entries of the list at a path in a body; none for anything else. */
export function listAt(body: unknown, ...path: readonly string[]): readonly unknown[] {
  const value = valueAt(body, ...path);
  return Array.isArray(value) ? value : [];
}

/** The tags of a body, or undefined when it has none. */
export function readTags(body: unknown): Readonly<Record<string, string>> | undefined {
  const tags = valueAt(body, 'tags');
  if (typeof tags !== 'object' || tags === null) return undefined;
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)]));
}

/** 400 for a body without something. */
export function missingParameter(name: string): ArmError {
  return invalidParameter(`Required parameter '${name}' is missing (null).`);
}

/** The region of a body; 400 without one. */
export function requireLocation(body: unknown): string {
  const location = textAt(body, 'location');
  if (location !== undefined) return location;
  throw new ArmError(
    400,
    'LocationRequired',
    'The location property is required for this definition.',
    { source: 'gateway' },
  );
}
