import {
  AccountSASPermissions,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';

/** Who may do everything in an account of the store. */
export interface AccountOwner {
  /** Adds a SAS to the path and query of a request: `/container/blob?comp=...`. */
  sign(path: string): string;
}

const LIFETIME_MS = 10 * 365 * 86_400_000;

/** The owner of an account by its key. Nothing needs signing call by call: the SAS are made once. */
export function createOwner(account: string, key: string): AccountOwner {
  const credential = new StorageSharedKeyCredential(account, key);
  const common = {
    protocol: SASProtocol.HttpsAndHttp,
    expiresOn: new Date(Date.now() + LIFETIME_MS),
  };
  const wholeAccount = generateAccountSASQueryParameters(
    {
      ...common,
      services: 'b',
      resourceTypes: 'sco',
      permissions: AccountSASPermissions.parse('rwdxlacuptfi'),
    },
    credential,
  ).toString();
  const signContainer = (containerName: string): string =>
    generateBlobSASQueryParameters(
      { ...common, containerName, permissions: ContainerSASPermissions.parse('racwd') },
      credential,
    ).toString();
  return {
    sign: (path) => {
      // Azurite lets nobody with an account's SAS resize a blob.
      const container = /^\/([^/?]+)\/[^?]+\?(?:.*&)?comp=properties(?:&|$)/.exec(path)?.[1];
      const sas = container === undefined ? wholeAccount : signContainer(container);
      return `${path}${path.includes('?') ? '&' : '?'}${sas}`;
    },
  };
}
