// GridSample from the ONNX node to the native executor, against loops; positions on both sides of every border.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {load} from '../../src/index.js';
import {errorOf, type OneNode} from '../graph/build-one.js';
import {model} from '../helpers/onnx-builder.js';
import {type GridSampleDefinition, gridSampleReference} from '../reference/grid-sample.js';
import {buildGraph} from '../schedule/lower-graph.js';
import {assertRuns} from '../schedule/lower-run.js';

const CASES = fc
  .record({
    batch: fc.integer({min: 1, max: 2}),
    channels: fc.constantFrom(1, 2, 17),
    input: fc.array(fc.integer({min: 1, max: 5}), {minLength: 2, maxLength: 3}),
    size: fc.array(fc.integer({min: 1, max: 4}), {minLength: 3, maxLength: 3}),
    mode: fc.constantFrom('nearest', 'linear', 'cubic'),
    padding: fc.constantFrom('zeros', 'border', 'reflection'),
    alignCorners: fc.boolean(),
    seed: fc.nat(1000),
  })
  .map(({size, mode, ...rest}) => ({
    ...rest,
    output: size.slice(0, rest.input.length),
    mode: rest.input.length === 3 && mode === 'cubic' ? 'linear' : mode,
  })) as fc.Arbitrary<GridSampleDefinition & {readonly seed: number}>;

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);

/** Multiples of 1/13, never halfway between two pixels, from -3 to 3. */
function positions(count: number, seed: number): Float32Array {
  return Float32Array.from({length: count}, (_, i) => (((i * 29 + seed * 7) % 79) - 39) / 13);
}

function modelOf(sample: GridSampleDefinition): Uint8Array {
  const {batch, channels, input, output, mode, padding, alignCorners} = sample;
  return model({
    opset: 20,
    inputs: [
      {name: 'x', dims: [batch, channels, ...input]},
      {name: 'grid', dims: [batch, ...output, input.length]},
    ],
    outputs: [{name: 'y'}],
    nodes: [
      {
        op: 'GridSample',
        inputs: ['x', 'grid'],
        outputs: ['y'],
        attrs: {mode, padding_mode: padding, align_corners: Number(alignCorners)},
      },
    ],
  });
}

test('random samples equal the definition on two threads', async t => {
  await t.notThrowsAsync(() =>
    fc.assert(
      fc.asyncProperty(CASES, async sample => {
        const {batch, channels, input, output} = sample;
        const x = Float32Array.from(
          {length: batch * channels * product(input)},
          (_, i) => ((i * 7) % 17) - 8,
        );
        const grid = positions(batch * product(output) * input.length, sample.seed);
        const session = await load(modelOf(sample), {threads: 2});
        const y = (await session.run({x, grid})).y!;
        await session.dispose();
        const expected = gridSampleReference(sample, x, grid);
        assert.equal(y.data.length, expected.length);
        expected.forEach((value, i) => {
          assert.ok(Math.abs(Number(y.data[i]) - value) < 1e-3, `${i}: ${y.data[i]} for ${value}`);
        });
      }),
      {numRuns: 300, seed: 20_241_107},
    ),
  );
});

test('positions of any size or none are read inside the map', async t => {
  const hostile = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38, -3e38];
  for (const padding of ['zeros', 'border', 'reflection'] as const) {
    for (const mode of ['nearest', 'linear', 'cubic'] as const) {
      const sample = {batch: 1, channels: 1, input: [2, 3], output: [1, 5], mode, padding};
      const session = await load(modelOf({...sample, alignCorners: false}), {threads: 1});
      const grid = Float32Array.from(hostile.flatMap(value => [value, -value]));
      const y = (await session.run({x: new Float32Array(6).fill(2), grid})).y!;
      await session.dispose();
      const expected = padding === 'zeros' ? 0 : 2;
      for (const value of y.data)
        t.true(Math.abs(Number(value) - expected) < 1e-5, `${mode} ${padding}`);
    }
  }
});

test('the map is read where it lies, and what is counted is touched', t => {
  const graph = buildGraph();
  const operation = {
    op: 'gridSample',
    mode: 'cubic',
    padding: 'border',
    alignCorners: true,
  } as const;
  const map = graph.add(
    {op: 'transpose', perm: [0, 3, 1, 2]},
    [graph.input([2, 4, 5, 3])],
    [2, 3, 4, 5],
  );
  const y = graph.add(operation, [map, graph.input([2, 2, 3, 2])], [2, 3, 2, 3]);
  graph.output(graph.add({op: 'transpose', perm: [0, 2, 3, 1]}, [y], [2, 2, 3, 3]));
  const steps = assertRuns(graph.build()).steps.map(step => step.op);
  t.deepEqual(steps, ['gridSample']);
});

test('grids that do not fit and cubic volumes are refused', t => {
  const spec = (x: number[], grid: number[], attrs: OneNode['attrs'] & object = {}): OneNode => ({
    op: 'GridSample',
    opset: 20,
    x,
    constants: [{dims: grid, data: new Float32Array(product(grid))}],
    attrs,
  });
  t.is(errorOf(spec([1, 1, 2, 2], [1, 2, 2, 2])), null);
  t.is(errorOf(spec([1, 1, 2, 2], [1, 2, 2, 3]))?.code, 'ERR_MODEL_INVALID');
  t.is(errorOf(spec([2, 1, 2, 2], [1, 2, 2, 2]))?.code, 'ERR_MODEL_INVALID');
  const volume = [
    [1, 1, 2, 2, 2],
    [1, 1, 1, 1, 3],
  ] as const;
  t.is(errorOf(spec([...volume[0]], [...volume[1]], {mode: 'cubic'}))?.code, 'ERR_OP_UNSUPPORTED');
  t.is(errorOf(spec([1, 1, 2], [1, 2, 1]))?.code, 'ERR_OP_UNSUPPORTED');
});
