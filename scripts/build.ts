import { join } from 'node:path';
import { buildBundle } from './bundle.ts';

const root = join(import.meta.dirname, '..');
buildBundle(root, join(root, 'dist'));
