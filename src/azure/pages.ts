import type { TokenCredential } from '@azure/core-auth';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { AnonymousCredential, BlobClient, newPipeline, PageBlobClient } from '@azure/storage-blob';
import { ActionError } from '../errors.ts';
import type { ByteRange } from '../facts.ts';
import { STORAGE_SCOPE } from './clouds.ts';
import { createStorageHttpClient, type BlobCalls } from './storage-http-client.ts';

/** A Put Page From URL. */
export interface PutPage {
  /** An export with its SAS, or the bare URL of a page blob, for which a token is sent along. */
  readonly source: string;
  readonly destination: string;
  /** The same in both; whole pages of 512 bytes, at most 4 MiB. */
  readonly span: ByteRange;
}

/** Verbs on the pages of page blobs. URLs are bare, but those of exports, which carry their SAS. */
export interface Pages {
  /**
   * Makes an empty page blob, whose name must be free. Throws a 409 where it is not.
   * https://learn.microsoft.com/rest/api/storageservices/put-blob
   */
  create(
    url: string,
    lengthBytes: number,
    metadata: Readonly<Record<string, string>>,
  ): Promise<void>;
  /**
   * Copies pages inside Azure. Returns the CRC-64 of what was written, eight bytes as Azure sends them. It is tried
   * once: what failed is for the caller to repeat.
   * https://learn.microsoft.com/rest/api/storageservices/put-page-from-url
   */
  put(page: PutPage, signal: AbortSignal): Promise<Uint8Array>;
  /** The ranges that hold data, of one window. Tried once, as `put` is. */
  list(url: string, window: ByteRange, signal: AbortSignal): Promise<readonly ByteRange[]>;
  /** Reads bytes through the runner. */
  read(url: string, span: ByteRange, signal: AbortSignal): Promise<Uint8Array>;
}

/** A piece may take longer than other calls. */
export const PIECE_TIMEOUT_MS = 90_000;
/** A token is taken anew when it lives no longer than this. */
const TOKEN_MARGIN_MS = 5 * 60_000;

/** Pages over the official SDK. `pieceClient` is the HTTP client whose tries may take as long as a piece. */
export function createPages(
  credential: TokenCredential,
  {
    httpClient,
    pieceClient,
  }: { readonly httpClient: HttpClient; readonly pieceClient: HttpClient },
  calls: BlobCalls,
): Pages {
  const storageClient = createStorageHttpClient(httpClient, calls);
  const pipeline = newPipeline(credential, { httpClient: storageClient, audience: STORAGE_SCOPE });
  const anonymous = newPipeline(new AnonymousCredential(), { httpClient: storageClient });
  const isBare = (url: string): boolean => new URL(url).search === '';
  const retryOptions = { maxTries: 1 };
  const pieceOptions = { httpClient: createStorageHttpClient(pieceClient, calls), retryOptions };
  const once = newPipeline(credential, { ...pieceOptions, audience: STORAGE_SCOPE });
  const anonymousOnce = newPipeline(new AnonymousCredential(), pieceOptions);
  const destinations = new Map<string, PageBlobClient>();
  const sourceToken = cachedToken(credential);

  function destinationOf(url: string): PageBlobClient {
    const client = destinations.get(url) ?? new PageBlobClient(url, once);
    destinations.set(url, client);
    return client;
  }

  return {
    async create(url, lengthBytes, metadata) {
      await new PageBlobClient(url, pipeline).create(lengthBytes, {
        metadata: { ...metadata },
        conditions: { ifNoneMatch: '*' },
      });
    },
    async put({ source, destination, span }, signal) {
      const isExport = source.includes('?');
      const options = {
        abortSignal: signal,
        ...(!isExport && { sourceAuthorization: { scheme: 'Bearer', value: await sourceToken() } }),
      };
      const { offset, length } = span;
      const answer = await destinationOf(destination).uploadPagesFromURL(
        source,
        offset,
        offset,
        length,
        options,
      );
      if (answer.xMsContentCrc64 === undefined) {
        throw new ActionError(
          'verify',
          `Azure gave no checksum for bytes ${offset} to ${offset + length} of blob "${destination}". Set "copy-method: copy-blob", which needs none.`,
        );
      }
      return answer.xMsContentCrc64;
    },
    async list(url, { offset, length }, signal) {
      const client = new PageBlobClient(url, isBare(url) ? once : anonymousOnce);
      const spans: ByteRange[] = [];
      for await (const range of client.listPageRanges(offset, length, { abortSignal: signal })) {
        if (!range.isClear)
          spans.push({ offset: range.start, length: range.end - range.start + 1 });
      }
      return spans;
    },
    async read(url, { offset, length }, signal) {
      const client = new BlobClient(url, isBare(url) ? pipeline : anonymous);
      return client.downloadToBuffer(offset, length, { abortSignal: signal });
    },
  };
}

/** A token for sources; asking the credential for each piece would cost more than the piece. */
function cachedToken(credential: TokenCredential): () => Promise<string> {
  let held = { value: '', endsAt: 0 };
  let pending: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    try {
      const answer = await credential.getToken(STORAGE_SCOPE);
      if (answer === null) throw new ActionError('azure', 'Entra gave no token for storage.');
      held = { value: answer.token, endsAt: answer.expiresOnTimestamp };
    } finally {
      pending = undefined;
    }
  };
  return async () => {
    if (held.endsAt - Date.now() < TOKEN_MARGIN_MS) await (pending ??= renew());
    return held.value;
  };
}
