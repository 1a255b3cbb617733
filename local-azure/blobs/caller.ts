import type { Resource } from '../world.ts';
import type { Operation } from './operations.ts';

/** What a caller wants to do, and where. */
export interface Wish extends Pick<Operation, 'kind' | 'container' | 'blob' | 'permission'> {
  readonly account: Resource;
  /** Tells whether the blob is there. */
  readonly exists: () => Promise<boolean>;
}

/** Who calls, once that is proved. */
export interface Caller {
  /** Throws a refusal where the caller may not do what it wants to. */
  authorize(wish: Wish): Promise<void>;
}
