import type { Lock } from '../facts.ts';
import type { ResourceManager } from './resource-manager.ts';

const API_VERSION = '2020-05-01';
const separator = /\/providers\/Microsoft\.Authorization\/locks\/[^/]+$/i;

/**
 * Reads the locks on a scope and on what is above it.
 * https://learn.microsoft.com/powershell/module/az.resources/get-azresourcelock
 */
export async function locksAt(
  resourceManager: ResourceManager,
  scope: string,
  signal: AbortSignal,
): Promise<readonly Lock[]> {
  const path = `${scope}/providers/Microsoft.Authorization/locks`;
  const models = await resourceManager.list(path, API_VERSION, signal, 'atScope()');
  return (models as readonly Model[]).map(({ id = '', name = '', properties }) => ({
    name,
    scope: id.replace(separator, ''),
    level: properties?.level ?? '',
  }));
}

interface Model {
  readonly id?: string;
  readonly name?: string;
  readonly properties?: { readonly level?: string };
}
