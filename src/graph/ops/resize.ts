// Resize and Upsample as separable tables, one per axis.

import type {ResizeAxis} from '../graph.js';
import {type BuildContext, type Operand, type Registration, resolveAxes} from '../registration.js';
import {formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitBinary} from './chain.js';
import {type AxisRequest, COPY_AXIS, emptyRows, resampleAxis, tapsOf} from './resize-axis.js';

const COORDINATES = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
];

export const RESIZING: readonly Registration[] = [
  {
    opType: 'Resize',
    types: TYPES.any,
    since: 10,
    attributes: {
      antialias: {kind: 'int', since: 18},
      axes: {kind: 'ints', since: 18},
      coordinate_transformation_mode: {kind: 'string', since: 11, values: COORDINATES},
      cubic_coeff_a: {kind: 'float', since: 11},
      exclude_outside: {kind: 'int', since: 11},
      extrapolation_value: {kind: 'float', since: 11},
      keep_aspect_ratio_policy: {
        kind: 'string',
        since: 18,
        values: ['stretch', 'not_larger', 'not_smaller'],
      },
      mode: {kind: 'string', values: ['nearest', 'linear', 'cubic']},
      nearest_mode: {
        kind: 'string',
        since: 11,
        values: ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'],
      },
    },
    build: buildResize,
  },
  {
    opType: 'Upsample',
    types: TYPES.any,
    attributes: {
      mode: {kind: 'string', values: ['nearest', 'linear']},
      scales: {kind: 'floats', until: 8},
    },
    build: buildUpsample,
  },
];

/** New size and scale of one axis. */
interface AxisTarget {
  readonly outputSize: number;
  readonly scale: number;
  readonly length: number;
}

type Style = Omit<AxisRequest, 'inputSize' | 'region' | keyof AxisTarget>;

/** What Upsample and Resize 10 always do. */
const LEGACY_STYLE: Style = {
  mode: 'nearest',
  coordinates: 'asymmetric',
  nearest: 'simple',
  cubicA: -0.75,
  excludeOutside: false,
  antialias: false,
};

function buildUpsample(context: BuildContext): Operand {
  const {shape} = context.input(0);
  const scales =
    context.opset < 9
      ? (context.floats('scales') ?? context.fail('attribute scales is missing'))
      : Array.from(context.constantInput(1, 'scales').constant.data);
  const targets = scaleTargets(
    context,
    scales,
    shape.map((_, axis) => axis),
  );
  return emitResize(context, {...LEGACY_STYLE, mode: readMode(context)}, targets);
}

function buildResize(context: BuildContext): Operand {
  const {shape} = context.input(0);
  const all = shape.map((_, axis) => axis);
  const mode = readMode(context);
  if (context.opset < 11) {
    const scales = Array.from(context.constantInput(1, 'scales').constant.data);
    return emitResize(context, {...LEGACY_STYLE, mode}, scaleTargets(context, scales, all));
  }

  const axes = resolveAxes(context, context.ints('axes') ?? all, shape.length);
  const scales =
    context.optional(2) === undefined
      ? []
      : Array.from(context.constantInput(2, 'scales').constant.data);
  const targets =
    scales.length > 0 ? scaleTargets(context, scales, axes) : sizeTargets(context, axes);
  const style: Style = {
    mode,
    coordinates: context.string('coordinate_transformation_mode', 'half_pixel'),
    nearest: context.string('nearest_mode', 'round_prefer_floor'),
    cubicA: context.float('cubic_coeff_a', -0.75),
    excludeOutside: context.int('exclude_outside', 0) === 1,
    antialias: context.int('antialias', 0) === 1,
  };
  const isCrop = style.coordinates === 'tf_crop_and_resize';
  return emitResize(context, style, targets, isCrop ? readRegions(context, axes) : new Map());
}

function readMode(context: BuildContext): Style['mode'] {
  return context.string('mode', 'nearest') as Style['mode'];
}

