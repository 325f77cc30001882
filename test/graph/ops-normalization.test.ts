import test from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import type {Graph} from '../../src/graph/graph.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {float, model, type NodeSpec} from '../helpers/onnx-builder.js';
import {errorOf, floats, type OneNode, operationNames, runGraph, runOne} from './build-one.js';
import {evaluateGraph} from './evaluate.js';

const EPSILON = 0.25;
const ATTRS = {epsilon: float(EPSILON)};

/** (v - mean) / sqrt(variance + epsilon) of one group. */
function standard(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return values.map(value => (value - mean) / Math.sqrt(variance + EPSILON));
}

function assertClose(
  t: {true(value: boolean, message?: string): void},
  actual: ArrayLike<number>,
  expected: readonly number[],
): void {
  t.true(
    actual.length === expected.length &&
      expected.every(
        (value, at) => Math.abs(value - actual[at]!) <= 1e-6 * Math.max(1, Math.abs(value)),
      ),
    `expected ${expected} but received ${Array.from(actual)}`,
  );
}

const WAVE = Array.from({length: 48}, (_, i) => ((i * 5) % 7) - 2 + (i % 4));

test('LayerNormalization standardises the axes from `axis` on', t => {
  const scale = [2, -1, 0.5, 3];
  const bias = [1, 0, -1, 2];
  const spec: OneNode = {
    op: 'LayerNormalization',
    x: [3, 4],
    constants: [floats([4], scale), floats([4], bias)],
    attrs: ATTRS,
    opset: 17,
  };
  const rows = [0, 4, 8].flatMap(first =>
    standard(WAVE.slice(first, first + 4)).map((value, c) => value * scale[c]! + bias[c]!),
  );
  assertClose(t, runOne(spec, WAVE.slice(0, 12)).data, rows);

  const whole = runOne(
    {
      ...spec,
      x: [2, 2, 3],
      constants: [floats([2, 3], Array(6).fill(1))],
      attrs: {...ATTRS, axis: -2},
    },
    WAVE.slice(0, 12),
  );
  assertClose(t, whole.data, [...standard(WAVE.slice(0, 6)), ...standard(WAVE.slice(6, 12))]);
  t.is(errorOf({...spec, opset: 16})?.code, 'ERR_OP_UNSUPPORTED');
  t.is(errorOf({...spec, constants: [floats([3], [1, 2, 3])]})?.code, 'ERR_MODEL_INVALID');
});

test('LayerNormalization gives mean and inverse deviation where they are asked for', t => {
  const bytes = model({
    opset: 17,
    inputs: [{name: 'x', dims: [2, 3]}],
    outputs: [{name: 'y'}, {name: 'mean'}, {name: 'inverse'}],
    nodes: [
      {
        op: 'LayerNormalization',
        inputs: ['x', 's'],
        outputs: ['y', 'mean', 'inverse'],
        attrs: ATTRS,
      },
    ],
    initializers: {s: floats([3], [1, 1, 1])},
  });
  const graph = buildGraph(decodeModel(bytes), {shapes: {}});
  const values = evaluateGraph(graph, new Map([['x', [1, 2, 6, 5, 5, 5]]]));
  assertClose(t, values.get('y')!.data, [...standard([1, 2, 6]), 0, 0, 0]);
  t.deepEqual(values.get('mean'), {shape: [2, 1], data: Float64Array.of(3, 5)});
  assertClose(t, values.get('inverse')!.data, [1 / Math.sqrt(14 / 3 + EPSILON), 2]);
});

