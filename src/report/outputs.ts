import { finishedReplicas, hyperVGenerationOf, type Result } from './result.ts';

/** The action's outputs by name, as far as they are true: replicas that failed are not among them. */
export function renderOutputs(
  result: Result,
  manifestPath: string,
): Readonly<Record<string, string>> {
  const { plan } = result;
  if (plan === undefined) return { manifest: manifestPath };
  const urls = finishedReplicas(result, 'os').map(({ replica }) => replica.url);
  const dataUrls = plan.disks.flatMap(({ key }) =>
    key === 'os'
      ? []
      : finishedReplicas(result, key).map(({ replica }) => [String(key), replica.url] as const),
  );
  const [first = ''] = urls;
  return {
    'vhd-uris': JSON.stringify(urls),
    'os-vhd-uri': first,
    'data-vhd-uris': JSON.stringify(Object.fromEntries(dataUrls)),
    'os-type': plan.vm.osType,
    'os-state': plan.osState,
    'hyper-v-generation': hyperVGenerationOf(plan),
    'security-type': plan.vm.securityType ?? 'Standard',
    'batch-os-disk': JSON.stringify({
      imageUris: urls,
      caching: batchCaching(plan.vm.osDisk.caching),
    }),
    manifest: manifestPath,
  };
}

/** Batch spells it `none`, `readOnly`, `readWrite`: https://learn.microsoft.com/rest/api/batchservice/pool/add */
function batchCaching(caching: string): string {
  return caching.charAt(0).toLowerCase() + caching.slice(1);
}
