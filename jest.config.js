/** Tests run as ES modules; types are stripped by Node itself (see scripts/jest-transform.js). */
export default {
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/scripts/jest-transform.js' },
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/__tests__/faults/'],
  testTimeout: 120_000,
  maxWorkers: 2,
  globalSetup: '<rootDir>/scripts/begin-tests.js',
  globalTeardown: '<rootDir>/scripts/end-tests.js',
  testSequencer: '<rootDir>/scripts/test-sequencer.js',
};
