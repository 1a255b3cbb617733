export { beginTestRun as default } from '../__tests__/support/test-run.ts';
