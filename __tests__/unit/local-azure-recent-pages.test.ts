import { describe, expect, test } from '@jest/globals';
import { RecentPages } from '../../local-azure/blobs/recent-pages.ts';

const path = { account: 'a', container: 'c', name: 'b' };
const range = { start: 512, end: 1536 };
const bytes = Buffer.alloc(1024, 1);

function written(mostBytes = 4096): RecentPages {
  const pages = new RecentPages(mostBytes);
  pages.end(pages.start(path, range), bytes);
  return pages;
}

describe('pages that were written', () => {
  test('are read as they were written, in this blob and this range only', () => {
    const pages = written();
    expect(pages.read(path, range)).toBe(bytes);
    expect(pages.read({ ...path, name: 'other' }, range)).toBeUndefined();
    expect(pages.read(path, { start: 512, end: 1024 })).toBeUndefined();
    expect(pages.read(path, { start: 0, end: 1536 })).toBeUndefined();
  });

  test('are not known while the store has not answered, nor after it refused', () => {
    const pages = new RecentPages(4096);
    const write = pages.start(path, range);
    expect(pages.read(path, range)).toBeUndefined();
    pages.end(write);
    expect(pages.read(path, range)).toBeUndefined();
  });

  test.each([
    { start: 0, end: 512, isKept: true },
    { start: 0, end: 1024, isKept: false },
    { start: 1024, end: 2048, isKept: false },
    { start: 512, end: 1536, isKept: false },
    { start: 1536, end: 2048, isKept: true },
  ])('count no longer once others are written over them: $start to $end', ({ isKept, ...over }) => {
    const pages = written();
    const write = pages.start(path, over);
    expect(pages.read(path, range)).toBe(isKept ? bytes : undefined);
    pages.end(write);
    expect(pages.read(path, range)).toBe(isKept ? bytes : undefined);
  });

  test('are not known where two writes to them were under way at once', () => {
    const pages = new RecentPages(4096);
    const [first, second] = [pages.start(path, range), pages.start(path, range)];
    pages.end(second, Buffer.alloc(1024, 2));
    pages.end(first, bytes);
    expect(pages.read(path, range)).toBeUndefined();
  });

  test('are forgotten with all others when something else changes, those under way too', () => {
    const pages = written();
    const write = pages.start({ ...path, name: 'other' }, range);
    pages.forget();
    pages.end(write, bytes);
    expect(pages.read(path, range)).toBeUndefined();
    expect(pages.read({ ...path, name: 'other' }, range)).toBeUndefined();
  });

  test('are kept when another blob changes', () => {
    const pages = written();
    pages.forget({ ...path, name: 'other' });
    expect(pages.read(path, range)).toBe(bytes);
    pages.forget(path);
    expect(pages.read(path, range)).toBeUndefined();
  });

  test('make room for later ones', () => {
    const pages = written(2048);
    const later = [2048, 4096].map((start) => ({ start, end: start + 1024 }));
    for (const one of later) pages.end(pages.start(path, one), bytes);
    expect(pages.read(path, range)).toBeUndefined();
    expect(later.map((one) => pages.read(path, one))).toEqual([bytes, bytes]);
  });
});
