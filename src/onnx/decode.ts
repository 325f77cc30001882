// Bytes of a .onnx file → OnnxModel.
//
// The file is read as protobuf first (wire.ts), then judged: opset, names, tensors and attributes. Nothing here knows
// what an operator means.

import {UntangleError} from '../errors.js';
import type {DeferredBytes} from './deferred.js';
import {importedOpset, inlineFunctions} from './inline-functions.js';
import {checkLimit, type Limits, resolveLimits} from './limits.js';
import type {OnnxModel, ValueInfo} from './model.js';
import {convertInitializers, convertNode} from './nodes.js';
import {type GraphProto, MODEL, type ModelProto, type ValueInfoProto} from './proto.js';
import {
  type ExternalDataReader,
  elementType,
  elementTypeName,
  type TensorContext,
} from './tensor.js';
import {formatError, readMessage} from './wire.js';

/** The oldest supported opset: before, operators carried traces of how they were executed. */
export const OLDEST_OPSET = 6;
/** The newest opset with whose schemas the operator tables were compared. */
export const NEWEST_OPSET = 28;

export interface DecodeOptions {
  readonly limits?: Partial<Limits>;
  /** Reads tensors that lie in files beside the model; without it such models are refused. */
  readonly externalData?: ExternalDataReader;
  /** Where weights are read that the bytes do not have yet. */
  readonly deferred?: DeferredBytes | undefined;
  /** Where the bytes came from, for messages. */
  readonly path?: string;
}

/**
 * Decodes an ONNX file.
 *
 * @throws ERR_ONNX_FORMAT, ERR_ONNX_LIMIT, ERR_ONNX_EXTERNAL_DATA, ERR_OPSET_UNSUPPORTED, ERR_OP_UNSUPPORTED
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): OnnxModel {
  const limits = resolveLimits(options.limits);
  checkLimit(limits, 'fileBytes', bytes.length);
  try {
    if (bytes.length === 0) throw formatError('the file is empty');
    const context: TensorContext = {
      limits,
      externalData: options.externalData ?? null,
      deferred: options.deferred,
      decoded: new Map(),
    };
    return convertModel(readModelProto(bytes, limits), context);
  } catch (error) {
    throw explainFailure(error, options.path);
  }
}

function readModelProto(
  bytes: Uint8Array,
  limits: Limits,
): ModelProto & {readonly graph: GraphProto} {
  try {
    const proto = readMessage<ModelProto>(bytes, MODEL, limits);
    const {graph} = proto;
    if (graph === undefined) throw formatError('it has no graph');
    return {...proto, graph};
  } catch (error) {
    const kind = describeText(bytes);
    if (kind !== null) throw formatError(kind);
    throw error;
  }
}

/** Says what a file that is no protobuf seems to be, or null when it does not look like text. */
function describeText(bytes: Uint8Array): string | null {
  const head = bytes.subarray(0, 256);
  for (const byte of head) {
    if (byte < 9 || (byte > 13 && byte < 32) || byte === 127) return null;
  }
  const text = new TextDecoder().decode(head).trimStart();
  if (text.startsWith('version https://git-lfs'))
    return 'it is a Git LFS pointer, not the model; fetch the file with git lfs pull';
  if (/^<(!doctype|html)/i.test(text))
    return 'it looks like a web page, not a protobuf; download the raw file';
  return 'it looks like text, not a protobuf';
}

function explainFailure(error: unknown, path: string | undefined): unknown {
  if (error instanceof UntangleError) {
    const {reason} = error.fields;
    if (error.code !== 'ERR_ONNX_FORMAT' || path === undefined || typeof reason !== 'string')
      return error;
    return new UntangleError('ERR_ONNX_FORMAT', [`${reason} (in ${path})`], {reason, path});
  }
  if (error instanceof RangeError && /allocation|array length/i.test(error.message)) {
    return new UntangleError('ERR_OUT_OF_MEMORY', ['the', 'decoding a tensor']);
  }
  return error;
}

function convertModel(
  proto: ModelProto & {readonly graph: GraphProto},
  context: TensorContext,
): OnnxModel {
  const opset = findOpset(proto);
  const {graph} = proto;
  if (graph.sparseInitializer.length > 0)
    throw formatError('it has sparse initializers, which are not supported');

  const initializers = convertInitializers(graph.initializer, context);
  const inputs = convertPorts(graph.input, 'input', context.limits).filter(
    input => !initializers.has(input.name),
  );
  const nodes = inlineFunctions(graph, proto.functions, {limits: context.limits, opset});
  const outputs = convertPorts(graph.output, 'output', context.limits);
  if (outputs.length === 0) throw formatError('its graph has no outputs');
  return {
    irVersion: proto.irVersion ?? 0,
    opset,
    producer: [proto.producerName, proto.producerVersion]
      .filter(part => part !== undefined && part !== '')
      .join(' '),
    nodes: nodes.map(node => convertNode(node, context)),
    inputs,
    outputs,
    initializers,
  };
}

function findOpset(proto: ModelProto): number {
  const unsupported = (what: string | number): UntangleError =>
    new UntangleError('ERR_OPSET_UNSUPPORTED', [what, NEWEST_OPSET], {opset: what});
  const opset = importedOpset(proto.opsetImport);
  if (opset === undefined) throw unsupported('(none declared)');
  if (opset < OLDEST_OPSET) throw unsupported(opset);
  return opset;
}

function convertPorts(
  infos: readonly ValueInfoProto[],
  role: 'input' | 'output',
  limits: Limits,
): ValueInfo[] {
  const seen = new Set<string>();
  return infos.map(info => {
    const name = info.name ?? '';
    if (name === '') throw formatError(`an ${role} of the graph has no name`);
    if (seen.has(name)) throw formatError(`${role} "${name}" appears twice`);
    seen.add(name);
    return convertPort(info, name, role, limits);
  });
}

function convertPort(
  info: ValueInfoProto,
  name: string,
  role: 'input' | 'output',
  limits: Limits,
): ValueInfo {
  const tensorType = info.type?.tensorType;
  if (tensorType === undefined) {
    // Some exporters leave the types of outputs to be inferred.
    if (role === 'output' && info.type === undefined) return {name, dtype: 'float32', dims: null};
    throw formatError(`${role} "${name}" is not a tensor`);
  }
  const type = elementType(tensorType.elemType);
  if (type === null) {
    throw formatError(
      `${role} "${name}" has element type ${elementTypeName(tensorType.elemType)}, which is not supported`,
    );
  }
  if (tensorType.shape === undefined) return {name, dtype: type.dtype, dims: null};
  const {dim} = tensorType.shape;
  checkLimit(limits, 'rank', dim.length);
  const dims = dim.map(({dimValue, dimParam}, axis) => {
    if (dimValue !== undefined && dimValue >= 0) return dimValue;
    // Dimensions without a name get one of their own, so that each can be bound.
    return dimParam !== undefined && dimParam !== '' ? dimParam : `${name}.${axis}`;
  });
  if (dims.some(size => typeof size === 'number' && !Number.isSafeInteger(size))) {
    throw formatError(`${role} "${name}" has a dimension beyond 2^53`);
  }
  return {name, dtype: type.dtype, dims};
}