test('GroupNormalization has scales per group before opset 21, then per channel', t => {
  const group = (first: number) => standard(WAVE.slice(first, first + 6));
  const run = (opset: number, scale: number[], bias: number[]) =>
    runOne(
      {
        op: 'GroupNormalization',
        x: [2, 4, 3],
        constants: [floats([scale.length], scale), floats([bias.length], bias)],
        attrs: {...ATTRS, num_groups: 2},
        opset,
      },
      WAVE.slice(0, 24),
    ).data;
  const scaled = (scales: readonly number[], biases: readonly number[]) =>
    [0, 6, 12, 18].flatMap((first, index) =>
      group(first).map((value, at) => {
        const channel = (index % 2) * 2 + Math.floor(at / 3);
        return value * scales[channel]! + biases[channel]!;
      }),
    );
  assertClose(t, run(18, [2, 3], [1, -1]), scaled([2, 2, 3, 3], [1, 1, -1, -1]));
  assertClose(t, run(21, [2, 3, 4, 5], [0, 1, 2, 3]), scaled([2, 3, 4, 5], [0, 1, 2, 3]));
  const invalid = {op: 'GroupNormalization', x: [2, 4, 3], constants: [floats([4], [1, 1, 1, 1])]};
  t.is(errorOf({...invalid, attrs: {num_groups: 3}, opset: 21})?.code, 'ERR_MODEL_INVALID');
  t.is(errorOf({...invalid, opset: 21})?.code, 'ERR_MODEL_INVALID');
});

/** One node over inputs x and p0, p1, ...: nothing is constant. */
function computed(
  node: Omit<NodeSpec, 'inputs' | 'outputs'>,
  shapes: readonly number[][],
  opset: number,
): Graph {
  const names = shapes.map((_, index) => (index === 0 ? 'x' : `p${index - 1}`));
  const bytes = model({
    opset,
    inputs: names.map((name, index) => ({name, dims: shapes[index]!})),
    outputs: [{name: 'y'}],
    nodes: [{...node, inputs: names, outputs: ['y']}],
  });
  return buildGraph(decodeModel(bytes), {shapes: {}});
}

function evaluate(graph: Graph, ...values: readonly number[][]): Float64Array {
  const inputs = new Map(graph.inputs.map((name, index) => [name, values[index]!]));
  return evaluateGraph(graph, inputs).get('y')!.data;
}

test('InstanceNormalization takes scales and biases that are computed, over any number of axes', t => {
  const channels = [standard(WAVE.slice(0, 8)), standard(WAVE.slice(8, 16))];
  const expected = [
    ...channels[0]!.map(value => value * 2 + 1),
    ...channels[1]!.map(value => value * -3),
  ];
  for (const shape of [
    [1, 2, 8],
    [1, 2, 2, 4],
    [1, 2, 2, 2, 2],
    [1, 2, 1, 2, 2, 2],
  ]) {
    const graph = computed({op: 'InstanceNormalization', attrs: ATTRS}, [shape, [2], [2]], 13);
    assertClose(t, evaluate(graph, WAVE.slice(0, 16), [2, -3], [1, 0]), expected);
    const constants = [floats([2], [2, -3]), floats([2], [1, 0])];
    const constant = runOne(
      {op: 'InstanceNormalization', x: shape, constants, attrs: ATTRS},
      WAVE.slice(0, 16),
    );
    assertClose(t, constant.data, expected);
  }
});

test('BatchNormalization takes statistics that are computed, over any number of axes', t => {
  const [scale, bias, mean, variance] = [
    [2, 3],
    [1, -1],
    [0.5, 2],
    [3.75, 0],
  ];
  const normal = (value: number, c: number) =>
    ((value - mean![c]!) / Math.sqrt(variance![c]! + EPSILON)) * scale![c]! + bias![c]!;
  for (const shape of [
    [3, 2],
    [1, 2, 3],
    [1, 2, 3, 1],
    [1, 2, 1, 3, 1],
  ]) {
    for (const opset of [7, 9, 14, 15]) {
      const graph = computed(
        {op: 'BatchNormalization', attrs: ATTRS},
        [shape, [2], [2], [2], [2]],
        opset,
      );
      const channelOf = (at: number) => (shape.length === 2 ? at % 2 : Math.floor(at / 3));
      const expected = WAVE.slice(0, 6).map((value, at) => normal(value, channelOf(at)));
      const values = [scale!, bias!, mean!, variance!];
      assertClose(t, evaluate(graph, WAVE.slice(0, 6), ...values), expected);
    }
  }
});

