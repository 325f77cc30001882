// Errors of the addon ({code, message}) as UntangleErrors with the caller's stack.

import {ERRORS, type ErrorCode, UntangleError} from '../errors.js';

/**
 * The UntangleError for what the addon threw or rejected with.
 *
 * The message is the addon's, which formats it from the same templates; the stack is that of this call, so that it
 * leads to the caller even when the addon failed on another thread.
 */
export function translateNativeError(error: unknown): UntangleError {
  if (error instanceof UntangleError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (code === null)
    return Object.assign(new UntangleError('ERR_INTERNAL', [message]), {cause: error});

  const translated = new UntangleError(code, [message]);
  // Templates with other than one argument were filled in by the addon.
  if (ERRORS[code].split('%s').length !== 2) translated.message = message;
  return translated;
}

function codeOf(error: unknown): ErrorCode | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : null;
}
