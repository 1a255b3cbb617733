import base from './jest.config.js';

/** The whole fault matrix, with its figures at the end; see docs/reliability.md. */
export default {
  ...base,
  testMatch: ['<rootDir>/__tests__/faults/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // A case waits for a part of its time.
  maxWorkers: 4,
  reporters: ['default', '<rootDir>/scripts/fault-figures.js'],
};
