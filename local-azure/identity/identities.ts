import { createHash, randomBytes } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { expandRole } from '../arm/roles.ts';
import type { Scenario, ScenarioIdentity } from '../scenario.ts';
import type { Identities, Principal } from '../world.ts';
import { checkBearer, invalidToken } from './bearer.ts';
import type { SigningKey } from './signing-key.ts';

/** A principal and how it may prove itself. */
export interface Identity {
  readonly principal: Principal;
  readonly credentials: ScenarioIdentity;
}

/** What an application proved itself with, as the `appidacr` claim says it. */
export type ProofKind = 'secret' | 'assertion';

export interface AccessToken {
  readonly token: string;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly expiresOn: number;
  readonly expiresInSeconds: number;
}

/** The identities of a scenario, and the access tokens issued to them. */
export interface TokenIssuer extends Identities {
  readonly tenantId: string;
  readonly identities: readonly Identity[];
  /** `capabilities` are those of the client, as `xms_cc` lists them. */
  issue(
    principal: Principal,
    audience: string,
    proof: ProofKind,
    capabilities?: readonly string[],
  ): Promise<AccessToken>;
}

/** Makes the identities of a scenario; their tokens are signed with the key. */
export function createIdentities(scenario: Scenario, key: SigningKey): TokenIssuer {
  const identities = (scenario.identities ?? []).map((credentials) => ({
    principal: createPrincipal(scenario, credentials),
    credentials,
  }));
  const principals = identities.map(({ principal }) => principal);
  const issuer = `https://sts.windows.net/${scenario.tenantId}/`;
  const lifetimeSeconds = scenario.tokenLifetimeSeconds ?? 3600;
  return {
    tenantId: scenario.tenantId,
    identities,
    principals,
    issue: async (principal, audience, proof, capabilities = []) => {
      const now = Math.floor(Date.now() / 1000);
      const times = { iat: now, nbf: now, exp: now + lifetimeSeconds };
      const token = await key.sign({
        ...claimsOf(principal, issuer, proof),
        ...times,
        aud: audience,
        ...(capabilities.length === 0 ? {} : { xms_cc: capabilities }),
      });
      return {
        token,
        notBefore: times.nbf,
        expiresOn: times.exp,
        expiresInSeconds: lifetimeSeconds,
      };
    },
    verify: async (authorization, audiences) => {
      const checked = await checkBearer(authorization, key, audiences, issuer);
      if ('problem' in checked) return checked;
      const principal = principals.find(({ clientId }) =>
        isSame(clientId, checked.claims['appid']),
      );
      return principal ? { principal } : { problem: invalidToken };
    },
  };
}

function createPrincipal(scenario: Scenario, identity: ScenarioIdentity): Principal {
  const everywhere = scenario.subscriptions.map(({ id }) => `/subscriptions/${id}`);
  return {
    name: identity.name,
    clientId: identity.clientId,
    objectId: identity.objectId ?? deriveObjectId(identity.clientId),
    tenantId: scenario.tenantId,
    roleAssignments: (identity.roleAssignments ?? []).flatMap(({ role, scope }) =>
      (scope === undefined ? everywhere : [scope]).map((one) => ({
        scope: one,
        ...expandRole(role),
      })),
    ),
  };
}

/** The same client ID has the same object ID in every run. */
function deriveObjectId(clientId: string): string {
  const hash = createHash('sha256').update(clientId.toLowerCase()).digest('hex');
  return hash.slice(0, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})/, '$1-$2-4$3-8$4-');
}

/** Claims of a version 1.0 token, https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference. */
function claimsOf(principal: Principal, issuer: string, proof: ProofKind): JWTPayload {
  return {
    iss: issuer,
    idp: issuer,
    appid: principal.clientId,
    appidacr: proof === 'secret' ? '1' : '2',
    oid: principal.objectId,
    sub: principal.objectId,
    tid: principal.tenantId,
    idtyp: 'app',
    uti: randomBytes(16).toString('base64url'),
    ver: '1.0',
  };
}

function isSame(id: string, claim: unknown): boolean {
  return typeof claim === 'string' && id.toLowerCase() === claim.toLowerCase();
}
