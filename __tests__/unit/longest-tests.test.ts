import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { longestTests } from '../../scripts/longest-tests.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));

test.each(longestTests)('%s, which is to start early, is there', (name) => {
  expect(existsSync(join(folder, `${name}.test.ts`))).toBe(true);
});