function scaleTargets(
  context: BuildContext,
  scales: readonly number[],
  axes: readonly number[],
): Map<number, AxisTarget> {
  const {shape} = context.input(0);
  if (scales.length !== axes.length || scales.some(scale => !(scale > 0))) {
    context.fail(`expected ${axes.length} positive scales but received [${scales.join(', ')}]`);
  }
  // The region of tf_crop_and_resize does not shrink the result: that is how onnxruntime does it.
  return new Map(
    axes.map((axis, index) => {
      const length = Math.fround(shape[axis]! * scales[index]!);
      return [axis, {outputSize: Math.floor(length), scale: scales[index]!, length}];
    }),
  );
}

/** With a policy other than stretch, one scale for all axes keeps the aspect ratio. */
function sizeTargets(context: BuildContext, axes: readonly number[]): Map<number, AxisTarget> {
  const {shape} = context.input(0);
  const sizes = context.integers(3, 'sizes');
  if (sizes.length !== axes.length || sizes.some(size => !(size > 0))) {
    context.fail(`expected ${axes.length} positive sizes but received [${sizes.join(', ')}]`);
  }

  const policy = context.string('keep_aspect_ratio_policy', 'stretch');
  const ratios = axes.map((axis, index) => sizes[index]! / shape[axis]!);
  if (policy === 'stretch') {
    return new Map(
      axes.map((axis, index) => {
        const outputSize = sizes[index]!;
        return [axis, {outputSize, scale: ratios[index]!, length: outputSize}];
      }),
    );
  }
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return new Map(
    axes.map(axis => {
      const outputSize = Math.floor(scale * shape[axis]! + 0.5);
      return [axis, {outputSize, scale, length: outputSize}];
    }),
  );
}

/** The roi input [start.., end..] by axis. */
function readRegions(
  context: BuildContext,
  axes: readonly number[],
): Map<number, readonly [number, number]> {
  const roi = context.constantInput(1, 'roi').constant.data;
  if (roi.length !== 2 * axes.length) {
    context.fail(`expected ${2 * axes.length} roi values but received ${roi.length}`);
  }
  return new Map(axes.map((axis, index) => [axis, [roi[index]!, roi[axes.length + index]!]]));
}

function emitResize(
  context: BuildContext,
  style: Style,
  targets: ReadonlyMap<number, AxisTarget>,
  regions: ReadonlyMap<number, readonly [number, number]> = new Map(),
): Operand {
  const x = context.input(0);
  const shape = x.shape.map((size, axis) => targets.get(axis)?.outputSize ?? size);
  if (shape.some(size => size < 1)) {
    context.fail(
      `expected a result of at least one element per axis but ${formatShape(x.shape)} would become ${formatShape(shape)}`,
    );
  }

  const axes = x.shape.map((inputSize, axis) => {
    const target = targets.get(axis);
    if (target === undefined) return COPY_AXIS;
    const request = {...style, ...target, inputSize, region: regions.get(axis) ?? [0, 1]} as const;
    context.checkFolded([target.outputSize, tapsOf(request)]);
    return resampleAxis(request);
  });
  if (axes.every(axis => axis.taps === 0)) return x;
  const y = context.emit({op: 'resize', axes}, [x], shape);
  return emitExtrapolation(context, y, axes);
}

/** Adds the extrapolation value where some axis reads nothing. */
function emitExtrapolation(
  context: BuildContext,
  y: Operand,
  axes: readonly ResizeAxis[],
): Operand {
  const value = context.float('extrapolation_value', 0);
  const outside = axes.map(axis => emptyRows(axis));
  if (value === 0 || outside.every(rows => !rows.includes(true))) return y;
  const dims = outside.map((rows, axis) => (rows.includes(true) ? y.shape[axis]! : 1));
  context.checkFolded(dims);
  const data = outside.reduce<boolean[]>(
    (all, rows, axis) =>
      all.flatMap(known => Array.from({length: dims[axis]!}, (_, i) => known || rows[i] === true)),
    [false],
  );
  const added = Float32Array.from(data, isOutside => (isOutside ? value : 0));
  return emitBinary(context, 'add', y, context.constant({dtype: 'float32', dims, data: added}));
}
