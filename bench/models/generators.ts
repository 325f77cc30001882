// The whole generators of the list, with the layers of their papers and made-up weights.

import type {Macs, Net} from '../shapes.js';
import {NetBuilder} from './net-builder.js';
import type {ModelSpec} from './onnx-file.js';

/** The generator as an ONNX model; its weights take megabytes. */
export function netModel(net: Net): ModelSpec {
  return GENERATORS[net.generator](net).toModel();
}

/** Of all its convolutions. */
export function netMacs(net: Net): Macs {
  return GENERATORS[net.generator](net).macs();
}

const GENERATORS: Readonly<Record<Net['generator'], (net: Net) => NetBuilder>> = {
  dcgan,
  cyclegan,
  unet,
};

/** DCGAN (arXiv:1511.06434): a code [N, 100, 1, 1] to a picture [N, 3, 64, 64], kernels of 4 or, as published, 5. */
function dcgan({input, kernel = 5}: Net): NetBuilder {
  const net = new NetBuilder(input);
  const [pad, outputPadding] = kernel === 5 ? [2, 1] : [1, 0];
  const up = {kernel, stride: 2, pad, outputPadding};
  net.convTranspose(1024, {kernel: 4, hasBias: false}).batchNorm().relu();
  for (const channels of [512, 256, 128])
    net
      .convTranspose(channels, {...up, hasBias: false})
      .batchNorm()
      .relu();
  return net.convTranspose(3, up).tanh();
}

/** CycleGAN (arXiv:1703.10593) with nine residual blocks, a picture to a picture. */
function cyclegan({input}: Net): NetBuilder {
  const net = new NetBuilder(input);
  const down = {kernel: 3, stride: 2, pad: 1};
  const up = {kernel: 3, stride: 2, pad: 1, outputPadding: 1};
  net.conv(64, {kernel: 7, reflects: true}).instanceNorm().relu();
  net.conv(128, down).instanceNorm().relu();
  net.conv(256, down).instanceNorm().relu();
  for (let block = 0; block < 9; block++) {
    const before = net.at;
    net.conv(256, {kernel: 3, reflects: true}).instanceNorm().relu();
    net.conv(256, {kernel: 3, reflects: true}).instanceNorm().add(before);
  }
  net.convTranspose(128, up).instanceNorm().relu();
  net.convTranspose(64, up).instanceNorm().relu();
  return net.conv(3, {kernel: 7, reflects: true}).tanh();
}

/** U-Net (arXiv:1505.04597) with padded convolutions and 32 to 512 channels, a picture to two classes. */
function unet({input}: Net): NetBuilder {
  const net = new NetBuilder(input);
  const pairOfConvs = (channels: number): void => {
    for (let conv = 0; conv < 2; conv++)
      net.conv(channels, {kernel: 3, hasBias: false}).batchNorm().relu();
  };
  const skips = [32, 64, 128, 256].map(channels => {
    pairOfConvs(channels);
    const skip = net.at;
    net.maxPool();
    return skip;
  });
  pairOfConvs(512);
  for (const skip of skips.reverse()) {
    net.convTranspose(skip.channels, {kernel: 2, stride: 2}).concat(skip);
    pairOfConvs(skip.channels);
  }
  return net.conv(2, {kernel: 1});
}

/** EB-GAN (arXiv:1609.03126) for pictures of 256 pixels: 2048 to 64 channels, each layer twice as wide. */
export function ebganModel(): ModelSpec {
  const net = new NetBuilder([1, 100, 1, 1]);
  const up = {kernel: 4, stride: 2, pad: 1, outputPadding: 0};
  net.convTranspose(2048, {kernel: 4, hasBias: false}).batchNorm().relu();
  for (const channels of [1024, 512, 256, 128, 64])
    net
      .convTranspose(channels, {...up, hasBias: false})
      .batchNorm()
      .relu();
  return net.convTranspose(3, up).tanh().toModel();
}
