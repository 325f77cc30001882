// Builds ONNX files from a short description, through the same tables the decoder reads by: for benchmarks and tests.

import type {DataType} from '../../src/onnx/model.js';
import {
  type AttributeProto,
  type GraphProto,
  MODEL,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../src/onnx/proto.js';
import {elementTypeNumber} from '../../src/onnx/tensor.js';
import {tensorProto} from '../../src/onnx/tensor-file.js';
import {writeMessage} from '../../src/onnx/wire.js';

export interface PortSpec {
  readonly name: string;
  /** Left out: unknown rank. A string is a symbolic dimension. */
  readonly dims?: readonly (number | string)[];
  readonly dtype?: DataType;
}

export interface TensorSpec {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
  readonly dtype?: DataType;
}

/** A float that JavaScript would take for an integer: `float(1)`. */
export interface FloatSpec {
  readonly float: number | readonly number[];
}

/** Numbers that are all integers become INT or INTS, others FLOAT or FLOATS. */
export type AttributeSpec =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | FloatSpec
  | GraphSpec
  | ReferenceSpec
  | TensorSpec;

/** A branch or body. */
export interface GraphSpec {
  readonly nodes: readonly NodeSpec[];
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, TensorSpec>>;
}

/** Inside a function: the attribute of the call, of ONNX type `type` (2 INT, 1 FLOAT, ...). */
export interface ReferenceSpec {
  readonly refersTo: string;
  readonly type: number;
}

export interface FunctionSpec {
  readonly name: string;
  /** Default 'local'. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSpec[];
  readonly defaults?: Readonly<Record<string, AttributeSpec>>;
  readonly opset?: number;
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attrs?: Readonly<Record<string, AttributeSpec>>;
}

export interface ModelSpec {
  /** Default 17; null writes no opset. */
  readonly opset?: number | null;
  readonly inputs: readonly PortSpec[];
  readonly outputs: readonly PortSpec[];
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: Readonly<Record<string, TensorSpec>>;
  readonly functions?: readonly FunctionSpec[];
}

/** Marks an attribute as FLOAT or FLOATS whatever its digits. */
export function float(value: number | readonly number[]): FloatSpec {
  return {float: value};
}

/** The bytes of a .onnx file. */
export function model(spec: ModelSpec): Uint8Array {
  return writeMessage(modelMessage(spec), MODEL);
}

/** The message behind `model`, for tests that bend it before writing it themselves. */
export function modelMessage(spec: ModelSpec): {
  irVersion: number;
  producerName: string;
  opsetImport: object[];
  graph: Record<string, unknown>;
  functions: object[];
} {
  const {opset = 17, inputs, outputs, nodes, initializers = {}, functions = []} = spec;
  return {
    irVersion: 8,
    producerName: 'bench',
    opsetImport: opset === null ? [] : [{version: opset}],
    graph: {
      name: 'graph',
      input: inputs.map(port),
      output: outputs.map(port),
      node: nodes.map(nodeMessage),
      initializer: Object.entries(initializers).map(([name, tensor]) =>
        tensorProto({name, ...tensor}),
      ),
    },
    functions: functions.map(fn => ({
      name: fn.name,
      domain: fn.domain ?? 'local',
      input: fn.inputs,
      output: fn.outputs,
      node: fn.nodes.map(nodeMessage),
      attributeProto: attributes(fn.defaults),
      opsetImport: fn.opset === undefined ? [] : [{version: fn.opset}],
    })),
  };
}

function nodeMessage(node: NodeSpec): object {
  return {
    opType: node.op,
    input: node.inputs,
    output: node.outputs,
    name: node.name ?? '',
    domain: node.domain ?? '',
    attribute: attributes(node.attrs),
  };
}

function attributes(
  specs: Readonly<Record<string, AttributeSpec>> = {},
): Partial<AttributeProto>[] {
  return Object.entries(specs).map(([name, value]) => attribute(name, value));
}

function port({name, dims, dtype = 'float32'}: PortSpec): ValueInfoProto {
  const elemType = elementTypeNumber(dtype);
  if (dims === undefined) return {name, type: {tensorType: {elemType}}};
  const dim = dims.map(size => (typeof size === 'number' ? {dimValue: size} : {dimParam: size}));
  return {name, type: {tensorType: {elemType, shape: {dim}}}};
}

function attribute(name: string, value: AttributeSpec): Partial<AttributeProto> {
  if (typeof value === 'number')
    return Number.isInteger(value) ? {name, type: 2, i: value} : {name, type: 1, f: value};
  if (typeof value === 'string') return {name, type: 3, s: new TextEncoder().encode(value)};
  if (isList(value)) return listAttribute(name, value);
  if ('float' in value) {
    return typeof value.float === 'number'
      ? {name, type: 1, f: value.float}
      : {name, type: 6, floats: value.float};
  }
  if ('refersTo' in value) return {name, type: value.type, refAttrName: value.refersTo};
  if ('nodes' in value) return {name, type: 5, g: graphMessage(value)};
  return {name, type: 4, t: tensorProto(value) as TensorProto};
}

function graphMessage({nodes, outputs, initializers = {}}: GraphSpec): GraphProto {
  return {
    name: 'branch',
    node: nodes.map(nodeMessage) as NodeProto[],
    input: [],
    output: outputs.map(name => ({name})),
    initializer: Object.entries(initializers).map(
      ([name, tensor]) => tensorProto({name, ...tensor}) as TensorProto,
    ),
    sparseInitializer: [],
  };
}

function isList(value: AttributeSpec): value is readonly number[] | readonly string[] {
  return Array.isArray(value);
}

function listAttribute(
  name: string,
  value: readonly number[] | readonly string[],
): Partial<AttributeProto> {
  if (value.length > 0 && typeof value[0] === 'string') {
    return {
      name,
      type: 8,
      strings: (value as readonly string[]).map(text => new TextEncoder().encode(text)),
    };
  }
  const numbers = value as readonly number[];
  return numbers.every(Number.isInteger)
    ? {name, type: 7, ints: numbers}
    : {name, type: 6, floats: numbers};
}
