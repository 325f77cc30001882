import test from 'ava';
import {netModel} from '../../bench/models/generators.js';
import {hashValues} from '../../bench/models/hash.js';
import {layerModel} from '../../bench/models/layer-model.js';
import {NetBuilder} from '../../bench/models/net-builder.js';
import {model} from '../../bench/models/onnx-file.js';
import type {Layer, Net} from '../../bench/shapes.js';
import {compile} from '../../src/index.js';
import {convReference, convTransposeReference} from '../reference/conv.js';
import {layerInput, layerReference, nmse, runModel} from './reference.js';
import {SMALL_LAYERS} from './small-layers.js';

test('hashed values are in [-0.5, 0.5), spread out, and the same for all contenders', t => {
  const values = hashValues(10_000, 3);
  t.true(values.every(value => value >= -0.5 && value < 0.5));
  t.true(Math.abs(values.reduce((sum, value) => sum + value, 0)) < 100);
  // The workers in Python and C++ make the same.
  t.deepEqual(
    [...hashValues(3, 1)].map(value => value * 2 ** 24),
    [-8258331, 2052182, -7889074],
  );
});

const grouped: Layer = {
  kind: 'layer',
  id: 'grouped',
  family: 'small',
  op: 'transposed',
  batch: 1,
  inChannels: 4,
  outChannels: 4,
  input: [5, 4],
  kernel: 4,
  stride: 2,
  pad: 1,
  outputPadding: 0,
  dilation: 1,
  groups: 4,
};

for (const layer of [...SMALL_LAYERS, grouped]) {
  test(`the model of layer ${layer.id} computes its definition`, async t => {
    const {y} = await runModel(layerModel(layer), layerInput(layer));
    const expected = layerReference(layer);
    t.is(y.length, expected.length);
    t.true(nmse(y, expected) < 1e-10);
  });
}

test('a net is its layers one after the other', async t => {
  const net = new NetBuilder([1, 2, 3, 3]);
  net.conv(3, {kernel: 3, hasBias: false}).relu();
  net.convTranspose(2, {kernel: 2, stride: 2, hasBias: false});
  const spec = net.toModel();
  const {w1, w2} = spec.initializers!;
  const shared = {batch: 1, groups: 1, dilations: [1, 1], input: [3, 3]};
  const x = hashValues(18, 3);
  const first = convReference(
    {
      ...shared,
      inChannels: 2,
      outChannels: 3,
      output: [3, 3],
      kernel: [3, 3],
      strides: [1, 1],
      padBegin: [1, 1],
    },
    x,
    w1!.data,
  ).map(value => Math.max(0, value));
  const second = convTransposeReference(
    {
      ...shared,
      inChannels: 3,
      outChannels: 2,
      output: [6, 6],
      kernel: [2, 2],
      strides: [2, 2],
      padBegin: [0, 0],
    },
    first,
    w2!.data,
  );
  const {y} = await runModel(spec, x);
  t.true(nmse(y, second) < 1e-10);
});

const small = {kind: 'net', family: 'nets'} as const;
const nets: readonly (readonly [Net, readonly number[]])[] = [
  [{...small, id: 'dcgan', generator: 'dcgan', input: [2, 100, 1, 1], kernel: 5}, [2, 3, 64, 64]],
  [{...small, id: 'cyclegan', generator: 'cyclegan', input: [1, 3, 16, 16]}, [1, 3, 16, 16]],
  [{...small, id: 'unet', generator: 'unet', input: [1, 3, 32, 16]}, [1, 2, 32, 16]],
];
for (const [net, shape] of nets) {
  test(`generator ${net.id} compiles to a picture`, t => {
    const {outputs} = compile(model(netModel(net))).explanation;
    t.deepEqual(
      outputs.map(output => output.shape),
      [shape],
    );
  });
}
