// One-node models for any operator, by trying signatures: most do not fit, and one that does is a seed.

import {supportedOperators} from '../../src/graph/registry.js';
import type {DataType} from '../../src/onnx/model.js';
import {elementTypeNumber} from '../../src/onnx/tensor.js';
import {
  type AttributeSpec,
  float,
  model,
  type NodeSpec,
  type PortSpec,
  type TensorSpec,
} from '../../test/helpers/onnx-builder.js';
import type {Seed} from './corpus.js';

/** A value computed at run time. */
interface RunTimeSpec {
  readonly dims: readonly number[];
  /** That of the values of the model unless given. */
  readonly dtype?: DataType;
}

/** What stands at an input: a run-time value (or its shape), a constant, or nothing. */
type Input = readonly number[] | RunTimeSpec | TensorSpec | null;

const FLOAT32 = elementTypeNumber('float32');
const MAP = [1, 4, 6, 6];
const int64 = (...data: number[]): TensorSpec => ({dims: [data.length], data, dtype: 'int64'});
const floats = (dims: readonly number[]): TensorSpec => ({
  dims,
  data: Float32Array.from({length: dims.reduce((a, b) => a * b, 1)}, (_, i) => (i % 5) - 1.5),
});
const C4 = floats([4]);
const scalar = (data: number, dtype: DataType): TensorSpec => ({dims: [], data: [data], dtype});
const SCALE = scalar(0.5, 'float32');
const ZERO = scalar(2, 'uint8');
const BYTES: RunTimeSpec = {dims: MAP, dtype: 'uint8'};

/** Signatures from the simplest on; the first that compile are taken. */
const SIGNATURES: readonly (readonly Input[])[] = [
  [MAP],
  [MAP, MAP],
  [MAP, floats([4, 4, 3, 3])],
  [MAP, floats([3, 4, 1, 1]), floats([3])],
  [MAP, C4, C4],
  [MAP, C4, C4, C4, {...C4, data: [1, 2, 3, 4]}],
  [MAP, floats([6]), floats([6])],
  [MAP, floats([4, 1, 1])],
  [MAP, floats([])],
  [MAP, floats([]), floats([])],
  [
    [4, 6],
    [6, 3],
  ],
  [[4, 6], floats([6, 3]), floats([3])],
  [
    [2, 4, 6],
    [2, 6, 3],
  ],
  [MAP, int64(1, 4, 36)],
  [MAP, int64(0, -1)],
  [MAP, int64(2, 4, 6, 6)],
  [MAP, int64(0)],
  [MAP, int64(2, 0, 1)],
  [MAP, int64(2)],
  [MAP, {dims: [], data: [1], dtype: 'int64'}],
  [MAP, {dims: [], data: [2], dtype: 'int64'}, {dims: [], data: [1], dtype: 'int64'}],
  [MAP, int64(1, 1), int64(5, 6), int64(2, 3), int64(2, 1)],
  [MAP, int64(0, 0, 1, 1, 0, 0, 1, 1)],
  [MAP, null, {dims: [4], data: [1, 1, 2, 2]}],
  [MAP, {dims: [4], data: [1, 1, 2, 2]}],
  [MAP, null, null, int64(1, 4, 12, 9)],
  [MAP, int64(2, 1, 1, 1)],
  [MAP, {dims: MAP, data: new Uint8Array(144).fill(1), dtype: 'int64'}],
  [{dims: MAP, data: new Uint8Array(144).fill(1), dtype: 'bool'}, MAP, MAP],
  [MAP, int64(0, 1), C4],
  [int64(2, 3)],
  [
    {dims: [], data: [0], dtype: 'int64'},
    {dims: [], data: [6], dtype: 'int64'},
    {dims: [], data: [2], dtype: 'int64'},
  ],
  [[1, 4, 4, 6, 6]],
  [[1, 4, 4, 6, 6], floats([4, 4, 3, 3, 3])],
  [[1, 4, 9]],
  [[1, 4, 9], floats([4, 4, 3])],
  [],
  // Quantised operators.
  [BYTES, SCALE, ZERO],
  [BYTES, {...floats([4, 4, 3, 3]), dtype: 'uint8'}, ZERO, ZERO],
  [BYTES, SCALE, ZERO, {...floats([4, 4, 3, 3]), dtype: 'uint8'}, SCALE, ZERO, SCALE, ZERO],
  [
    {dims: [4, 6], dtype: 'uint8'},
    SCALE,
    ZERO,
    {dims: [6, 3], dtype: 'uint8'},
    SCALE,
    ZERO,
    SCALE,
    ZERO,
  ],
  // Indices and positions.
  [MAP, {dims: [1, 2, 6, 6], data: new Uint8Array(72).fill(1), dtype: 'int64'}, [1, 2, 6, 6]],
  [MAP, {dims: [2, 2], data: [0, 3, 0, 1], dtype: 'int64'}, [2, 6, 6]],
  [MAP, int64(2, 1, 3, 4, 1, 2)],
  [MAP, {dims: [1, 3, 5, 2], dtype: 'float32'}],
  [[1, 8, 9], int64(4, 4), int64(2, 2)],
];

