// Functions of several elements, with broadcasting.

import type {DataType} from '../../../src/onnx/model.js';
import type {Call, RefOp, RefOps} from './call.js';
import {converted} from './cast.js';
import {broadcastAt, broadcastDims, fill, type RefTensor, reshaped} from './tensor.js';

type Function2 = (a: number, b: number) => number;

function combine(a: RefTensor, b: RefTensor, f: Function2, dtype: DataType): RefTensor {
  return fill(dtype, broadcastDims(a.dims, b.dims), index => {
    const value = f(broadcastAt(a, index), broadcastAt(b, index));
    return dtype.includes('float') ? value : converted(value, dtype);
  });
}

/** The second input; before opset 7 its dims may begin at `axis` of the first. */
function second(call: Call): RefTensor {
  const [a, b] = [call.input(0), call.input(1)];
  const axis = call.int('axis', a.dims.length - b.dims.length);
  if (call.opset >= 7 || call.int('broadcast', 0) === 0) return b;
  const trailing = a.dims.length - b.dims.length - axis;
  return trailing > 0 ? reshaped(b, [...b.dims, ...Array<number>(trailing).fill(1)]) : b;
}

function arithmetic(f: Function2): RefOp {
  return call => combine(call.input(0), second(call), f, call.input(0).dtype);
}

function predicate(f: (a: number, b: number) => boolean): RefOp {
  return call => combine(call.input(0), second(call), (a, b) => (f(a, b) ? 1 : 0), 'bool');
}

/** Folds `f` over any number of inputs. */
function variadic(f: Function2): RefOp {
  return call =>
    call.inputs.map((_, index) => call.input(index)).reduce((a, b) => combine(a, b, f, a.dtype));
}

function divide(call: Call): RefTensor {
  const isFloat = call.input(0).dtype.includes('float');
  const f: Function2 = isFloat ? (a, b) => a / b : (a, b) => Math.trunc(a / b);
  return combine(call.input(0), second(call), f, call.input(0).dtype);
}

/** Remainder with the sign of the divisor; with fmod, of the dividend. */
function modulo(call: Call): RefTensor {
  const f: Function2 =
    call.int('fmod', 0) === 1 ? (a, b) => a % b : (a, b) => a - Math.floor(a / b) * b;
  return combine(call.input(0), call.input(1), f, call.input(0).dtype);
}

function mean(call: Call): RefTensor {
  const sum = variadic((a, b) => a + b)(call) as RefTensor;
  return {...sum, data: sum.data.map(value => value / call.inputs.length)};
}

function where(call: Call): RefTensor {
  const [condition, a, b] = [call.input(0), call.input(1), call.input(2)];
  return fill(a.dtype, broadcastDims(condition.dims, a.dims, b.dims), index =>
    broadcastAt(broadcastAt(condition, index) !== 0 ? a : b, index),
  );
}

function prelu(call: Call): RefTensor {
  const [x, slope] = [call.input(0), call.input(1)];
  // Before opset 7 a vector of slopes is one per channel.
  const isPerChannel = call.opset < 7 && slope.dims.length === 1 && x.dims.length > 1;
  const dims = isPerChannel ? [slope.dims[0]!, ...x.dims.slice(2).map(() => 1)] : slope.dims;
  return combine(x, reshaped(slope, dims), (a, b) => (a < 0 ? a * b : a), x.dtype);
}

export const BINARY_OPS: RefOps = {
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: divide,
  Pow: arithmetic((a, b) => a ** b),
  Mod: modulo,
  Max: variadic((a, b) => Math.max(a, b)),
  Min: variadic((a, b) => Math.min(a, b)),
  Sum: variadic((a, b) => a + b),
  Mean: mean,
  PRelu: prelu,
  Where: where,
  Equal: predicate((a, b) => a === b),
  Less: predicate((a, b) => a < b),
  LessOrEqual: predicate((a, b) => a <= b),
  Greater: predicate((a, b) => a > b),
  GreaterOrEqual: predicate((a, b) => a >= b),
  And: predicate((a, b) => a !== 0 && b !== 0),
  Or: predicate((a, b) => a !== 0 || b !== 0),
  Xor: predicate((a, b) => (a !== 0) !== (b !== 0)),
};
