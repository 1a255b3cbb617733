import {
  AggregateAuthenticationError,
  AzureCliCredential,
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientSecretCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import type { GetTokenOptions, TokenCredential } from '@azure/core-auth';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { ActionError, azureFailure, endSentence } from '../errors.ts';
import type { Identity } from '../inputs.ts';
import type { Cloud } from './clouds.ts';

const AZ_TIMEOUT_MS = 60_000;

/** Gives a new GitHub OIDC assertion for an audience; it lives some minutes only, so each token takes a new one. */
export type MintAssertion = (audience: string) => Promise<string>;

/**
 * The credential of an identity. The ambient one tries, in this order, the environment's service principal,
 * the session of azure/login (az) and the machine's managed identity.
 */
export function createCredential(
  identity: Identity,
  cloud: Cloud,
  mintAssertion: MintAssertion,
  httpClient: HttpClient,
): TokenCredential {
  const options = {
    httpClient,
    authorityHost: cloud.authorityHost,
    disableInstanceDiscovery: cloud.name === 'custom',
  };
  switch (identity.kind) {
    case 'oidc':
      return new ClientAssertionCredential(
        identity.tenantId,
        identity.clientId,
        () => mintAssertion(identity.audience),
        options,
      );
    case 'client-secret':
      return new ClientSecretCredential(
        identity.tenantId,
        identity.clientId,
        identity.clientSecret,
        options,
      );
    case 'ambient':
      return new ChainedTokenCredential(
        new EnvironmentCredential(options),
        new AzureCliCredential({ processTimeoutInMs: AZ_TIMEOUT_MS }),
        new ManagedIdentityCredential({ httpClient }),
      );
  }
}

/**
 * Asks for each token once, however many clients want it at the same moment: each SDK client begins with a request of
 * its own, and each would take an assertion from GitHub.
 */
export function shareTokens(credential: TokenCredential): TokenCredential {
  const pending = new Map<string, ReturnType<TokenCredential['getToken']>>();
  return {
    getToken(scopes, options = {}) {
      const { claims, tenantId, enableCae } = options;
      const key = JSON.stringify([scopes, claims, tenantId, enableCae]);
      const asked =
        pending.get(key) ??
        credential
          .getToken(scopes, { claims, tenantId, enableCae } as typeof options)
          .finally(() => pending.delete(key));
      pending.set(key, asked);
      return untilAborted(asked, options.abortSignal);
    },
  };
}

/** What is shared goes on for the others; this caller does not wait for it any more. */
function untilAborted<T>(asked: Promise<T>, signal: GetTokenOptions['abortSignal']): Promise<T> {
  if (signal === undefined) return asked;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(new DOMException('The sign-in was cancelled.', 'AbortError'));
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    asked.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}

/** Gets a first token, so that a wrong identity is told before anything else. Throws one clear sentence. */
export async function signIn(
  credential: TokenCredential,
  identity: Identity,
  scope: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await credential.getToken(scope, { abortSignal: signal });
  } catch (error) {
    if (error instanceof ActionError) throw error;
    const message = messageOf(error);
    throw new ActionError(
      'azure',
      `Could not sign in ${whoOf(identity)}: ${endSentence(message)} ${nextFor(identity, message)}`,
      {
        cause: error,
      },
    );
  }
}

/** A chain that failed has the reason of each of its credentials. */
function messageOf(error: unknown): string {
  return error instanceof AggregateAuthenticationError
    ? error.errors.map((inner: unknown) => azureFailure(inner).message).join(' ')
    : azureFailure(error).message;
}

function whoOf(identity: Identity): string {
  switch (identity.kind) {
    case 'oidc':
      return `client "${identity.clientId}" of tenant "${identity.tenantId}" with GitHub OIDC`;
    case 'client-secret':
      return `client "${identity.clientId}" of tenant "${identity.tenantId}" with its secret`;
    case 'ambient':
      return 'with the environment, the az session or a managed identity';
  }
}

function nextFor(identity: Identity, message: string): string {
  if (identity.kind === 'ambient') {
    return 'Run azure/login before this step, or give "client-id" and "tenant-id".';
  }
  if (message.includes('AADSTS7002')) {
    return 'Add a federated credential with exactly this subject to the app registration.';
  }
  return 'Check "client-id", "tenant-id" and the credentials of the app registration.';
}
