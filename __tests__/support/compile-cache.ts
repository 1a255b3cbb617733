import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** NODE_COMPILE_CACHE of the processes that the tests start: compiled code, which each would begin with anew. */
export const compileCache = join(tmpdir(), 'azure-vm-to-vhd-compile-cache');
