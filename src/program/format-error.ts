// The error of every check on a program file.

import {UntangleError} from '../errors.js';

/** ERR_PROGRAM_FORMAT: `not a valid program: <detail>`. */
export function formatError(detail: string): UntangleError {
  return new UntangleError('ERR_PROGRAM_FORMAT', [detail]);
}

/** @throws ERR_PROGRAM_FORMAT with `detail()` unless `holds`. */
export function check(holds: boolean, detail: () => string): void {
  if (!holds) throw formatError(detail());
}
