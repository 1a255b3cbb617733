import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type Response } from 'express';
import { listAt } from '../arm/request-body.ts';
import type { CloudName } from '../scenario.ts';
import type { Hosts } from '../world.ts';
import { checkResource, resourceOfScope } from './audiences.ts';
import { instanceDiscovery, openidConfiguration } from './discovery.ts';
import { EntraError, renderEntraError } from './entra-error.ts';
import { checkAssertion } from './federation.ts';
import type { Identity, ProofKind, TokenIssuer } from './identities.ts';
import type { SigningKey } from './signing-key.ts';

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** Tenant names that stand for any tenant in discovery documents. */
const anyTenant = ['common', 'organizations'];

export interface EntraParts {
  readonly cloud: CloudName;
  readonly hosts: Hosts;
  readonly issuer: TokenIssuer;
  readonly entraKey: SigningKey;
  readonly githubKey: SigningKey;
}

type Form = Readonly<Record<string, string | undefined>>;

/** The sign-in service: discovery, keys, and tokens for client credentials. */
export function createEntraApp(parts: EntraParts): Express {
  const { hosts, issuer, entraKey } = parts;
  const app = express().disable('x-powered-by').disable('etag');
  app.get('/common/discovery/instance', (_request, response) => {
    response.json(instanceDiscovery(hosts.authority, issuer.tenantId));
  });
  for (const [path, version] of [
    ['/:tenant/v2.0/.well-known/openid-configuration', 2],
    ['/:tenant/.well-known/openid-configuration', 1],
  ] as const) {
    app.get(path, (request, response) => {
      const { tenant } = request.params;
      if (!anyTenant.includes(tenant)) checkTenant(parts, request, tenant);
      response.json(openidConfiguration(request.hostname, tenant, version));
    });
  }
  app.get(
    ['/:tenant/discovery/v2.0/keys', '/:tenant/discovery/keys'],
    (_request: Request, response: Response) => {
      response.json({ keys: [entraKey.jwk] });
    },
  );
  app.post(
    ['/:tenant/oauth2/v2.0/token', '/:tenant/oauth2/token'],
    express.urlencoded({ extended: false }),
    async (request: Request<{ tenant: string }, unknown, Form | undefined>, response: Response) => {
      checkTenant(parts, request, request.params.tenant);
      const isV2 = request.path.includes('/v2.0/');
      response.set('cache-control', 'no-store, no-cache');
      response.set('x-ms-request-id', randomUUID());
      response.json(await answerToken(parts, request.body ?? {}, isV2));
    },
  );
  app.use(refuse(hosts));
  return app;
}

async function answerToken(parts: EntraParts, form: Form, isV2: boolean): Promise<object> {
  const grant = required(form, 'grant_type');
  if (grant !== 'client_credentials') {
    throw new EntraError(400, 'unsupported_grant_type', 70003, [
      `The app requested an unsupported grant type '${grant}'.`,
    ]);
  }
  const identity = findIdentity(parts.issuer, required(form, 'client_id'));
  const resource = isV2 ? resourceOfScope(required(form, 'scope')) : required(form, 'resource');
  const proof = await checkProof(form, identity, parts.githubKey);
  checkResource(resource, parts.cloud, parts.issuer.tenantId);
  const claims = readClaims(form['claims']);
  const issued = await parts.issuer.issue(identity.principal, resource, proof, claims);
  const token = { token_type: 'Bearer', access_token: issued.token };
  const seconds = issued.expiresInSeconds;
  return isV2
    ? { ...token, expires_in: seconds, ext_expires_in: seconds }
    : {
        ...token,
        expires_in: String(seconds),
        ext_expires_in: String(seconds),
        expires_on: String(issued.expiresOn),
        not_before: String(issued.notBefore),
        resource,
      };
}

/**
 * What a client says of itself: that it can take a challenge for other claims (`CP1`) goes into its token.
 * https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
function readClaims(text: string | undefined): readonly string[] {
  if (text === undefined || text === '') return [];
  try {
    const claims: unknown = JSON.parse(text);
    return listAt(claims, 'access_token', 'xms_cc', 'values').map(String);
  } catch {
    throw new EntraError(400, 'invalid_request', 90023, [
      "The request parameter 'claims' is invalid: it is no JSON.",
    ]);
  }
}

async function checkProof(
  form: Form,
  identity: Identity,
  githubKey: SigningKey,
): Promise<ProofKind> {
  const { client_secret: secret, client_assertion: assertion } = form;
  if (assertion !== undefined && form['client_assertion_type'] === jwtBearer) {
    await checkAssertion(assertion, identity, githubKey);
    return 'assertion';
  }
  if (secret === undefined) {
    throw new EntraError(401, 'invalid_client', 7000218, [
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ]);
  }
  if (secret === identity.credentials.clientSecret) return 'secret';
  throw new EntraError(401, 'invalid_client', 7000215, [
    'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value,',
    `not the client secret ID, for a secret added to app '${identity.principal.clientId}'.`,
  ]);
}

function findIdentity(issuer: TokenIssuer, clientId: string): Identity {
  const found = issuer.identities.find(
    ({ principal }) => principal.clientId.toLowerCase() === clientId.toLowerCase(),
  );
  if (found !== undefined) return found;
  throw new EntraError(400, 'unauthorized_client', 700016, [
    `Application with identifier '${clientId}' was not found in the directory '${issuer.tenantId}'.`,
    'This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.',
    'You may have sent your authentication request to the wrong tenant.',
  ]);
}

/** The tenant lives in one cloud: the authority of another one does not know it. */
function checkTenant({ hosts, issuer, cloud }: EntraParts, request: Request, tenant: string): void {
  const isOfCloud = cloud === 'AzureCloud' || request.hostname !== 'login.microsoftonline.com';
  if (isOfCloud && tenant.toLowerCase() === issuer.tenantId.toLowerCase()) return;
  throw new EntraError(400, 'invalid_request', 90002, [
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
    'Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.',
    ...(isOfCloud ? [] : [`The tenant signs in at ${hosts.authority}.`]),
  ]);
}

function required(form: Form, name: string): string {
  const value = form[name];
  if (value !== undefined && value !== '') return value;
  throw new EntraError(400, 'invalid_request', 900144, [
    `The request body must contain the following parameter: '${name}'.`,
  ]);
}

function refuse(
  hosts: Hosts,
): (error: unknown, request: Request, response: Response, next: (error: unknown) => void) => void {
  return (error, request, response, next) => {
    if (!(error instanceof EntraError)) {
      next(error);
      return;
    }
    const correlationId = request.get('client-request-id');
    response.status(error.status).json(renderEntraError(error, hosts.authority, correlationId));
  };
}
