import { createPipelineFromOptions, createPipelineRequest } from '@azure/core-rest-pipeline';
import { ActionError, explain } from '../errors.ts';
import type { Environment, EnvironmentName } from '../inputs.ts';
import { createHttpClient } from './http-client.ts';

/** The addresses of one cloud. */
export interface Cloud {
  readonly name: string;
  readonly resourceManagerEndpoint: string;
  readonly resourceManagerScope: string;
  readonly authorityHost: string;
}

/** One audience serves the storage of all clouds: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory */
export const STORAGE_SCOPE = 'https://storage.azure.com/.default';

/** https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure and its like for China. */
const clouds: Readonly<Record<EnvironmentName, Cloud>> = {
  AzureCloud: cloud('AzureCloud', 'management.azure.com', 'login.microsoftonline.com'),
  AzureUSGovernment: cloud(
    'AzureUSGovernment',
    'management.usgovcloudapi.net',
    'login.microsoftonline.us',
  ),
  AzureChinaCloud: cloud(
    'AzureChinaCloud',
    'management.chinacloudapi.cn',
    'login.chinacloudapi.cn',
  ),
};

/** The cloud that the inputs name; any other than the three is asked for its own metadata. */
export async function findCloud(environment: Environment, signal: AbortSignal): Promise<Cloud> {
  if (environment.kind === 'named') return clouds[environment.name];
  const endpoint = environment.resourceManagerEndpoint;
  try {
    return await discoverCloud(endpoint, signal);
  } catch (error) {
    throw explain(
      `Could not read the metadata of the resource manager "${endpoint}"`,
      error,
      'Check the input "resource-manager-endpoint".',
    );
  }
}

async function discoverCloud(endpoint: string, signal: AbortSignal): Promise<Cloud> {
  const pipeline = createPipelineFromOptions({});
  const response = await pipeline.sendRequest(
    createHttpClient(),
    createPipelineRequest({
      url: `${endpoint}/metadata/endpoints?api-version=2022-09-01`,
      abortSignal: signal,
    }),
  );
  const found = readMetadata(JSON.parse(response.bodyAsText ?? 'null'), endpoint);
  if (response.status !== 200 || found === undefined) {
    throw new ActionError(
      'azure',
      `The resource manager "${endpoint}" answers its metadata request with status ${response.status} and no login endpoint. Check the input "resource-manager-endpoint".`,
    );
  }
  return {
    name: 'custom',
    resourceManagerEndpoint: endpoint,
    resourceManagerScope: `${found.audience.replace(/\/$/, '')}/.default`,
    authorityHost: found.loginEndpoint.replace(/\/$/, ''),
  };
}

interface Metadata {
  readonly loginEndpoint: string;
  readonly audience: string;
}

/** The answer is an object in old versions, a list of clouds in newer ones. */
function readMetadata(body: unknown, endpoint: string): Metadata | undefined {
  const entries = (Array.isArray(body) ? body : [body]) as readonly {
    resourceManager?: string;
    authentication?: { loginEndpoint?: string; audiences?: readonly string[] };
  }[];
  const entry =
    entries.find((entry) => entry.resourceManager?.replace(/\/$/, '') === endpoint) ?? entries[0];
  const loginEndpoint = entry?.authentication?.loginEndpoint;
  const audience = entry?.authentication?.audiences?.[0] ?? endpoint;
  return loginEndpoint === undefined ? undefined : { loginEndpoint, audience };
}

function cloud(name: EnvironmentName, resourceManager: string, authority: string): Cloud {
  return {
    name,
    resourceManagerEndpoint: `https://${resourceManager}`,
    resourceManagerScope: `https://${resourceManager}/.default`,
    authorityHost: `https://${authority}`,
  };
}
