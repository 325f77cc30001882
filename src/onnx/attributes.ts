// AttributeProto → Attribute.

import type {Attribute, OnnxGraph} from './model.js';
import type {AttributeProto, GraphProto, TensorProto} from './proto.js';
import {decodeTensorProto, elementType, elementTypeName, type TensorContext} from './tensor.js';
import {decodeUtf8, formatError} from './wire.js';

type Kind = 'float' | 'int' | 'string' | 'tensor' | 'graph' | 'floats' | 'ints' | 'strings';

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [1, 'float'],
  [2, 'int'],
  [3, 'string'],
  [4, 'tensor'],
  [5, 'graph'],
  [6, 'floats'],
  [7, 'ints'],
  [8, 'strings'],
]);

const OTHER_KINDS: ReadonlyMap<number, string> = new Map([
  [9, 'a list of tensors'],
  [10, 'a list of subgraphs'],
  [11, 'a sparse tensor'],
  [12, 'a list of sparse tensors'],
  [13, 'a type'],
  [14, 'a list of types'],
]);

/**
 * Decodes one attribute. What no supported operator takes becomes kind 'unsupported', so that a model is refused
 * for the operator that carries it and not for the attribute.
 *
 * @throws ERR_ONNX_FORMAT, ERR_ONNX_LIMIT, ERR_ONNX_EXTERNAL_DATA
 */
export function decodeAttribute(
  proto: AttributeProto,
  context: TensorContext,
  convertGraph: (graph: GraphProto) => OnnxGraph,
): Attribute {
  if (proto.refAttrName !== undefined && proto.refAttrName !== '') {
    return {kind: 'unsupported', value: `a reference to attribute "${proto.refAttrName}"`};
  }
  const number = proto.type ?? 0;
  const kind = number === 0 ? inferKind(proto) : KINDS.get(number);
  if (kind === undefined)
    return {kind: 'unsupported', value: OTHER_KINDS.get(number) ?? `kind ${number}`};
  switch (kind) {
    case 'float':
      return {kind, value: proto.f ?? 0};
    case 'int':
      return {kind, value: proto.i ?? 0};
    case 'string':
      return decodeString(proto.s, context);
    case 'tensor':
      return decodeTensorAttribute(proto.t, proto.name ?? '', context);
    case 'graph':
      if (proto.g === undefined)
        throw formatError(`attribute "${proto.name ?? ''}" is declared a graph but holds none`);
      return {kind, value: convertGraph(proto.g)};
    case 'floats':
      return {kind, value: Array.from(proto.floats)};
    case 'ints':
      return {kind, value: Array.from(proto.ints)};
    case 'strings':
      return decodeStrings(proto.strings, context);
  }
}

/** Files of the first IR versions state no type; what is set tells it. */
function inferKind(proto: AttributeProto): Kind | undefined {
  if (proto.f !== undefined) return 'float';
  if (proto.i !== undefined) return 'int';
  if (proto.s !== undefined) return 'string';
  if (proto.t !== undefined) return 'tensor';
  if (proto.g !== undefined) return 'graph';
  if (proto.floats.length > 0) return 'floats';
  if (proto.ints.length > 0) return 'ints';
  if (proto.strings.length > 0) return 'strings';
  return undefined;
}

function decodeString(bytes: Uint8Array | undefined, context: TensorContext): Attribute {
  if (bytes === undefined) return {kind: 'string', value: ''};
  if (bytes.length > context.limits.nameBytes)
    return {kind: 'unsupported', value: `a string of ${bytes.length} bytes`};
  return {kind: 'string', value: decodeUtf8(bytes)};
}

function decodeStrings(strings: readonly Uint8Array[], context: TensorContext): Attribute {
  const value: string[] = [];
  for (const bytes of strings) {
    const item = decodeString(bytes, context);
    if (item.kind !== 'string') return item;
    value.push(item.value);
  }
  return {kind: 'strings', value};
}

function decodeTensorAttribute(
  proto: TensorProto | undefined,
  name: string,
  context: TensorContext,
): Attribute {
  if (proto === undefined)
    throw formatError(`attribute "${name}" is declared a tensor but holds none`);
  if (elementType(proto.dataType) === null)
    return {kind: 'unsupported', value: `a tensor of ${elementTypeName(proto.dataType)}`};
  return {kind: 'tensor', value: decodeTensorProto(proto, context)};
}
