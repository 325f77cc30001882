import test from 'ava';
import {METHODS, type Method, methodModel, methodRefusal} from '../../bench/models/methods.js';
import {type Layer, outputSize, readRows} from '../../bench/shapes.js';
import {layerInput, layerReference, nmse, runModel} from './reference.js';
import {SMALL_LAYERS} from './small-layers.js';

/** MACs of the method's closed form: zeros inserted into a map or a kernel count, so does padding. */
function closedFormMacs(method: Method, layer: Layer): number {
  const {op, batch, inChannels, outChannels, kernel, dilation, input} = layer;
  const [height, width] = outputSize(layer);
  const pairs = batch * inChannels * outChannels;
  if (method === 'gemm-col2im') return pairs * kernel * kernel * input[0] * input[1];
  const isStuffed = op === 'conv' && method === 'zero-insert-direct';
  const taps = (isStuffed ? dilation * (kernel - 1) + 1 : kernel) ** 2;
  return pairs * taps * height * width;
}

for (const layer of SMALL_LAYERS) {
  for (const method of METHODS.filter(each => methodRefusal(each, layer) === null)) {
    test(`${method} of ${layer.id} computes the layer and multiplies every zero`, async t => {
      const spec = methodModel(method, layer);
      const {y, explanation} = await runModel(spec, layerInput(layer), {exact: true});
      t.true(nmse(y, layerReference(layer)) < 1e-10);
      t.is(explanation.totals.macs, closedFormMacs(method, layer));
    });
  }
}

test('transposed layers have all methods, dilated ones the two that insert zeros', t => {
  const counts = SMALL_LAYERS.map(
    layer => METHODS.filter(method => methodRefusal(method, layer) === null).length,
  );
  t.deepEqual(counts, [3, 3, 3, 3, 2, 2]);
});

test('what would not fit or makes no sense is refused with a reason', t => {
  const layers = new Map(readRows().map(row => [row.id, row as Layer]));
  const refusal = (method: Method, id: string) => methodRefusal(method, layers.get(id)!);
  t.is(refusal('zero-insert-im2col', 'fcn_k16s8'), 'it would hold a tensor of 5376 MiB');
  t.is(refusal('zero-insert-direct', 'aspp_d18'), 'it would hold a tensor of 2738 MiB');
  t.is(refusal('gemm-col2im', 'enet_d2'), 'only for transposed convolutions');
  t.is(refusal('gemm-col2im', 'dw_bilinear'), 'its graphs have no groups');
});
