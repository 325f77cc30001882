// Every error this package raises on purpose: one table, one class.
//
// A code is API and never changes meaning. A message is one sentence that says what was expected,
// what came and, where it helps, what to do. `docs/errors.md` is tested against this table.

/** Error codes with their message templates; `%s` is replaced by the arguments in order. */
export const ERRORS = {
  ERR_FILE_NOT_FOUND: '%s: no such file; check the path',
  ERR_FILE_READ: '%s: cannot be read (%s)',
  ERR_FILE_WRITE: '%s: cannot be written (%s)',
  ERR_FILE_FORMAT: '%s: expected %s but found %s',
  ERR_ONNX_FORMAT: 'not a valid ONNX model: %s',
  ERR_ONNX_LIMIT:
    'the model exceeds the limit %s = %s (it has %s); raise it with the limits option if you trust the file',
  ERR_ONNX_EXTERNAL_DATA: 'external data of tensor "%s": %s',
  ERR_OPSET_UNSUPPORTED:
    'opset %s is not supported (supported: 6 to %s, as far as ONNX had come when this version was made)',
  ERR_OP_UNSUPPORTED: 'the model uses %s unsupported operator(s): %s (see docs/operators.md)',
  ERR_MODEL_INVALID: 'node "%s" (%s): %s',
  ERR_SHAPE_UNBOUND:
    'input "%s": dimension "%s" is symbolic; bind it with shapes: {"%s": [%s]} or --shape %s=%s',
  ERR_INPUT_NAME: 'input "%s" does not exist; the model has %s',
  ERR_INPUT_MISSING: 'input "%s" is missing; expected %s',
  ERR_INPUT_SHAPE: 'input "%s": expected shape %s but received %s',
  ERR_INPUT_TYPE: 'input "%s": expected %s but received %s',
  ERR_INPUT_VALUE: 'input "%s": expected %s but received %s at element %s',
  ERR_OUTPUT_NAME: 'output "%s" does not exist; the model has %s',
  ERR_OPTION: 'option %s: expected %s but received %s',
  ERR_BUDGET_EXCEEDED:
    'the memory budget is %s bytes but the model needs at least %s bytes (command %s, "%s", needs the most)',
  ERR_PROGRAM_SIZE:
    'the program needs %s of %s bytes but can address %s at most; compile it for smaller shapes',
  ERR_PROGRAM_FORMAT: 'not a valid program: %s',
  ERR_PROGRAM_VERSION:
    "program format %s does not match this build's format %s; compile the model again with this version",
  ERR_PROGRAM_READ:
    'the weights of the program cannot be read from its file (%s); check the disk, or compile the model again',
  ERR_ADDON_MISSING:
    'the native addon could not be loaded (%s); run npm run build:native with a C++20 compiler and CMake installed',
  ERR_ISA_UNSUPPORTED: 'UNTANGLE_ISA=%s is not available on this machine (available: %s)',
  ERR_OUT_OF_MEMORY: 'the operating system refused %s bytes for %s',
  ERR_DEVICE_UNSUPPORTED: 'device "%s" is not available here (%s); use device: \'cpu\'',
  ERR_GPU_MEMORY:
    "the GPU has no memory left for this (%s); close what else runs on it, compile for smaller shapes or use device: 'cpu'",
  ERR_GPU_FAILED: "the GPU failed (%s); open the session again, or use device: 'cpu'",
  ERR_SESSION_DISPOSED: 'the session has been disposed; open a new one',
  ERR_ABORTED: 'the run was aborted',
  ERR_INDEX_RANGE: 'node "%s": expected whole indices from %s to %s but received %s',
  ERR_INTERNAL: 'internal error: %s; please report it with the model',
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Fields that go with an error, for programs; e.g. `neededBytes` with ERR_BUDGET_EXCEEDED. */
export type ErrorFields = Readonly<Record<string, string | number | readonly string[]>>;

/** An error with a stable `code` and a one-sentence message built from `ERRORS`. */
export class UntangleError extends Error {
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  constructor(code: ErrorCode, args: readonly (string | number)[] = [], fields: ErrorFields = {}) {
    super(formatMessage(code, args));
    this.name = code === 'ERR_ABORTED' ? 'AbortError' : 'UntangleError';
    this.code = code;
    this.fields = fields;
  }
}

/** Fills the template of `code` with `args`, in order. */
export function formatMessage(code: ErrorCode, args: readonly (string | number)[]): string {
  let next = 0;
  return ERRORS[code].replace(/%s/g, () => String(args[next++] ?? '?'));
}
