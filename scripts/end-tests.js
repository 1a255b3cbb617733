export { endTestRun as default } from '../__tests__/support/test-run.ts';
