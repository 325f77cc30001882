// Errors of the addon ({code, message}) as UntangleErrors with the caller's stack.

import {ERRORS, type ErrorCode, UntangleError} from '../errors.js';

/**
 * The UntangleError for what the addon threw or rejected with.
 *
 * The message is the addon's, which formats it from the same templates; the stack is that of this call, so that it
 * leads to the caller even when the addon failed on another thread.
 *
 * @param commandName the name of a command of the program, for the errors of runs
 */
export function translateNativeError(
  error: unknown,
  commandName: (index: number) => string = index => `command ${index}`,
): UntangleError {
  if (error instanceof UntangleError) return error;
  if (isIndexFault(error)) {
    const {index, size} = error;
    const node = commandName(error.command);
    return new UntangleError('ERR_INDEX_RANGE', [node, -size, size - 1, index], {
      node,
      index,
      size,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (code === null)
    return Object.assign(new UntangleError('ERR_INTERNAL', [message]), {cause: error});

  const translated = new UntangleError(code, [message]);
  // Templates with other than one argument were filled in by the addon.
  if (ERRORS[code].split('%s').length !== 2) translated.message = message;
  return translated;
}

/** What a run rejects with that met an index outside its axis. */
interface IndexFault {
  readonly command: number;
  readonly index: number;
  readonly size: number;
}

function isIndexFault(error: unknown): error is Error & IndexFault {
  return codeOf(error) === 'ERR_INDEX_RANGE';
}

function codeOf(error: unknown): ErrorCode | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : null;
}
