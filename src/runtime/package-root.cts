// Where this package lies, for the CommonJS build.

import path from 'node:path';

/** The folder with package.json; this file is in dist-cjs/runtime. */
export const PACKAGE_ROOT = path.resolve(__dirname, '../..');
