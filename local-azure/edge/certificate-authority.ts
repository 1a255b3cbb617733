import './reflect-metadata.ts';
import { randomBytes, type webcrypto } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import * as x509 from '@peculiar/x509';

const curve = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60 * 1000;
/** The longest that Apple's verifier takes of a leaf is 398 days. */
const leafLifetimeMs = 397 * dayMs;
const caLifetimeMs = 3650 * dayMs;

/** A certificate authority that lives as long as its process. */
export interface CertificateAuthority {
  /** Its certificate, PEM. */
  readonly certificate: string;
  /** The TLS context of a host name; the same for every call with that name. */
  contextFor(host: string): Promise<SecureContext>;
}

/** Makes a new authority with a key of its own. */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const keys = await createKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(caLifetimeMs),
    name: 'CN=local-azure throw-away CA, O=local-azure',
    keys,
    signingAlgorithm: curve,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const contexts = new Map<string, Promise<SecureContext>>();
  return {
    certificate: `${ca.toString('pem')}\n`,
    contextFor: (host) => {
      const name = host.toLowerCase();
      const known = contexts.get(name) ?? issueContext(name, ca, keys);
      contexts.set(name, known);
      return known;
    },
  };
}

async function issueContext(
  host: string,
  ca: x509.X509Certificate,
  caKeys: webcrypto.CryptoKeyPair,
): Promise<SecureContext> {
  const keys = await createKeys();
  const leaf = await x509.X509CertificateGenerator.create({
    ...validity(leafLifetimeMs),
    // A common name has 64 characters at most; clients read the alternative name only.
    subject: `CN=${host.slice(0, 64)}`,
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: curve,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return createSecureContext({
    cert: `${leaf.toString('pem')}\n${ca.toString('pem')}\n`,
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  });
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(curve, true, ['sign', 'verify']);
}

function validity(lifetimeMs: number): {
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
} {
  const serial = randomBytes(16);
  // A serial number is positive and has no leading zero octet.
  serial[0] = (serial.readUInt8(0) & 0x3f) | 0x40;
  const notBefore = new Date(Date.now() - dayMs);
  return {
    serialNumber: serial.toString('hex'),
    notBefore,
    notAfter: new Date(notBefore.getTime() + lifetimeMs),
  };
}
