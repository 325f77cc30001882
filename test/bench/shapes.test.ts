import test from 'ava';
import {modelTask} from '../../bench/contenders/contender.js';
import {rowMacs} from '../../bench/models/compile-row.js';
import {netMacs} from '../../bench/models/generators.js';
import {trainedFiles, trainedShapes} from '../../bench/models/trained.js';
import {
  type Layer,
  layerMacs,
  type Net,
  outputSize,
  readQuickIds,
  readRows,
  type TrainedModel,
} from '../../bench/shapes.js';

const ROWS = readRows();

function layer(id: string): Layer {
  return ROWS.find((row): row is Layer => row.kind === 'layer' && row.id === id)!;
}

test('ids are unique, and the quick rows are a dozen of them', t => {
  const ids = new Set(ROWS.map(({id}) => id));
  t.is(ids.size, ROWS.length);
  t.deepEqual(
    [...readQuickIds()].filter(id => !ids.has(id)),
    [],
  );
  t.is(readQuickIds().size, 12);
});

test('output sizes follow ONNX', t => {
  t.deepEqual(outputSize(layer('dcgan_k5_1')), [8, 8]);
  t.deepEqual(outputSize(layer('s3_k5')), [96, 96]);
  t.deepEqual(outputSize(layer('odd_rect')), [74, 106]);
  t.deepEqual(outputSize(layer('aspp_d18')), [33, 33]);
});

test('MACs of layers are those of the literature, with and without padding', t => {
  t.deepEqual(layerMacs(layer('dcgan_k5_1')), {nominal: 209_715_200, inBounds: 151_519_232});
  t.deepEqual(layerMacs(layer('fcn_k16s8')), {nominal: 462_422_016, inBounds: 455_224_896});
  t.deepEqual(layerMacs(layer('dw_bilinear')), {nominal: 4_194_304, inBounds: 4_129_024});
  t.deepEqual(layerMacs(layer('aspp_d12')), {nominal: 5_138_546_688, inBounds: 2_949_120_000});
});

test('MACs of nets are the sums of their convolutions', t => {
  const nets = ROWS.filter((row): row is Net => row.kind === 'net');
  const gigaflops = nets.map(net => [net.id, ((2 * netMacs(net).nominal) / 1e9).toFixed(2)]);
  t.deepEqual(Object.fromEntries(gigaflops), {
    dcgan_k4: '0.82',
    dcgan_k5: '1.28',
    dcgan_k4_b8: '6.57',
    cyclegan_256: '99.10',
    unet_256: '24.15',
  });
});

test('a trained model has the shapes of its own inputs, or is said to be absent', t => {
  const row = ROWS.find((each): each is TrainedModel => each.id === 'cvae-quickdraw')!;
  const task = modelTask(row, 2);
  const files = trainedFiles(row);
  if (files === null) {
    t.deepEqual(task, {absent: 'the model is not on this machine'});
    return;
  }
  t.deepEqual(trainedShapes(files), {latent: [3, 16], label: [3, 51]});
  t.like(task, {model: files.model, inputs: files.inputs.join(','), threads: 2});
  const {nominal, inBounds} = rowMacs(row);
  t.true(inBounds > 2_000_000 && inBounds <= nominal);
});
