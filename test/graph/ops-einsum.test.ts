import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {buildGraph} from '../../src/graph/build.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {model} from '../helpers/onnx-builder.js';
import {checkProperty} from '../helpers/properties.js';
import {errorIn} from './build-one.js';
import {evaluateGraph} from './evaluate.js';

function einsum(equation: string, shapes: readonly (readonly number[])[]) {
  const names = shapes.map((_, index) => `x${index}`);
  const bytes = model({
    opset: 13,
    inputs: shapes.map((dims, index) => ({name: names[index]!, dims})),
    outputs: [{name: 'y'}],
    nodes: [{op: 'Einsum', inputs: names, outputs: ['y'], attrs: {equation}}],
  });
  return buildGraph(decodeModel(bytes), {shapes: {}});
}

/** Small whole numbers, different for every operand. */
function dataOf(shape: readonly number[], seed: number): number[] {
  return Array.from(
    {length: shape.reduce((a, b) => a * b, 1)},
    (_, i) => ((i * 7 + seed * 5) % 9) - 4,
  );
}

function run(equation: string, shapes: readonly (readonly number[])[]) {
  const graph = einsum(equation, shapes);
  const inputs = shapes.map((shape, index) => [`x${index}`, dataOf(shape, index)] as const);
  const {shape, data} = evaluateGraph(graph, new Map(inputs)).get('y')!;
  return {shape, data: Array.from(data, value => value + 0)};
}

/** The sum over every index of all labels, by definition. */
function definition(equation: string, shapes: readonly (readonly number[])[]) {
  const [left, output] = equation.split('->') as [string, string];
  const inputs = left.split(',');
  const sizes = new Map(
    inputs.flatMap((part, k) => [...part].map((label, d) => [label, shapes[k]![d]!])),
  );
  const labels = [...output, ...[...sizes.keys()].filter(label => !output.includes(label))];
  const flat = (part: string, at: ReadonlyMap<string, number>) =>
    [...part].reduce((sum, label) => sum * sizes.get(label)! + at.get(label)!, 0);
  const shape = [...output].map(label => sizes.get(label)!);
  const data = new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0);
  const operands = shapes.map(dataOf);
  const walk = (depth: number, at: Map<string, number>): void => {
    if (depth === labels.length) {
      data[flat(output, at)]! += inputs.reduce(
        (product, part, k) => product * operands[k]![flat(part, at)]!,
        1,
      );
      return;
    }
    for (let i = 0; i < sizes.get(labels[depth]!)!; i++) walk(depth + 1, at.set(labels[depth]!, i));
  };
  walk(0, new Map());
  return {shape, data: data.map(value => value + 0)};
}

const SIZES: Readonly<Record<string, number>> = {a: 2, b: 3, c: 2, d: 1, e: 3};

const part = fc.shuffledSubarray(Object.keys(SIZES), {maxLength: 4});

test('random equations compute the sum they write down', t => {
  checkProperty(
    t,
    fc.tuple(fc.array(part, {minLength: 1, maxLength: 3}), part),
    ([parts, wanted]) => {
      const output = wanted.filter(label => parts.some(one => one.includes(label)));
      const equation = `${parts.map(one => one.join('')).join(',')}->${output.join('')}`;
      const shapes = parts.map(one => one.map(label => SIZES[label]!));
      assert.deepEqual(run(equation, shapes), definition(equation, shapes), equation);
    },
  );
});

test('an ellipsis stands for batch dimensions that broadcast; the output may be left out', t => {
  const {shape, data} = run('...ij, ...jk -> ...ik', [
    [4, 1, 2, 3],
    [5, 3, 2],
  ]);
  t.deepEqual(shape, [4, 5, 2, 2]);
  t.is(data.length, 80);
  t.deepEqual(run('ba', [[2, 3]]).shape, [3, 2]);
  t.deepEqual(
    run('ij,jk', [
      [2, 3],
      [3, 4],
    ]),
    run('ij,jk->ik', [
      [2, 3],
      [3, 4],
    ]),
  );
});

test('equations that do not fit, and diagonals, are refused by name', t => {
  const message = (equation: string, shapes: readonly (readonly number[])[]) =>
    errorIn(() => einsum(equation, shapes))?.message ?? '';
  t.regex(message('ii->i', [[2, 2]]), /Einsum with a diagonal \("ii"\)/);
  t.regex(message('ij->i', [[2]]), /expected an operand "ij" but received \[2\]/);
  t.regex(
    message('ij,jk->ik', [
      [2, 3],
      [4, 2],
    ]),
    /expected one size for "j" but received 3 and 4/,
  );
  t.regex(message('ij->k', [[2, 3]]), /expected every output label once/);
  t.regex(message('i', [[2], [2]]), /expected an equation over 2 operand/);
});
