// Where this package lies. The CommonJS build, which has no import.meta, uses package-root.cts instead.

import {fileURLToPath} from 'node:url';

/** The folder with package.json; this file is in dist/src/runtime. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../..', import.meta.url));
