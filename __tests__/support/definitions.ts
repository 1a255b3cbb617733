/** Where the official definition of an operation is, below the folder of the definitions. */
export interface Definition {
  readonly file: string;
  /** oav finds an operation only under the api-version of its file. */
  readonly apiVersion: string;
  /** The path in the form of the definition, where oav does not find it in its own. */
  readonly pathOf?: (path: string) => string;
}

const compute = 'specification/compute/resource-manager/Microsoft.Compute';
const provider = (rest: string): RegExp => new RegExp(`/providers/Microsoft\\.${rest}`, 'i');

/** Which definition describes which addresses, https://github.com/Azure/azure-rest-api-specs; the first match counts. */
const definitions: readonly (Definition & { readonly path: RegExp })[] = [
  {
    path: /\/resourceGroups\/.*\/providers\/Microsoft\.Authorization\/permissions$/i,
    file: 'specification/authorization/resource-manager/Microsoft.Authorization/stable/2022-04-01/authorization-RoleDefinitionsCalls.json',
    apiVersion: '2022-04-01',
    // Those of a resource are defined under a parent resource, which oav does not take as empty.
    pathOf: (path) =>
      path.replace(/\/providers\/.*(\/providers\/Microsoft\.Authorization\/permissions)$/i, '$1'),
  },
  {
    path: provider('Compute/virtualMachines/[^/]+/runCommands?(/[^/]+)?$'),
    file: `${compute}/ComputeRP/stable/2024-03-01/runCommand.json`,
    apiVersion: '2024-03-01',
  },
  {
    path: provider('Compute/virtualMachines(/[^/]+){0,2}$'),
    file: `${compute}/ComputeRP/stable/2024-03-01/virtualMachine.json`,
    apiVersion: '2024-03-01',
  },
  {
    path: provider('Compute/virtualMachines/[^/]+/extensions/[^/]+$'),
    file: `${compute}/ComputeRP/stable/2024-03-01/virtualMachine.json`,
    apiVersion: '2024-03-01',
  },
  {
    path: provider('Compute/locations/[^/]+/usages$'),
    file: `${compute}/ComputeRP/stable/2024-03-01/computeRPCommon.json`,
    apiVersion: '2024-03-01',
  },
  {
    path: provider('Compute/skus$'),
    file: `${compute}/Skus/stable/2021-07-01/skus.json`,
    apiVersion: '2021-07-01',
  },
  {
    path: provider('Compute/images(/[^/]+)?$'),
    file: `${compute}/ComputeRP/stable/2024-03-01/image.json`,
    apiVersion: '2024-03-01',
  },
  {
    path: provider('Compute/disks(/[^/]+){0,2}$'),
    file: `${compute}/DiskRP/stable/2023-10-02/disk.json`,
    apiVersion: '2023-10-02',
  },
  {
    path: provider('Compute/snapshots(/[^/]+){0,2}$'),
    file: `${compute}/DiskRP/stable/2023-10-02/snapshot.json`,
    apiVersion: '2023-10-02',
  },
  {
    path: provider('Storage/storageAccounts/[^/]+/blobServices/[^/]+$'),
    file: 'specification/storage/resource-manager/Microsoft.Storage/stable/2023-05-01/blob.json',
    apiVersion: '2023-05-01',
  },
  {
    path: provider('Storage/storageAccounts(/[^/]+){0,2}$'),
    file: 'specification/storage/resource-manager/Microsoft.Storage/stable/2023-05-01/storage.json',
    apiVersion: '2023-05-01',
  },
  {
    path: provider('Batch/batchAccounts/[^/]+$'),
    file: 'specification/batch/resource-manager/Microsoft.Batch/stable/2024-02-01/BatchManagement.json',
    apiVersion: '2024-02-01',
  },
  {
    path: /^\/subscriptions\/[^/]+\/(resources|resourceGroups(\/[^/]+(\/resources)?)?)$/i,
    file: 'specification/resources/resource-manager/Microsoft.Resources/stable/2024-03-01/resources.json',
    apiVersion: '2024-03-01',
  },
];

/** Calls that are checked against no definition, and why. */
const unchecked: readonly { readonly path: RegExp; readonly reason: string }[] = [
  {
    path: /\/locations\/[^/]+\/(operations|DiskOperations)\/[^/]+$/i,
    reason: 'Polls are in no definition; what an operation gives is checked as its own answer.',
  },
  {
    path: /^\/metadata\/endpoints$/i,
    reason: 'The endpoints of a cloud are in no definition.',
  },
  {
    path: /\/providers\/Microsoft\.Network\//i,
    reason: 'The definitions of Microsoft.Network are not among those at hand.',
  },
  {
    path: /\/providers\/Microsoft\.Authorization\/locks$/i,
    reason: 'Locks are defined apart (Microsoft.Authorization 2020-05-01, locks.json).',
  },
  {
    path: /^\/subscriptions\/[^/]+\/providers\/Microsoft\.Authorization\/permissions$/i,
    reason: 'The definitions list permissions for groups and resources only.',
  },
  {
    path: /^\/subscriptions(\/[^/]+)?$/i,
    reason: 'Subscriptions are defined apart (Microsoft.Resources 2022-12-01, subscriptions.json).',
  },
  {
    path: /^\/subscriptions\/[^/]+\/providers\/[^/]+$/i,
    reason: 'oav finds no operation in whose path the provider is a parameter.',
  },
  {
    path: /\/providers\/Microsoft\.Compute\/gadgets(\/[^/]+)?$/i,
    reason: 'A resource type that does not exist: a test asks for it.',
  },
];

/** The definition of a path, or why there is none; undefined for a path that nobody has thought of. */
export function definitionOf(path: string): Definition | { readonly reason: string } | undefined {
  return (
    unchecked.find((entry) => entry.path.test(path)) ??
    definitions.find((entry) => entry.path.test(path))
  );
}
