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

/** Makes a key that lives as long as its process. */
export async function createSigningKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const kid = randomUUID().replaceAll('-', '');
  const header = { alg: 'RS256', typ: 'JWT', kid, x5t: kid };
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, x5t: kid, use: 'sig', alg: 'RS256' },
    sign: (claims) => new SignJWT(claims).setProtectedHeader(header).sign(privateKey),
    verify: async (token) => {
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: ['RS256'],
        currentDate: new Date(0),
        clockTolerance: Number.MAX_SAFE_INTEGER,
      });
      return payload;
    },
  };
}
