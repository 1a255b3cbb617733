import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { clientId, clientSecret, subscriptionId, tenantId } from './small-scenario.ts';
import { send, type Answer } from './send.ts';

/** Makes pollers of the SDK wait as little as they can. */
export const quickly = { updateIntervalInMs: 10 };

/** Where the compute resources of the small scenario are. */
export const computePath = `/subscriptions/${subscriptionId}/resourceGroups/images/providers/Microsoft.Compute`;

/** A client as an SDK user has it, except that it repeats nothing. */
export function connectCompute(
  credential = new ClientSecretCredential(tenantId, clientId, clientSecret),
): ComputeManagementClient {
  return new ComputeManagementClient(credential, subscriptionId, {
    retryOptions: { maxRetries: 0 },
  });
}

/** Calls Azure Resource Manager by hand with tokens of a credential; a path gets an api-version unless it has a query. */
export function connectArm(
  credential = new ClientSecretCredential(tenantId, clientId, clientSecret),
): (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<ArmAnswer> {
  return async (method, path, body) => {
    const { token } = await credential.getToken('https://management.azure.com/.default');
    const url = path.startsWith('https://') ? path : `https://management.azure.com${path}`;
    const answer = await send(url.includes('?') ? url : `${url}?api-version=2024-03-01`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json: unknown = answer.body === '' ? undefined : JSON.parse(answer.body);
    return { ...answer, json };
  };
}

/** An answer of Azure Resource Manager with its parsed body. */
export interface ArmAnswer extends Answer {
  readonly json: unknown;
}
