import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type JWK, type JWTPayload } from 'jose';

/** A key that signs JWTs with RS256. */
export interface SigningKey {
  /** The public half, as a key set lists it. */
  readonly jwk: JWK;
  sign(claims: JWTPayload): Promise<string>;
  /** The claims of a token that this key signed, whatever its times; throws a JOSEError for any other token. */
  verify(token: string): Promise<JWTPayload>;
}

/** Tokens whose signatures were found right; clients send the same one with every call. */
const MOST_KNOWN = 1000;

/** Makes a key that lives as long as its process. */
export async function createSigningKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const kid = randomUUID().replaceAll('-', '');
  const known = new Map<string, JWTPayload>();
  const header = { alg: 'RS256', typ: 'JWT', kid, x5t: kid };
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, x5t: kid, use: 'sig', alg: 'RS256' },
    sign: (claims) => new SignJWT(claims).setProtectedHeader(header).sign(privateKey),
    verify: async (token) => {
      const found = known.get(token);
      if (found !== undefined) return found;
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: ['RS256'],
        currentDate: new Date(0),
        clockTolerance: Number.MAX_SAFE_INTEGER,
      });
      if (known.size >= MOST_KNOWN) known.clear();
      known.set(token, payload);
      return payload;
    },
  };
}
