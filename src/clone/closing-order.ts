import { requireResourceId } from '../resource-id.ts';

/** What a copy of a VM is made of: each stage is in use as long as the one before it is there. */
const stages: readonly (readonly string[])[] = [
  ['microsoft.compute/virtualmachines'],
  ['microsoft.network/networkinterfaces', 'microsoft.compute/disks'],
  ['microsoft.network/networksecuritygroups', 'microsoft.network/virtualnetworks'],
];

/** Parts resources of copies into stages that are closed one after another; what none knows comes first. */
export function inClosingOrder<T extends { readonly id: string }>(
  resources: readonly T[],
): readonly (readonly T[])[] {
  const stageOf = ({ id }: T): number => {
    const type = requireResourceId(id).type.toLowerCase();
    return Math.max(
      0,
      stages.findIndex((types) => types.includes(type)),
    );
  };
  return stages.map((_, stage) => resources.filter((resource) => stageOf(resource) === stage));
}
