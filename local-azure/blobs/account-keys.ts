import { createHmac, randomBytes } from 'node:crypto';

/** One of an account's two keys. */
export interface AccountKey {
  readonly keyName: string;
  /** 64 bytes as base64. */
  readonly value: string;
}

/** Random for every start; all keys of a run follow from it, so that nothing has to be kept. */
const secret = randomBytes(64);

/**
 * The keys of a storage account by its name, the same for as long as the process runs.
 * {@link https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage}
 */
export function accountKeys(account: string): readonly AccountKey[] {
  return ['key1', 'key2'].map((keyName) => ({
    keyName,
    value: createHmac('sha512', secret)
      .update(`${account.toLowerCase()}/${keyName}`)
      .digest('base64'),
  }));
}
