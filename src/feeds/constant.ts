// Inputs bound to a value when the model is compiled.

import {UntangleError} from '../errors.js';
import {isFloating} from '../graph/types.js';
import type {Tensor, ValueInfo} from '../onnx/model.js';
import {splitTensor} from './check.js';
import {describeShape} from './describe.js';
import {checkWhole, readNumbers} from './elements.js';
import type {ConstantFeed} from './feeds.js';

/**
 * The tensors that `constants` gives for inputs of the model, by name. `shapes` holds shapes that inputs were bound to.
 *
 * @throws ERR_INPUT_NAME, ERR_INPUT_TYPE, ERR_INPUT_SHAPE, ERR_INPUT_VALUE
 */
export function constantTensors(
  inputs: readonly ValueInfo[],
  constants: Readonly<Record<string, ConstantFeed>>,
  shapes: Readonly<Record<string, readonly number[]>>,
): ReadonlyMap<string, Tensor> {
  return new Map(
    Object.entries(constants).map(([name, feed]) => {
      const info = inputs.find(input => input.name === name);
      if (info !== undefined) return [name, constantTensor(info, feed, shapes[name])];
      const known = inputs.map(input => `"${input.name}"`).join(', ') || 'none';
      throw new UntangleError('ERR_INPUT_NAME', [name, known], {input: name});
    }),
  );
}

function constantTensor(
  {name, dtype, dims}: ValueInfo,
  feed: ConstantFeed,
  bound: readonly number[] | undefined,
): Tensor {
  const {data, shape = bound, dtype: given} = splitTensor(typeof feed === 'number' ? [feed] : feed);
  const target = {name, dtype, shape: []};
  const values = readNumbers(target, data, given);
  checkWhole(target, values, Number.POSITIVE_INFINITY);
  const count = values.length;
  return {
    dtype,
    dims: shape === undefined ? inferShape(name, dims, count) : checkShape(name, shape, count),
    // Copies: the caller may go on writing into the array.
    data: isFloating(dtype) ? new Float32Array(values) : new Float64Array(values),
  };
}

/** The declared shape; one dimension of it may be left to the number of values. */
function inferShape(
  name: string,
  dims: readonly (number | string)[] | null,
  count: number,
): readonly number[] {
  const isOpen = (size: number | string): boolean => typeof size === 'string' || size <= 0;
  const open = dims?.filter(isOpen).length ?? 2;
  const known = (dims ?? []).reduce<number>(
    (product, size) => (isOpen(size) ? product : product * Number(size)),
    1,
  );
  if (dims !== null && open === 0 && known === count) return dims.map(Number);
  if (dims !== null && open === 1 && count > 0 && count % known === 0)
    return dims.map(size => (isOpen(size) ? count / known : Number(size)));
  const expected = open > 1 ? '{data, shape}, because more than one dimension of' : 'values for';
  throw new UntangleError(
    'ERR_INPUT_SHAPE',
    [
      name,
      `${expected} ${describeShape(dims ?? ['...'])}${open > 1 ? ' is open,' : ''}`,
      `${count} values`,
    ],
    {input: name},
  );
}

/** Constants may be empty: the roi of a Resize and the axes of a reduction often are. */
function checkShape(name: string, shape: unknown, count: number): readonly number[] {
  const isShape =
    Array.isArray(shape) && shape.every(size => Number.isSafeInteger(size) && size >= 0);
  if (isShape && shape.reduce((product, size) => product * size, 1) === count) return [...shape];
  throw new UntangleError(
    'ERR_INPUT_SHAPE',
    [name, `a shape for ${count} values`, describeShape(shape)],
    {input: name},
  );
}
