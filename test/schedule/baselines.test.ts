// The baselines against the layer tables: every MMAC and MB column, to the printed precision.

import test from 'ava';
import type {ConvGeometry} from '../../src/graph/graph.js';
import {
  type BaselineConv,
  type ConvBaselines,
  convBaselines,
} from '../../src/schedule/baselines.js';
import {chooseCandidate, convProblem} from '../../src/schedule/candidates.js';
import {planeConv} from '../../src/untangle/conv.js';
import {DILATED, TRANSPOSED} from './layer-tables.js';
import {mapView} from './views.js';

function geometry(
  transposed: boolean,
  kernel: number,
  stride: number,
  dilation: number,
  pad: number,
): ConvGeometry {
  return {
    transposed,
    groups: 1,
    kernel: [kernel, kernel],
    strides: [stride, stride],
    dilations: [dilation, dilation],
    padBegin: [pad, pad],
  };
}

function describe(
  conv: ConvGeometry,
  input: readonly number[],
  output: readonly number[],
): BaselineConv {
  const plane = planeConv(conv, input.slice(0, 2), output.slice(0, 2));
  return {plane, batch: 1, groups: 1, inChannels: input[2]!, outChannels: output[2]!};
}

function inBoundsMacs(
  conv: ConvGeometry,
  input: readonly number[],
  output: readonly number[],
): number {
  const operands = {
    x: mapView([1, ...input]),
    y: mapView([1, ...output]),
    residual: null,
    hasBias: false,
    hasSlope: false,
    hasActivation: false,
  };
  return chooseCandidate(convProblem(conv, operands), 'cks').counts.macs;
}

const traffic = ({readBytes, writtenBytes}: ConvBaselines['gemmCol2im']): number =>
  readBytes + writtenBytes;
const floorBytes = (input: readonly number[], output: readonly number[], kernel: number): number =>
  4 * (product(input) + product(output) + kernel * kernel * input[2]! * output[2]!);
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** 10^6 of something as the tables print it: 3 digits below 1000, one decimal below 100. */
const millions = (value: number): number => {
  const scaled = value / 1e6;
  return scaled >= 99.95 ? Math.round(scaled) : Math.round(scaled * 10) / 10;
};

for (const [{name, input, output, kernel, stride, pad}, macs, bytes] of TRANSPOSED) {
  test(`${name}: MACs and bytes are those of the table`, t => {
    const conv = geometry(true, kernel, stride, 1, pad);
    const {zeroInsertIm2col, zeroInsertDirect, gemmCol2im} = convBaselines(
      describe(conv, input, output),
    );
    const phases =
      (product(output.slice(0, 2)) / stride ** 2) * kernel ** 2 * input[2]! * output[2]!;

    t.deepEqual([zeroInsertIm2col.macs, phases, inBoundsMacs(conv, input, output)].map(millions), [
      ...macs,
    ]);
    t.is(zeroInsertDirect.macs, zeroInsertIm2col.macs);
    t.is(gemmCol2im.macs, product(input) * kernel ** 2 * output[2]!);
    t.deepEqual(
      [
        traffic(zeroInsertIm2col),
        traffic(zeroInsertDirect),
        traffic(gemmCol2im),
        floorBytes(input, output, kernel),
      ].map(millions),
      [...bytes],
    );
  });
}

for (const [name, [height, width, inChannels, outChannels, rate], macs, bytes] of DILATED) {
  test(`${name}: MACs and bytes are those of the table`, t => {
    const input = [height!, width!, inChannels!];
    const output = [height!, width!, outChannels!];
    const conv = geometry(false, 3, 1, rate!, rate!);
    const {zeroInsertIm2col, zeroInsertDirect, gemmCol2im} = convBaselines(
      describe(conv, input, output),
    );
    // The tables print the stuffed kernel alone.
    const stuffedKernel = traffic(zeroInsertDirect) - 4 * (product(input) + product(output));

    t.deepEqual(
      [zeroInsertDirect.macs, zeroInsertIm2col.macs, inBoundsMacs(conv, input, output)].map(
        millions,
      ),
      [...macs],
    );
    t.deepEqual(
      [stuffedKernel, traffic(zeroInsertIm2col), floorBytes(input, output, 3)].map(millions),
      [...bytes],
    );
    t.deepEqual(gemmCol2im, zeroInsertIm2col);
  });
}

