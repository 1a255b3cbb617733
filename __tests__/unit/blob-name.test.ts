import { expect, test } from '@jest/globals';
import { blobNameProblem, fillBlobName } from '../../src/blob-name.ts';

const parts = { vm: 'builder', run: '1234', disk: 'lun0', replica: 2, account: 'imageswe1' };

test.each([
  ['{vm}-{run}-{disk}-{replica}.vhd', 'builder-1234-lun0-2.vhd'],
  ['{account}{account}.vhd', 'imageswe1imageswe1.vhd'],
  ['{other}-{VM}.vhd', '{other}-{VM}.vhd'],
  ['plain.vhd', 'plain.vhd'],
])('the template "%s" is filled', (template, expected) => {
  expect(fillBlobName(template, parts)).toBe(expected);
});

test('a value that looks like a placeholder or a replacement pattern stays as it is', () => {
  expect(fillBlobName('{vm}-{run}.vhd', { ...parts, vm: '{run}$&' })).toBe('{run}$&-1234.vhd');
});

test.each([
  ['builder.vhd', undefined],
  [`${'a'.repeat(996)}.vhd`, undefined],
  [`${'a'.repeat(997)}.vhd`, 'has 1001 characters; at most 1000 are allowed'],
  ['.vhd', 'has nothing before ".vhd"'],
])('the name %# is judged', (name, expected) => {
  expect(blobNameProblem(name)).toBe(expected);
});
