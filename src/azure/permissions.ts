import type { Permission } from '../facts.ts';
import type { ResourceManager } from './resource-manager.ts';

const API_VERSION = '2022-04-01';

/** Reads what the caller itself may do at a scope: https://learn.microsoft.com/rest/api/authorization/permissions */
export async function effectivePermissions(
  resourceManager: ResourceManager,
  scope: string,
  signal: AbortSignal,
): Promise<readonly Permission[]> {
  const path = `${scope}/providers/Microsoft.Authorization/permissions`;
  const models = (await resourceManager.list(path, API_VERSION, signal)) as readonly Model[];
  return models.map((model) => ({
    actions: model.actions ?? [],
    notActions: model.notActions ?? [],
    dataActions: model.dataActions,
    notDataActions: model.notDataActions ?? [],
  }));
}

interface Model {
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
  readonly dataActions?: readonly string[];
  readonly notDataActions?: readonly string[];
}
