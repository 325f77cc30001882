// Small generators whose weights are large beside their maps.

import {NetBuilder} from '../../bench/models/net-builder.js';
import {model} from '../../bench/models/onnx-file.js';

const UP = {kernel: 4, stride: 2, pad: 1, outputPadding: 0};

/** A code of 32 numbers to a picture of 32 x 32 in 1.9 MB of weights: five layers, one with a residual. */
export const GENERATOR = model(generator());

function generator() {
  const net = new NetBuilder([1, 32, 1, 1]);
  net.convTranspose(100, {kernel: 4, hasBias: false}).relu();
  net.convTranspose(120, UP).relu();
  const before = net.at;
  net.conv(120, {kernel: 3}).add(before).relu();
  net.convTranspose(40, UP).relu();
  return net.convTranspose(3, UP).tanh().toModel();
}

/** A feed for `GENERATOR`. */
export const CODE = {x: Float32Array.from({length: 32}, (_, i) => Math.sin(i + 1))};
