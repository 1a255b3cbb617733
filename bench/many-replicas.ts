import { seeded } from '../__tests__/support/copy-simulation.ts';
import { cutPieces } from '../src/copy/pieces.ts';
import { PieceChecksums } from '../src/copy/piece-checksums.ts';
import { Schedule, type Transfer } from '../src/copy/schedule/schedule.ts';

/**
 * Run by itself: all decisions for 200 replicas of 100 GiB of data from ten exports, each transfer landing in the
 * order in which it was started. Prints how many there were.
 */
const REPLICAS = 200;
const EXPORTS = 10;
const DATA_BYTES = 100 * 1024 ** 3;
const WINDOW = 8;
/** In flight in all, as in a run. */
const LIMIT = 256;

const pieces = cutPieces([{ offset: 0, length: DATA_BYTES }], DATA_BYTES + 512);
const checksums = new PieceChecksums(pieces.count);
const schedule = new Schedule({
  pieces: pieces.count,
  pinned: pieces.count - 1,
  random: seeded(1),
});
schedule.setLimit(LIMIT);
for (let index = 0; index < EXPORTS; index += 1) schedule.addExport({ region: 'here', window: 64 });
for (let index = 0; index < REPLICAS; index += 1) {
  schedule.addReplica({ region: 'here', readWindow: WINDOW, writeWindow: WINDOW });
}

let landed = 0;
let flight = start();
while (flight.length > 0) {
  for (const transfer of flight) {
    checksums.agree(transfer.piece, BigInt(transfer.piece));
    schedule.landed(transfer);
  }
  landed += flight.length;
  flight = start();
}
process.stdout.write(`${landed}\n`);

function start(): readonly Transfer[] {
  const started: Transfer[] = [];
  for (let next = schedule.next(); next !== undefined; next = schedule.next()) started.push(next);
  return started;
}
