import type { SigningKey } from '../identity/signing-key.ts';
import type { DiskExports } from '../world.ts';

/** Every secret that was given out since the start: tokens, and the SAS of disk exports. Tests look for them. */
export class SecretList {
  readonly #secrets = new Set<string>();

  add(secret: string): void {
    this.#secrets.add(secret);
  }

  list(): readonly string[] {
    return [...this.#secrets];
  }

  /** The same key, whose tokens are remembered. */
  rememberSigned(key: SigningKey): SigningKey {
    return {
      ...key,
      sign: async (claims) => {
        const token = await key.sign(claims);
        this.add(token);
        return token;
      },
    };
  }

  /** The same exports, whose SAS are remembered. */
  rememberGranted(exports: DiskExports): DiskExports {
    return {
      ...exports,
      grant: (...grant) => {
        const granted = exports.grant(...grant);
        this.add(granted.accessSAS);
        return granted;
      },
    };
  }
}
