import { expect, test } from '@jest/globals';
import { PageBlobLengths } from '../../local-azure/blobs/page-blob-lengths.ts';

const path = { account: 'a', container: 'c', name: 'b' };

test('a length is asked for once, and again after a change', async () => {
  const lengths = new PageBlobLengths();
  let asked = 0;
  const read = () => Promise.resolve((asked += 1));
  expect([await lengths.find(path, read), await lengths.find(path, read)]).toEqual([1, 1]);
  lengths.forget();
  expect(await lengths.find(path, read)).toBe(2);
  expect(await lengths.find({ ...path, name: 'other' }, read)).toBe(3);
});

test('a length that was asked for while something changed is not kept', async () => {
  const lengths = new PageBlobLengths();
  const answer = Promise.withResolvers<number>();
  const first = lengths.find(path, () => answer.promise);
  lengths.forget();
  answer.resolve(512);
  expect(await first).toBe(512);
  expect(await lengths.find(path, () => Promise.resolve(1024))).toBe(1024);
});

test('a blob that is not there is asked for again', async () => {
  const lengths = new PageBlobLengths();
  await expect(lengths.find(path, () => Promise.reject(new Error('404')))).rejects.toThrow('404');
  expect(await lengths.find(path, () => Promise.resolve(512))).toBe(512);
});
