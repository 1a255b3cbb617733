/** Test files under __tests__ that take longest, longest first. */
export const longestTests: readonly string[] = [
  'action/copy-engine',
  'action/bad-luck',
  'guest/linux-root',
  'clients/az',
  'action/failure',
  'action/resume',
  'action/fault-spread',
  'action/success',
  'action/guest',
  'action/two-runs',
  'action/copy-source',
  'integration/local-azure-process',
  'action/secrets',
];
