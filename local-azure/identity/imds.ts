import express, { type Express, type Response } from 'express';
import type { Identity, TokenIssuer } from './identities.ts';

/**
 * The instance metadata address, as far as tokens go.
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */
export function createImdsApp(issuer: TokenIssuer): Express {
  const app = express().disable('x-powered-by').disable('etag');
  app.use((request, response, next) => {
    if (request.get('metadata')?.toLowerCase() === 'true') next();
    else refuse(response, 'Required metadata header not specified');
  });
  app.get('/metadata/identity/oauth2/token', async (request, response) => {
    const query = new URL(request.url, 'http://169.254.169.254').searchParams;
    const resource = query.get('resource');
    const identity = findIdentity(issuer, query);
    if (!query.has('api-version')) {
      refuse(response, 'Required query variable "api-version" is missing');
    } else if (resource === null) {
      refuse(response, 'Required query variable "resource" is missing');
    } else if (identity === undefined) {
      refuse(response, 'Identity not found');
    } else {
      response.json(await answerToken(issuer, identity, resource));
    }
  });
  app.use((_request, response) => {
    response.status(404).json({ error: 'Not found' });
  });
  return app;
}

async function answerToken(
  issuer: TokenIssuer,
  { principal }: Identity,
  resource: string,
): Promise<object> {
  const issued = await issuer.issue(principal, resource, 'assertion');
  return {
    access_token: issued.token,
    client_id: principal.clientId,
    expires_in: String(issued.expiresInSeconds),
    expires_on: String(issued.expiresOn),
    ext_expires_in: String(issued.expiresInSeconds),
    not_before: String(issued.notBefore),
    resource,
    token_type: 'Bearer',
  };
}

function findIdentity(issuer: TokenIssuer, query: URLSearchParams): Identity | undefined {
  const managed = issuer.identities.filter(({ credentials }) => credentials.managedIdentity);
  const clientId = query.get('client_id')?.toLowerCase();
  const objectId = (query.get('object_id') ?? query.get('principal_id'))?.toLowerCase();
  if (query.has('msi_res_id') || query.has('mi_res_id')) return undefined;
  return managed.find(
    ({ principal }) =>
      (clientId === undefined || principal.clientId.toLowerCase() === clientId) &&
      (objectId === undefined || principal.objectId.toLowerCase() === objectId),
  );
}

function refuse(response: Response, description: string): void {
  response.status(400).json({ error: 'invalid_request', error_description: description });
}
