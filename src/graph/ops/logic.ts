// Comparisons, logic and the like: folded when constant, otherwise unsupported.

import type {DataType} from '../../onnx/model.js';
import {foldElementwise} from '../fold-logic.js';
import type {AttributeSpec, BuildContext, Operand, Registration} from '../registration.js';
import {broadcastShapes, formatShape} from '../shapes.js';

type ScalarFunction = (values: readonly number[]) => number;

export const LOGIC: readonly Registration[] = [
  register('Equal', ([a, b]) => Number(a === b)),
  register('Less', ([a, b]) => Number(a! < b!)),
  register('LessOrEqual', ([a, b]) => Number(a! <= b!), {since: 12}),
  register('Greater', ([a, b]) => Number(a! > b!)),
  register('GreaterOrEqual', ([a, b]) => Number(a! >= b!), {since: 12}),
  register('And', ([a, b]) => Number(a !== 0 && b !== 0)),
  register('Or', ([a, b]) => Number(a !== 0 || b !== 0)),
  register('Xor', ([a, b]) => Number((a !== 0) !== (b !== 0))),
  register('Not', ([a]) => Number(a === 0), {inputCount: 1}),
  register('Where', ([condition, a, b]) => (condition !== 0 ? a! : b!), {
    since: 9,
    inputCount: 3,
    typeFrom: 1,
  }),
  register('Sign', ([a]) => Math.sign(a!), {since: 9, inputCount: 1, typeFrom: 0}),
  register('Round', ([a]) => roundHalfToEven(a!), {since: 11, inputCount: 1, typeFrom: 0}),
  {
    opType: 'Mod',
    since: 10,
    attributes: {fmod: {kind: 'int'}},
    build: context => {
      const isC = context.int('fmod', 0) === 1;
      // Without fmod the result has the sign of the divisor, as in Python.
      const fn: ScalarFunction = ([a, b]) => (isC ? a! % b! : ((a! % b!) + b!) % b!);
      return build(context, fn, {inputCount: 2, typeFrom: 0});
    },
  },
];

interface Signature {
  readonly inputCount: number;
  /** Input whose type the result has; without it, bool. */
  readonly typeFrom?: number;
}

function register(
  opType: string,
  fn: ScalarFunction,
  options: Partial<Signature> & {readonly since?: number} = {},
): Registration {
  const attributes: Record<string, AttributeSpec> = {};
  const signature = {inputCount: 2, ...options};
  return {
    opType,
    since: options.since ?? 1,
    attributes,
    build: context => build(context, fn, signature),
  };
}

function build(context: BuildContext, fn: ScalarFunction, signature: Signature): Operand {
  const {inputCount, typeFrom} = signature;
  const operands = Array.from({length: inputCount}, (_, index) =>
    context.constantInput(index, 'values'),
  );
  const shape = broadcastShapes(operands.map(operand => operand.shape));
  if (shape === undefined) {
    context.fail(
      `expected shapes that broadcast but received ${operands.map(operand => formatShape(operand.shape)).join(', ')}`,
    );
  }
  context.checkFolded(shape);
  const dtype: DataType = typeFrom === undefined ? 'bool' : operands[typeFrom]!.dtype;
  return context.constant(
    foldElementwise(
      operands.map(operand => operand.constant),
      {shape, dtype},
      fn,
    ),
  );
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x - Math.trunc(x)) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