/** Plausible values for attributes without which an operator is refused or dull. */
const ATTRIBUTES: Readonly<Record<string, readonly AttributeSpec[]>> = {
  axis: [1, 0, -1],
  axes: [[2, 3], [1]],
  blocksize: [2],
  equation: ['abcd,abcd->abd'],
  group: [1, 4],
  keepdims: [0],
  kernel_shape: [[2, 2], [3], [2, 2, 2], [3, 3]],
  mode: ['linear', 'reflect', 'CRD'],
  num_groups: [2],
  size: [3],
  batch_axis: [3],
  time_axis: [1],
  num_outputs: [2],
  perm: [[0, 2, 3, 1]],
  pads: [[1, 1, 1, 1]],
  scales: [float([1, 1, 2, 2])],
  shape: [[4]],
  split: [[1, 3]],
  strides: [[2, 2]],
  to: [1, 7, 9],
  upper: [0],
  value: [C4],
  value_floats: [float([1, 2])],
  fmod: [1],
};
const OPSETS = [17, 28, 12, 9];

/** A model that may or may not make sense. */
export interface OperatorModel extends Seed {
  readonly signature: string;
  /** Of the first value that is computed at run time. */
  readonly dtype: DataType;
}

/**
 * Models of `opType` in many signatures, the plainest first; the caller finds out which make sense.
 *
 * @param dtype of all values, but those whose type the signature says
 */
export function* operatorModels(
  opType: string,
  dtype: DataType = 'float32',
): Generator<OperatorModel> {
  const known = supportedOperators().find(operator => operator.opType === opType);
  const named = Object.keys(known?.attributes ?? {}).filter(name => name in ATTRIBUTES);
  const sets = [{}, ...singles(named), ...named.flatMap(name => pairs(name, named))];
  for (const opset of OPSETS) {
    for (const [index, inputs] of SIGNATURES.entries()) {
      for (const attrs of sets) {
        const bytes = oneNode({opType, opset, inputs, attrs, dtype});
        yield {
          name: opType,
          signature: `${opset}/${index}`,
          bytes,
          dtype: firstType(inputs, dtype),
        };
      }
    }
  }
}

function firstType(inputs: readonly Input[], dtype: DataType): DataType {
  const first = inputs.find(input => input !== null && !('data' in input));
  return first === undefined || first === null || !('dims' in first)
    ? dtype
    : (first.dtype ?? dtype);
}

type Attributes = NonNullable<NodeSpec['attrs']>;

function singles(names: readonly string[]): Attributes[] {
  return names.flatMap(name => ATTRIBUTES[name]!.map(value => ({[name]: value})));
}

function pairs(name: string, names: readonly string[]): Attributes[] {
  const others = names.filter(other => other !== name);
  return ATTRIBUTES[name]!.flatMap(value =>
    others.map(other => ({[name]: value, [other]: ATTRIBUTES[other]![0]!})),
  );
}

interface OneNode {
  readonly opType: string;
  readonly opset: number;
  readonly inputs: readonly Input[];
  readonly attrs: Attributes;
  readonly dtype: DataType;
}

/** Behind a Relu and before a Sigmoid, so that results of any rank reach an output and fusing has neighbours. */
function oneNode({opType, opset, inputs, attrs, dtype}: OneNode): Uint8Array {
  const ports: PortSpec[] = [];
  const initializers: Record<string, TensorSpec> = {};
  const nodes: NodeSpec[] = [];
  const names = inputs.map((input, index) => {
    if (input === null) return '';
    if ('data' in input) {
      initializers[`c${index}`] = {...input, dtype: input.dtype ?? dtype};
      return `c${index}`;
    }
    const value: RunTimeSpec = 'dims' in input ? input : {dims: input};
    ports.push({name: `x${index}`, dims: value.dims});
    nodes.push({op: 'Relu', name: `before${index}`, inputs: [`x${index}`], outputs: [`r${index}`]});
    const type = value.dtype ?? dtype;
    if (type === 'float32') return `r${index}`;
    const to = elementTypeNumber(type);
    nodes.push({op: 'Cast', inputs: [`r${index}`], outputs: [`i${index}`], attrs: {to}});
    return `i${index}`;
  });
  if (ports.length === 0) ports.push({name: 'x', dims: MAP});
  nodes.push({op: opType, name: opType, inputs: names, outputs: ['t'], attrs});
  nodes.push({op: 'Cast', inputs: ['t'], outputs: ['f'], attrs: {to: FLOAT32}});
  nodes.push({op: 'Sigmoid', name: 'after', inputs: ['f'], outputs: ['y']});
  return model({opset, inputs: ports, outputs: [{name: 'y'}], nodes, initializers});
}
