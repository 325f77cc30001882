// Files that are shipped with the package.

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {PACKAGE_ROOT} from '#package-root';

/** The path of `name` in the folder of this package. */
export function packageFile(name: string): string {
  return join(PACKAGE_ROOT, name);
}

/** The version of this package. */
export function packageVersion(): string {
  const {version} = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
