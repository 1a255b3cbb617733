import { test } from '@jest/globals';
import { drawShare } from '../../local-azure/draw.ts';
import { capturing } from '../support/fault-flows.ts';
import { faultKinds } from '../support/fault-kinds.ts';
import { FaultMatrix } from '../support/fault-matrix.ts';

/** Which call meets a kind of fault; the whole matrix is `npm run test:faults`. */
const SEED = 5;

const matrix = await FaultMatrix.discover(capturing);

const spread = faultKinds.flatMap(({ what, canStrike, play }) => {
  const all = matrix.calls.filter(canStrike);
  const call = all[Math.floor(drawShare(SEED, what) * all.length)];
  return call === undefined ? [] : [{ what, name: call.name, play: () => play(matrix, call) }];
});

test.each(spread)('$what at $name', async ({ play }) => {
  await play();
});
