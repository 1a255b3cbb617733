import { createHash } from 'node:crypto';
import { stripTypeScriptTypes } from 'node:module';

/** Jest transform: Node's own type stripping, so that the tests run the very text that Node runs. */
export default {
  process: (sourceText) => ({ code: stripTypeScriptTypes(sourceText, { mode: 'strip' }) }),
  getCacheKey: (sourceText, sourcePath) =>
    createHash('sha256')
      .update(sourcePath)
      .update(sourceText)
      .update(process.version)
      .digest('hex'),
};
