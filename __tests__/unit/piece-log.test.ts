import { describe, expect, test } from '@jest/globals';
import { PieceLog } from '../../src/copy/piece-log.ts';
import { cutPieces } from '../../src/copy/pieces.ts';
import { readSidecar } from '../../src/copy/sidecar.ts';
import { Leases, type Lease } from '../../src/lease.ts';
import { literalClock, literalJournal, literalLog } from '../support/literal-ports.ts';

const MIB = 1024 ** 2;
const url = 'https://a/vhds/x.vhd';
const metadata = { vmtovhd_state: 'copying' };
const of = {
  snapshot: 'unique',
  pieces: cutPieces([{ offset: 0, length: 16 * MIB }], 64 * MIB + 512),
};

/** A log of pieces, and what became of its sidecar. */
function rig({ fails = false } = {}) {
  const clock = literalClock();
  const log = literalLog();
  const written: { url: string; landed: readonly number[]; metadata: unknown; isNew: boolean }[] =
    [];
  const released: Lease[] = [];
  const release = (lease: Lease): Promise<void> => {
    released.push(lease);
    return Promise.resolve();
  };
  const leases = new Leases(literalJournal([]), release, log);
  const blobs = {
    writeBlob: ({
      bytes,
      ...rest
    }: {
      url: string;
      bytes: Uint8Array;
      metadata: unknown;
      isNew: boolean;
    }): Promise<void> => {
      written.push({ ...rest, landed: [...readSidecar(bytes, of).keys()] });
      return fails ? Promise.reject(new Error('no')) : Promise.resolve();
    },
  };
  const pieceLog = new PieceLog(url, of, new Map([[0, 7n]]), metadata, {
    blobs,
    leases,
    clock,
    log,
    runKey: 'k',
  });
  return { pieceLog, clock, log, written, released, leases };
}

describe('a log of pieces', () => {
  test('is written when it was not for half a minute, with all that has landed', async () => {
    const { pieceLog, clock, written } = rig();
    pieceLog.add(1, 8n);
    expect(written).toEqual([]);
    await clock.sleep(30_000, new AbortController().signal);
    pieceLog.add(2, 9n);
    pieceLog.add(3, 9n);
    await pieceLog.save();
    expect(written).toEqual([
      { url: `${url}.pieces`, landed: [0, 1, 2, 3], metadata, isNew: false },
      { url: `${url}.pieces`, landed: [0, 1, 2, 3], metadata, isNew: false },
    ]);
  });

  test('is removed with its VHD done, and stays when the run fails', async () => {
    const { pieceLog, released, leases, log } = rig();
    await pieceLog.remove();
    expect(released).toEqual([]);
    await pieceLog.save();
    const lease = { kind: 'blob', url: `${url}.pieces`, key: 'k', stays: true };
    await pieceLog.remove();
    expect(released).toEqual([lease]);
    const other = rig();
    await other.pieceLog.save();
    await other.leases[Symbol.asyncDispose]();
    expect(other.released).toEqual([]);
    expect(other.log.lines).toEqual([`info: Kept for a re-run: unfinished blob "${url}.pieces".`]);
    await leases[Symbol.asyncDispose]();
    expect(log.lines.filter((line) => line.startsWith('info'))).toEqual([]);
  });

  test('that cannot be written does not disturb the copy', async () => {
    const { pieceLog, log, released } = rig({ fails: true });
    await pieceLog.save();
    expect(log.lines).toEqual([`debug: Sidecar "${url}.pieces" was not written: no.`]);
    await pieceLog.remove();
    expect(released).toHaveLength(1);
  });
});
