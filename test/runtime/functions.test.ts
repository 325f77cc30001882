// Elementwise operators over special values: native = interpreter, element by element.

import test, {type ExecutionContext} from 'ava';
import {compile} from '../../src/compile.js';
import {open} from '../../src/index.js';
import type {DataType} from '../../src/onnx/model.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import type {OutputArray} from '../../src/runtime/outputs.js';
import {float, model, type NodeSpec} from '../helpers/onnx-builder.js';

const SPECIAL = [Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -0.5, 1.5, -2.5, 3, -7];
const VALUES = [
  ...SPECIAL,
  ...[65504, 65519, 65520, -70000, 1e-7, -6e-8, 1e-40, 3e38, 2 ** 31, 257, -129, 1.0009765],
  ...Array.from({length: 200}, (_, index) => (index - 100) / 8),
  ...Array.from({length: 200}, (_, index) => ((index - 100) * 1999) / 7),
];

type Op = readonly [op: string, attrs?: NonNullable<NodeSpec['attrs']>];

const UNARY: readonly Op[] = [
  ['Sign'],
  ['Round'],
  ['Sin'],
  ['Cos'],
  ['Tan'],
  ['Asin'],
  ['Acos'],
  ['Atan'],
  ['Sinh'],
  ['Cosh'],
  ['Asinh'],
  ['Acosh'],
  ['Atanh'],
  ['IsNaN'],
  ['IsInf'],
  ['IsInf', {detect_negative: 0}],
  ['IsInf', {detect_positive: 0}],
  ['ThresholdedRelu', {alpha: float(0.5)}],
  ['Shrink', {lambd: float(1), bias: float(0.25)}],
  ['Softsign'],
  ['Mish'],
  ['Swish', {alpha: float(1.5)}],
  ['Selu'],
  ['Celu', {alpha: float(2)}],
  ['Gelu'],
  ['Gelu', {approximate: 'tanh'}],
  // Every type that a value can become.
  ...[2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 16].map((to): Op => ['Cast', {to}]),
];

const BINARY: readonly Op[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Mean', 'PRelu'].map((op): Op => [op]),
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'].map((op): Op => [op]),
  ['Mod', {fmod: 1}],
];

const INTEGER: readonly Op[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Min', 'Max', 'Equal'].map((op): Op => [op]),
  ['Mod', {fmod: 1}],
];

test('functions of one value', async t => {
  await agree(t, UNARY, [{name: 'x', dims: [VALUES.length], data: VALUES}]);
});

test('functions of two values, broadcast', async t => {
  const operands = [
    {name: 'a', dims: [SPECIAL.length, SPECIAL.length], data: pairs(SPECIAL)},
    {name: 'b', dims: [SPECIAL.length], data: SPECIAL},
  ];
  await agree(t, BINARY, operands);
});

test('functions of integers', async t => {
  const data = [-128, -127, -100, -7, -3, -1, 1, 2, 3, 7, 100, 127];
  const dtype = 'int8';
  await agree(t, INTEGER, [
    {name: 'a', dims: [data.length, data.length], data: pairs(data), dtype},
    {name: 'b', dims: [data.length], data, dtype},
  ]);
  await agree(t, [['Neg'], ['Abs'], ['Sign']], [{name: 'x', dims: [data.length], data, dtype}]);
});

test('Where keeps what is not chosen out of the result', async t => {
  const condition = {
    name: 'c',
    dims: [13, 1],
    data: SPECIAL.map((_, at) => at % 2),
    dtype: 'bool',
  } as const;
  for (const [left, right] of [
    [[13, 13], [13]],
    [[1], [13]],
    [[13], []],
    [[], [1, 1]],
  ] as const) {
    const values = (dims: readonly number[]) =>
      dims.length === 2 && dims[0] === 13
        ? pairs(SPECIAL)
        : SPECIAL.slice(
            0,
            dims.reduce((a, b) => a * b, 1),
          );
    await agree(
      t,
      [['Where']],
      [
        condition,
        {name: 'a', dims: left, data: values(left)},
        {name: 'b', dims: right, data: values(right)},
      ],
    );
  }
});

/** Row i holds the i-th of `values`. */
function pairs(values: readonly number[]): number[] {
  return values.flatMap(value => values.map(() => value));
}

interface Operand {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: readonly number[];
  readonly dtype?: DataType;
}

/** Every operator of `ops` over the same operands, natively and interpreted. */
async function agree(
  t: ExecutionContext,
  ops: readonly Op[],
  operands: readonly Operand[],
): Promise<void> {
  const names = operands.map(({name}) => name);
  const bytes = model({
    opset: 24,
    inputs: operands.map(({name, dims, dtype = 'float32'}) => ({name, dims, dtype})),
    outputs: ops.map((_, index) => ({name: `y${index}`})),
    nodes: ops.map(([op, attrs = {}], index) => ({
      op,
      inputs: names,
      outputs: [`y${index}`],
      attrs,
    })),
  });
  const program = compile(bytes);
  const inputs = operands.map(({data}) => Float32Array.from(data));
  const expected = interpret(decodeProgram(program.bytes), inputs, {count: false}).outputs;
  const session = await open(program, {threads: 2});
  const results = await session.run(
    Object.fromEntries(names.map((name, at) => [name, inputs[at]!])),
  );
  await session.dispose();
  for (const [index, [op, attrs]] of ops.entries()) {
    const actual = results[`y${index}`]!.data;
    const worst = expected[index]!.findIndex((value, at) => !isClose(actual[at]!, value, actual));
    t.is(
      worst,
      -1,
      `${op} ${JSON.stringify(attrs)}: ${actual[worst]} for ${expected[index]![worst]}, element ${worst}`,
    );
  }
}

/** @param actual an element of the type that the output has for the caller, whose range the program's f32 may pass */
function isClose(actual: number | bigint, expected: number, outputs: OutputArray): boolean {
  if (typeof actual === 'bigint') {
    const whole = Number.isFinite(expected) ? BigInt(expected) : 0n;
    return BigInt.asIntN(64, whole) === BigInt.asIntN(64, actual);
  }
  if (outputs instanceof Uint32Array) return actual === expected >>> 0;
  if (!Number.isFinite(expected)) return Object.is(actual, expected);
  return Math.abs(actual - expected) <= 1e-6 * Math.max(Math.abs(expected), 1);
}
