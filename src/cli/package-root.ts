// Files that are shipped with the package.

import {join} from 'node:path';
import {PACKAGE_ROOT} from '#package-root';

/** The path of `name` in the folder of this package. */
export function packageFile(name: string): string {
  return join(PACKAGE_ROOT, name);
}
