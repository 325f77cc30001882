// Constants, shapes, and operators that only rename the place of values.

import type {DataType, Tensor} from '../../../src/onnx/model.js';
import type {Call, RefOps} from './call.js';
import {at, elementCount, fill, type RefTensor, reshaped, resolveAxis, vector} from './tensor.js';

/** A decoded tensor as the reference holds it. */
export function fromTensor({dtype, dims, data}: Tensor): RefTensor {
  return {dtype, dims, data: Float64Array.from(data)};
}

function constant(call: Call): RefTensor {
  const tensor = call.tensor('value');
  if (tensor !== null) return fromTensor(tensor);
  const scalar = (dtype: DataType, value: number): RefTensor => ({
    dtype,
    dims: [],
    data: Float64Array.of(value),
  });
  const {attributes} = call.node;
  if (attributes.has('value_float')) return scalar('float32', call.float('value_float', 0));
  if (attributes.has('value_int')) return scalar('int64', call.int('value_int', 0));
  const floats = call.floats('value_floats');
  return floats === null ? vector('int64', call.ints('value_ints')!) : vector('float32', floats);
}

function constantOfShape(call: Call): RefTensor {
  const value = call.tensor('value');
  const dims = Array.from(call.input(0).data);
  return fill(value?.dtype ?? 'float32', dims, () => value?.data[0] ?? 0);
}

function shapeOf(call: Call): RefTensor {
  const {dims} = call.input(0);
  // Ends beyond the rank are cut, as in a Python slice.
  return vector('int64', dims.slice(call.int('start', 0), call.int('end', dims.length)));
}

function range(call: Call): RefTensor {
  const [start, limit, delta] = [0, 1, 2].map(i => call.input(i).data[0]!);
  const count = Math.max(0, Math.ceil((limit! - start!) / delta!));
  return fill(call.input(0).dtype, [count], ([i]) => start! + i! * delta!);
}

function reshape(call: Call): RefTensor {
  const x = call.input(0);
  const wanted = call.intsOrInput('shape', 1)!;
  const keepsZero = call.int('allowzero', 0) === 1;
  const dims = wanted.map((size, axis) => (size === 0 && !keepsZero ? x.dims[axis]! : size));
  const known = dims.filter(size => size !== -1);
  return reshaped(
    x,
    dims.map(size => (size === -1 ? x.data.length / elementCount(known) : size)),
  );
}

function flatten(call: Call): RefTensor {
  const x = call.input(0);
  const axis = resolveAxis(call.int('axis', 1), x.dims.length);
  return reshaped(x, [elementCount(x.dims.slice(0, axis)), elementCount(x.dims.slice(axis))]);
}

function squeeze(call: Call): RefTensor {
  const x = call.input(0);
  const axes = call.intsOrInput('axes', 1)?.map(axis => resolveAxis(axis, x.dims.length));
  return reshaped(
    x,
    x.dims.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis))),
  );
}

function unsqueeze(call: Call): RefTensor {
  const x = call.input(0);
  const named = call.intsOrInput('axes', 1)!;
  const rank = x.dims.length + named.length;
  const axes = named.map(axis => resolveAxis(axis, rank));
  const rest = [...x.dims];
  return reshaped(
    x,
    Array.from({length: rank}, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!)),
  );
}

function transpose(call: Call): RefTensor {
  const x = call.input(0);
  const perm = call.ints('perm') ?? x.dims.map((_, axis) => x.dims.length - 1 - axis);
  const dims = perm.map(axis => x.dims[axis]!);
  return fill(x.dtype, dims, index => {
    const source = x.dims.map(() => 0);
    for (const [axis, from] of perm.entries()) source[from] = index[axis]!;
    return at(x, source);
  });
}

function depthToSpace(call: Call): RefTensor {
  const x = call.input(0);
  const b = call.int('blocksize', 1);
  const isColumnRow = call.string('mode', 'DCR') === 'CRD';
  const [batch, channels, height, width] = x.dims as [number, number, number, number];
  const depth = channels / (b * b);
  return fill(x.dtype, [batch, depth, height * b, width * b], ([n, c, i, j]) => {
    const inBlock = (i! % b) * b + (j! % b);
    const channel = isColumnRow ? c! * b * b + inBlock : inBlock * depth + c!;
    return at(x, [n!, channel, Math.floor(i! / b), Math.floor(j! / b)]);
  });
}

function spaceToDepth(call: Call): RefTensor {
  const x = call.input(0);
  const b = call.int('blocksize', 1);
  const [batch, channels, height, width] = x.dims as [number, number, number, number];
  return fill(x.dtype, [batch, channels * b * b, height / b, width / b], ([n, channel, i, j]) => {
    const [block, c] = [Math.floor(channel! / channels), channel! % channels];
    return at(x, [n!, c, i! * b + Math.floor(block / b), j! * b + (block % b)]);
  });
}

export const SHAPE_OPS: RefOps = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: shapeOf,
  Size: call => ({
    dtype: 'int64',
    dims: [],
    data: Float64Array.of(call.input(0).data.length),
  }),
  Range: range,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
