import { decodeJwt, errors, type JWTPayload } from 'jose';
import { githubIssuer } from './github-oidc.ts';
import { EntraError } from './entra-error.ts';
import type { Identity } from './identities.ts';
import type { SigningKey } from './signing-key.ts';

const learnMore =
  'Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation';

type FederatedCredential = NonNullable<Identity['credentials']['federatedCredentials']>[number];

/**
 * Checks an assertion against the identity's federated credentials and the GitHub issuer's key; throws an EntraError.
 * https://learn.microsoft.com/entra/workload-id/workload-identity-federation
 */
export async function checkAssertion(
  assertion: string,
  identity: Identity,
  githubKey: SigningKey,
): Promise<void> {
  const claims = readClaims(assertion);
  matchCredential(claims, identity);
  await checkSignature(assertion, claims, githubKey);
  checkTimes(claims);
}

function readClaims(assertion: string): JWTPayload {
  try {
    return decodeJwt(assertion);
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    throw new EntraError(400, 'invalid_request', 50027, ['JWT token is invalid or malformed.']);
  }
}

function matchCredential(claims: JWTPayload, identity: Identity): void {
  const credentials = identity.credentials.federatedCredentials ?? [];
  const { clientId, name } = identity.principal;
  if (credentials.length === 0) {
    throw new EntraError(401, 'invalid_client', 70025, [
      `The client '${clientId}'(${name}) has no configured federated identity credentials.`,
    ]);
  }
  const { iss: issuer = '', sub: subject = '' } = claims;
  const audiences = [claims.aud ?? []].flat();
  const ofIssuer = credentials.filter((one) => one.issuer === issuer);
  if (ofIssuer.length === 0) throw noMatch(700211, 'issuer', issuer);
  const ofSubject = ofIssuer.filter((one) => one.subject === subject);
  if (ofSubject.length === 0) throw noSubject(ofIssuer, subject);
  if (!ofSubject.some((one) => audiences.includes(one.audience))) {
    throw noMatch(700212, 'audience', audiences.join(' '));
  }
}

/** A subject that differs in case only has an error code of its own. */
function noSubject(credentials: readonly FederatedCredential[], subject: string): EntraError {
  const isCaseOnly = credentials.some((one) => one.subject.toLowerCase() === subject.toLowerCase());
  return isCaseOnly
    ? noMatch(
        7002138,
        'subject',
        subject,
        'The subject matches with case-insensitive comparison, but not with case-sensitive comparison.',
      )
    : noMatch(700213, 'subject', subject);
}

function noMatch(code: number, claim: string, value: string, hint?: string): EntraError {
  return new EntraError(401, 'invalid_client', code, [
    `No matching federated identity record found for presented assertion ${claim} '${value}'.`,
    ...(hint === undefined ? [] : [hint]),
    learnMore,
  ]);
}

async function checkSignature(
  assertion: string,
  claims: JWTPayload,
  githubKey: SigningKey,
): Promise<void> {
  if (claims.iss !== githubIssuer) {
    throw new EntraError(400, 'invalid_request', 90061, [
      'Request to External OIDC endpoint failed.',
    ]);
  }
  try {
    await githubKey.verify(assertion);
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    throw new EntraError(401, 'invalid_client', 700027, [
      'Client assertion failed signature validation.',
    ]);
  }
}

function checkTimes({ nbf = 0, exp = 0 }: JWTPayload): void {
  const nowMs = Date.now();
  if (nowMs >= nbf * 1000 && nowMs < exp * 1000) return;
  throw new EntraError(401, 'invalid_client', 700024, [
    `Client assertion is not within its valid time range. Current time: ${formatTicks(nowMs)},`,
    `assertion valid from ${formatTicks(nbf * 1000)}, expiry time of assertion ${formatTicks(exp * 1000)}.`,
    'Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .',
  ]);
}

/** A time with the seven decimals of .NET. */
function formatTicks(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('Z', '0000Z');
}
