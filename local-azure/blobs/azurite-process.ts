/** Runs Azurite's blob service as it is, and ends with the process that forked it, however that one ends. */
import 'azurite/dist/src/blob/main.js';

process.on('disconnect', () => {
  process.exit();
});
