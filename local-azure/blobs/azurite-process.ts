/** Runs Azurite's blob service as it is, and ends with the process that forked it, however that one ends. */
import { flushCompileCache } from 'node:module';
import 'azurite/dist/src/blob/main.js';

// It is killed in the end, too late to write what was compiled, where NODE_COMPILE_CACHE asks for that.
flushCompileCache();
process.on('disconnect', () => {
  process.exit();
});
