import { describe, expect, test } from '@jest/globals';
import { crc64 } from '../../src/copy/crc64.ts';
import type { ByteRange } from '../../src/facts.ts';
import { cutPieces } from '../../src/copy/pieces.ts';
import { readBackPieces, readBackCrc64, type ReadBackRig } from '../../src/copy/read-back.ts';
import { MEBIBYTE } from '../../src/units.ts';

const PAGE = 512;
const { signal } = new AbortController();

/** A VHD with data here and there, and a footer. */
const vhd = makeVhd();
const pieces = cutPieces(
  [
    { offset: 0, length: PAGE },
    { offset: 3 * MEBIBYTE, length: 7 * MEBIBYTE },
    { offset: 15 * MEBIBYTE, length: PAGE },
  ],
  vhd.length,
);

function makeVhd(): Uint8Array {
  const bytes = new Uint8Array(16 * MEBIBYTE + PAGE);
  let state = 1;
  const fill = (offset: number, length: number): void => {
    for (let at = offset; at < offset + length; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[at] = state >>> 24;
    }
  };
  fill(0, PAGE);
  fill(3 * MEBIBYTE, 7 * MEBIBYTE);
  fill(15 * MEBIBYTE, PAGE);
  fill(16 * MEBIBYTE, PAGE);
  return bytes;
}

function bytesOf({ offset, length }: ByteRange): Uint8Array {
  return vhd.subarray(offset, offset + length);
}

function read(range: ByteRange): Promise<Uint8Array> {
  return Promise.resolve(bytesOf(range));
}

/** Ends once the signal is aborted, as an Azure call does. */
function untilStopped(linked: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      reject(Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' }));
    };
    if (linked.aborted) stop();
    else linked.addEventListener('abort', stop);
  });
}

describe('a VHD that is read back', () => {
  test.each<readonly [string, Omit<ReadBackRig, 'signal'>]>([
    ['some pieces at once', {}],
    ['one after the other', { atOnce: 1 }],
    ['all at once', { atOnce: 100 }],
  ])('has the CRC-64 of its bytes, %s', async (_name, rig) => {
    expect(await readBackCrc64(read, pieces, { signal, ...rig })).toBe(crc64(vhd));
  });

  test('has it whichever piece comes first', async () => {
    const order: number[] = [];
    const first = Promise.withResolvers<undefined>();
    const late = async (range: ByteRange): Promise<Uint8Array> => {
      if (range.offset === 0) await first.promise;
      if (range.offset === 15 * MEBIBYTE) first.resolve(undefined);
      order.push(range.offset);
      return bytesOf(range);
    };
    expect(await readBackCrc64(late, pieces, { signal, atOnce: 2 })).toBe(crc64(vhd));
    expect(order.indexOf(0)).toBeGreaterThan(0);
  });

  test('has another one when any piece differs, and the piece can be told', async () => {
    const whole = await readBackCrc64(read, pieces, { signal });
    const right = await readBackPieces(read, pieces, { signal });
    for (let index = 0; index < pieces.count; index += 1) {
      const differing = (range: ByteRange): Promise<Uint8Array> => {
        const bytes = bytesOf(range).slice();
        if (range.offset === pieces.offset(index)) bytes[17] = (bytes[17] ?? 0) ^ 1;
        return Promise.resolve(bytes);
      };
      const wrong = await readBackPieces(differing, pieces, { signal });
      expect(wrong.findIndex((crc, piece) => crc !== right[piece])).toBe(index);
      expect(await readBackCrc64(differing, pieces, { signal })).not.toBe(whole);
    }
  });

  test('gives the CRC-64 of every piece', async () => {
    const crcs = await readBackPieces(read, pieces, { signal });
    const expected = Array.from({ length: pieces.count }, (_, index) =>
      crc64(bytesOf({ offset: pieces.offset(index), length: pieces.length(index) })),
    );
    expect([...crcs]).toEqual(expected);
  });

  test('is asked for every piece once, and tells of every byte', async () => {
    const asked: ByteRange[] = [];
    let bytes = 0;
    const counted = (range: ByteRange): Promise<Uint8Array> => {
      asked.push(range);
      return read(range);
    };
    const onRead = (more: number): void => {
      bytes += more;
    };
    await readBackPieces(counted, pieces, { signal, onRead });
    expect(asked.map(({ offset, length }) => pieces.find(offset, length))).toEqual(
      Array.from({ length: pieces.count }, (_, index) => index),
    );
    expect(bytes).toBe(pieces.bytes);
  });

  test.each([
    [undefined, 8],
    [1, 1],
    [3, 3],
  ])('never has more pieces in memory than it may (%p)', async (atOnce, expected) => {
    const many = cutPieces([{ offset: 0, length: 200 * MEBIBYTE }], 200 * MEBIBYTE + PAGE);
    const empty = new Uint8Array(4 * MEBIBYTE);
    let running = 0;
    let most = 0;
    const counted = async ({ length }: ByteRange): Promise<Uint8Array> => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return empty.subarray(0, length);
    };
    await readBackPieces(counted, many, { signal, ...(atOnce !== undefined && { atOnce }) });
    expect(most).toBe(expected);
  });

  test.each([0, -1, 1.5, Number.NaN])('is never read by %p readers', async (atOnce) => {
    await expect(readBackPieces(read, pieces, { signal, atOnce })).rejects.toThrow(RangeError);
  });
});

describe('a piece that cannot be read', () => {
  test.each([
    ['few', -1],
    ['many', 1],
  ])('because too %s bytes came is named', async (_name, more) => {
    const work = readBackPieces(
      ({ length }) => Promise.resolve(new Uint8Array(length + more)),
      pieces,
      {
        signal,
        atOnce: 1,
      },
    );
    await expect(work).rejects.toMatchObject({
      code: 'verify',
      message: `Reading back 512 bytes at byte 0 gave ${PAGE + more}. Run again.`,
    });
  });

  test('ends the others, which are waited for, and its error is thrown as it is', async () => {
    const failure = new Error('no');
    const stopped: number[] = [];
    const begun: number[] = [];
    const work = readBackPieces(
      async ({ offset }, linked) => {
        begun.push(offset);
        if (begun.length === 3) throw failure;
        return await untilStopped(linked).finally(() => stopped.push(offset));
      },
      pieces,
      { signal, atOnce: 3 },
    );
    await expect(work).rejects.toBe(failure);
    expect(begun).toHaveLength(3);
    expect(stopped).toEqual(begun.slice(0, 2));
  });
});

describe('a cancelled run', () => {
  const reason = new Error('cancelled by the user');

  test('reads nothing', async () => {
    let asked = 0;
    const work = readBackPieces(
      (range) => {
        asked += 1;
        return read(range);
      },
      pieces,
      { signal: AbortSignal.abort(reason) },
    );
    await expect(work).rejects.toBe(reason);
    expect(asked).toBe(0);
  });

  test('stops in the middle, and gives no checksums', async () => {
    const run = new AbortController();
    const seen: number[] = [];
    const work = readBackPieces(
      (range) => {
        seen.push(range.offset);
        if (seen.length === 2) run.abort(reason);
        return read(range);
      },
      pieces,
      { signal: run.signal, atOnce: 1 },
    );
    await expect(work).rejects.toBe(reason);
    expect(seen).toHaveLength(2);
  });
});