test('a pointwise convolution is a matrix product: no baseline needs a buffer', t => {
  for (const transposed of [false, true]) {
    const baselines = convBaselines(
      describe(geometry(transposed, 1, 1, 1, 0), [5, 7, 3], [5, 7, 4]),
    );
    const expected = {
      macs: 5 * 7 * 12,
      readBytes: 4 * (105 + 12),
      writtenBytes: 4 * 140,
      scratchBytes: 0,
    };
    t.deepEqual(baselines, {
      zeroInsertIm2col: expected,
      zeroInsertDirect: expected,
      gemmCol2im: expected,
      upsampledBytes: 0,
    });
  }
});

test('scratch is what one image needs: upsampled map and im2col, upsampled map, col buffer', t => {
  const conv = {...describe(geometry(true, 4, 2, 1, 1), [4, 4, 8], [8, 8, 2]), batch: 3};
  const {zeroInsertIm2col, zeroInsertDirect, gemmCol2im} = convBaselines(conv);
  const upsampled = 11 * 11 * 8 * 4;
  t.is(zeroInsertDirect.scratchBytes, upsampled);
  t.is(zeroInsertIm2col.scratchBytes, upsampled + 64 * 16 * 8 * 4);
  t.is(gemmCol2im.scratchBytes, 16 * 16 * 2 * 4);
  t.is(
    traffic(zeroInsertDirect),
    3 * 4 * (4 * 4 * 8 + 8 * 8 * 2) + 3 * 2 * upsampled + 4 * 16 * 16,
  );
});

test('three axes multiply in every baseline', t => {
  const conv: ConvGeometry = {
    transposed: true,
    groups: 1,
    kernel: [2, 4, 4],
    strides: [2, 2, 2],
    dilations: [1, 1, 1],
    padBegin: [0, 1, 1],
  };
  const plane = planeConv(conv, [3, 4, 5], [6, 8, 10]);
  const {zeroInsertIm2col, zeroInsertDirect, gemmCol2im} = convBaselines({
    plane,
    batch: 1,
    groups: 1,
    inChannels: 3,
    outChannels: 2,
  });
  const [inPixels, outPixels, kernel] = [3 * 4 * 5, 6 * 8 * 10, 2 * 4 * 4];
  const upsampled = 7 * 11 * 13 * 3 * 4;
  t.is(zeroInsertDirect.scratchBytes, upsampled);
  t.is(zeroInsertIm2col.scratchBytes, upsampled + outPixels * kernel * 3 * 4);
  t.is(gemmCol2im.scratchBytes, inPixels * kernel * 2 * 4);
  t.deepEqual(
    [zeroInsertDirect.macs, gemmCol2im.macs],
    [outPixels * kernel * 6, inPixels * kernel * 6],
  );
});

test('EB-GAN 256: the upsampled maps of its strided layers take 35.5 MB together, 17.2 MB at a time', t => {
  // arXiv:2502.20493 saves 35 MB there. The first layer has a stride of 1 and no such map.
  const channels = [100, 2048, 1024, 512, 256, 128, 64, 3];
  const maps = channels.slice(1).map((outChannels, index) => {
    const size = index === 0 ? 1 : 2 ** (index + 1);
    const [stride, pad, outSize] = index === 0 ? [1, 0, 4] : [2, 1, 2 * size];
    const conv = geometry(true, 4, stride, 1, pad);
    const [input, output] = [
      [size, size, channels[index]!],
      [outSize, outSize, outChannels],
    ];
    return convBaselines(describe(conv, input, output)).upsampledBytes;
  });
  t.is(maps[0], 0);
  t.is(
    maps.reduce((sum, bytes) => sum + bytes, 0),
    35_534_592,
  );
  t.is(Math.max(...maps), 17_172_736);
});
