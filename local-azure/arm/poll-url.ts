import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Where the 100 ns ticks of .NET start, in milliseconds before 1970. */
const tickEpochMs = 62_135_596_800_000;

/**
 * Signs the URLs under which operations are polled, as Azure does, and tells its own from changed
 * ones. They are some 3,000 characters long, which clients have to cope with.
 * https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
 */
export class PollUrlSigner {
  readonly #key = randomBytes(32);
  readonly #certificate = `MII${randomBytes(1800).toString('base64url')}`;

  /** The query of a poll URL: what was given, then the time, the certificate and the signature. */
  sign(path: string, query: Readonly<Record<string, string>>, now: Date): string {
    const ticks = `${now.getTime() + tickEpochMs}0000`;
    const signed = new URLSearchParams({ ...query, t: ticks, c: this.#certificate });
    signed.set('s', this.#signature(path, signed));
    signed.set('h', createHash('sha256').update(signed.toString()).digest('base64url'));
    return signed.toString();
  }

  /** Whether a poll URL is as it was signed. */
  isGenuine(path: string, query: URLSearchParams): boolean {
    const expected = Buffer.from(this.#signature(path, query));
    const given = Buffer.from(query.get('s') ?? '');
    return (
      query.get('c') === this.#certificate &&
      given.length === expected.length &&
      timingSafeEqual(given, expected)
    );
  }

  #signature(path: string, query: URLSearchParams): string {
    const signed = ['t', 'p', 'monitor', 'api-version'].map((name) => query.get(name) ?? '');
    const text = [path.toLowerCase(), ...signed].join('\n');
    const mac = createHmac('sha512', this.#key).update(text).digest();
    // Azure's is an RSA signature of 256 bytes.
    return Buffer.concat([mac, mac, mac, mac]).toString('base64url');
  }
}
