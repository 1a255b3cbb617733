import { InputReader, type ReadInput } from '../input-reader.ts';
import {
  container,
  resourceGroup,
  signInInputs,
  storageAccounts,
  type SignInInputs,
} from '../inputs.ts';

/** Everything that the workflow asked of the sweep, typed and checked. */
export interface SweepInputs extends SignInInputs {
  readonly subscriptionId: string;
  /** Undefined: the whole subscription. */
  readonly resourceGroup: string | undefined;
  /** Names (looked up in the subscription) or resource IDs. */
  readonly storageAccounts: readonly string[];
  readonly container: string;
  readonly olderThanHours: number;
  /** False: only list. */
  readonly remove: boolean;
}

const DEFAULT_HOURS = 24;
const MAX_HOURS = 10_000;

/** Reads and checks all inputs of the sweep. Throws one ActionError that lists every problem. */
export function readSweepInputs(read: ReadInput): SweepInputs {
  const reader = new InputReader(read);
  const subscriptionId = reader.guid('subscription-id');
  if (reader.text('subscription-id') === '') reader.missing('subscription-id', 'is needed');
  const inputs = {
    ...signInInputs(reader),
    subscriptionId,
    resourceGroup: resourceGroup(reader, 'resource-group'),
    storageAccounts: storageAccounts(reader),
    container: container(reader),
    olderThanHours: reader.integer('older-than', 1, MAX_HOURS, 'hours') ?? DEFAULT_HOURS,
    remove: reader.boolean('remove'),
  };
  reader.throwProblems();
  return inputs;
}
