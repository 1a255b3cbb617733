import { errors, type JWTPayload } from 'jose';
import type { TokenProblem } from '../world.ts';
import type { SigningKey } from './signing-key.ts';

/** A token that nobody here issued. */
export const invalidToken: TokenProblem = {
  code: 'InvalidAuthenticationToken',
  message: 'The access token is invalid.',
};

/** The claims of the bearer token of an `Authorization` header, or why Azure Resource Manager refuses it. */
export async function checkBearer(
  authorization: string | undefined,
  key: SigningKey,
  audiences: readonly string[],
  issuer: string,
): Promise<{ readonly claims: JWTPayload } | { readonly problem: TokenProblem }> {
  const read = await readBearer(authorization, key);
  if ('problem' in read) return read;
  const problem = checkClaims(read.claims, audiences, issuer);
  return problem === undefined ? read : { problem };
}

async function readBearer(
  authorization: string | undefined,
  key: SigningKey,
): Promise<{ readonly claims: JWTPayload } | { readonly problem: TokenProblem }> {
  if (authorization === undefined) {
    return {
      problem: {
        code: 'AuthenticationFailed',
        message: "Authentication failed. The 'Authorization' header is missing.",
      },
    };
  }
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) {
    return {
      problem: {
        code: 'AuthenticationFailedInvalidHeader',
        message:
          "Authentication failed. The 'Authorization' header is provided in an invalid format.",
      },
    };
  }
  try {
    return { claims: await key.verify(token) };
  } catch (error) {
    if (error instanceof errors.JOSEError) return { problem: invalidToken };
    throw error;
  }
}

function checkClaims(
  claims: JWTPayload,
  audiences: readonly string[],
  issuer: string,
): TokenProblem | undefined {
  if (claims.iss !== issuer) {
    return {
      code: 'InvalidAuthenticationTokenTenant',
      message:
        `The access token is from the wrong issuer '${claims.iss ?? ''}'. It must match the tenant '${issuer}' ` +
        `associated with this subscription. Please use the authority (URL) '${issuer.replace('sts.', 'login.').slice(0, -1)}' to get the token. ` +
        'Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). ' +
        'If you just transferred your subscription and see this error message, please try back later.',
    };
  }
  const audience = String(claims.aud);
  if (!audiences.some((one) => withoutSlash(one) === withoutSlash(audience))) {
    return {
      code: 'InvalidAuthenticationTokenAudience',
      message:
        `The access token has been obtained for wrong audience or resource '${audience}'. ` +
        `It should exactly match with one of the allowed audiences '${audiences.join("','")}'.`,
    };
  }
  const expiryMs = (claims.exp ?? 0) * 1000;
  if (expiryMs > Date.now()) return undefined;
  return {
    code: 'ExpiredAuthenticationToken',
    message:
      `The access token expiry UTC time '${formatTime(expiryMs)}' is earlier than ` +
      `current UTC time '${formatTime(Date.now())}'.`,
  };
}

/** A time as ARM writes it in messages: 11/21/2026 9:03:32 AM. */
function formatTime(timeMs: number): string {
  return new Date(timeMs)
    .toLocaleString('en-US', { timeZone: 'UTC' })
    .replace(',', '')
    .replace(/\s/g, ' ');
}

function withoutSlash(audience: string): string {
  return audience.replace(/\/+$/, '').toLowerCase();
}