test('BatchNormalization per element and over a list of numbers; training is refused', t => {
  const four = (data: number[]) => floats([2, 2], data);
  const perElement = runOne(
    {
      op: 'BatchNormalization',
      x: [1, 2, 2],
      constants: [four([1, 2, 3, 4]), four([0, 0, 1, 1]), four([1, 1, 1, 1]), four([0, 0, 0, 0])],
      attrs: {...ATTRS, spatial: 0},
      opset: 8,
    },
    [2, 2, 2, 3],
  );
  assertClose(t, perElement.data, [2, 4, 7, 17]);
  const one = (value: number) => floats([1], [value]);
  const list: OneNode = {
    op: 'BatchNormalization',
    x: [3],
    constants: [one(2), one(1), one(0), one(0)],
    attrs: ATTRS,
  };
  assertClose(t, runOne(list, [1, 2, 3]).data, [5, 9, 13]);
  t.is(errorOf({...list, attrs: {training_mode: 1}, opset: 15})?.code, 'ERR_OP_UNSUPPORTED');
  t.is(errorOf({...list, attrs: {spatial: 0}, opset: 9})?.code, 'ERR_OP_UNSUPPORTED');
});

test('RMSNormalization divides by the root of the mean square', t => {
  const spec: OneNode = {
    op: 'RMSNormalization',
    x: [2, 2],
    constants: [floats([2], [2, 3])],
    attrs: {epsilon: float(0.5)},
    opset: 23,
  };
  const root = Math.sqrt(12.5 + 0.5);
  assertClose(t, runOne(spec, [3, 4, 0, 0]).data, [6 / root, 12 / root, 0, 0]);
  t.is(errorOf({...spec, opset: 22})?.code, 'ERR_OP_UNSUPPORTED');
});

test('LpNormalization gives vectors of norm 1, and zeros for zeros', t => {
  const run = (attrs: NonNullable<OneNode['attrs']>, x: readonly number[]) =>
    runOne({op: 'LpNormalization', x: [2, 2], attrs}, x).data;
  assertClose(t, run({}, [3, -4, 0, 0]), [0.6, -0.8, 0, 0]);
  assertClose(t, run({p: 1}, [3, -1, 0, 5]), [0.75, -0.25, 0, 1]);
  assertClose(t, run({axis: 0}, [3, 0, 4, 2]), [0.6, 0, 0.8, 1]);
  t.is(errorOf({op: 'LpNormalization', x: [2, 2], attrs: {p: 3}})?.code, 'ERR_OP_UNSUPPORTED');
});

test('MeanVarianceNormalization works over batch and space unless told otherwise', t => {
  const x = [1, 2, 10, 20, 3, 4, 30, 40];
  const unit = (values: readonly number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return values.map(value => (value - mean) / Math.sqrt(variance));
  };
  const [a, b] = [unit([1, 2, 3, 4]), unit([10, 20, 30, 40])] as [number[], number[]];
  const mvn = (attrs: NonNullable<OneNode['attrs']>) =>
    runOne({op: 'MeanVarianceNormalization', x: [2, 2, 1, 2], attrs}, x).data;
  assertClose(t, mvn({}), [a[0]!, a[1]!, b[0]!, b[1]!, a[2]!, a[3]!, b[2]!, b[3]!]);
  assertClose(t, mvn({axes: [-1]}), [-1, 1, -1, 1, -1, 1, -1, 1]);
});

test('a layer normalisation is one standardisation and one chain', t => {
  const graph = computed({op: 'LayerNormalization'}, [[2, 3, 4], [4], [4]], 17);
  t.deepEqual(operationNames(graph), ['standardize', 'chain', 'chain']);
  t.is(runGraph(graph).shape.length, 3);
});
