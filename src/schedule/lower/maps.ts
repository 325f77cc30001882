// Operations on maps [N, H, W, C]: convolutions, gemms, pools and instance normalisation.

import type {Node, Operation} from '../../graph/graph.js';
import {type FoldedMap, foldDepth, toMap, toVolume} from '../map-view.js';
import type {View} from '../steps.js';
import {
  broadcastView,
  channelsLast,
  gemmRows,
  identityOrder,
  isInjective,
  sameStrides,
} from '../view-math.js';
import {type ConvIo, type ConvOptions, lowerConv} from './conv.js';
import {lowerDynamicConv} from './dynamic-conv.js';
import {denseCopy, emit, type Lowering, mapOf} from './lowering.js';

export type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

export function lowerConvolution(
  node: Node,
  operation: OperationOf<'conv' | 'dynamicConv'>,
  lowering: Lowering,
  options: ConvOptions,
): void {
  const {residual} = operation.epilogue;
  if (operation.geometry.kernel.length === 3) {
    lowerDeepConvolution(node, operation, lowering, options);
    return;
  }
  const isPlanar = lowering.planar.has(node.output);
  const value = node.inputs[0]!;
  const x = isPlanar
    ? toMap(lowering.view(value, lowering.orders.get(value)))
    : mapOf(lowering, {name: node.name, value});
  const added = residual === undefined ? null : residualMap(lowering, node, residual);
  // What x and the residual share is counted once, which views that step differently hide.
  const isHidden = added !== null && added.buffer === x.buffer && !sameStrides(added, x);
  const order = [0, 1, 2, 3];
  const places = {
    x: isInjective(x) ? x : denseCopy(lowering, node.name, {view: x, order}),
    y: toMap(lowering.target(node.output)),
    residual: isHidden ? denseCopy(lowering, node.name, {view: added, order}) : added,
  };
  const schedule = isPlanar ? 'planar' : options.schedule;
  emitConvolution(node, operation, places, lowering, {...options, schedule});
}

function emitConvolution(
  node: Node,
  operation: OperationOf<'conv' | 'dynamicConv'>,
  places: ConvIo,
  lowering: Lowering,
  options: ConvOptions,
): void {
  const steps =
    operation.op === 'conv'
      ? lowerConv(node, operation, places, lowering.buffers, options)
      : lowerDynamicConv(node, operation, places, lowering, options);
  for (const step of steps) lowering.emit(step);
}

/** Three axes: the rows of all planes become the rows of one map. */
function lowerDeepConvolution(
  node: Node,
  operation: OperationOf<'conv' | 'dynamicConv'>,
  lowering: Lowering,
  options: ConvOptions,
): void {
  const {residual} = operation.epilogue;
  const value = node.inputs[0]!;
  const x = foldedMap(lowering, node, lowering.view(value, lowering.orders.get(value)));
  const y = foldDepth(toVolume(lowering.target(node.output)))!;
  const places = {
    x: x.view,
    y: y.view,
    residual: residual === undefined ? null : foldedResidual(lowering, node, residual),
    folds: {input: x.fold, output: y.fold},
  };
  emitConvolution(node, operation, places, lowering, options);
}

/** A value [N, C, D, H, W] with its planes in the rows and channel stride 1, copied when it does not lie like that. */
function foldedMap(lowering: Lowering, node: Node, view: View): FoldedMap {
  const volume = toVolume(view);
  const folded = volume.strides[4] === 1 && isInjective(volume) ? foldDepth(volume) : null;
  if (folded !== null) return folded;
  const order = identityOrder(5);
  return foldDepth(denseCopy(lowering, node.name, {view: volume, order}))!;
}

/** What the epilogue adds, its planes as close as those of the output (see `canWrite`). */
function foldedResidual(lowering: Lowering, node: Node, value: string): View {
  const {shape} = lowering.graph.values.get(node.output)!;
  const view = broadcastView(residualView(lowering, node, value), shape);
  const {view: map, fold} = foldedMap(lowering, node, view);
  if (fold.pitch === fold.height) return map;
  const order = identityOrder(5);
  return foldDepth(denseCopy(lowering, node.name, {view: toVolume(view), order}))!.view;
}

/** What the epilogue adds, as a map of the output's shape; a constant [C, ...] repeats along the batch. */
export function residualMap(lowering: Lowering, node: Node, value: string): View {
  const {shape} = lowering.graph.values.get(node.output)!;
  const map = toMap(broadcastView(residualView(lowering, node, value), shape));
  const {shape: sizes, strides} = map;
  const repeats = strides.some((stride, dim) => dim > 0 && stride === 0 && sizes[dim] !== 1);
  return (strides[3] === 1 || lowering.planar.has(node.output)) && !repeats
    ? map
    : denseCopy(lowering, node.name, {view: map, order: [0, 1, 2, 3]});
}

/** The value that the epilogue adds, a constant laid out channels last. */
function residualView(lowering: Lowering, node: Node, value: string): View {
  const {shape} = lowering.graph.values.get(node.output)!;
  const constant = lowering.graph.constants.get(value);
  return constant
    ? lowering.view(value, channelsLastWithin(constant.dims.length, shape.length))
    : lowering.view(value, lowering.orders.get(value));
}

/** Channels-last for the last `rank` dimensions of a map of rank `mapRank`. */
function channelsLastWithin(rank: number, mapRank: number): number[] {
  const missing = mapRank - rank;
  return channelsLast(mapRank)
    .filter(dim => dim >= missing)
    .map(dim => dim - missing);
}

/** A gemm is a 1x1 convolution over its rows, the leading dimensions merged to at most two. */
export function lowerGemm(
  node: Node,
  operation: OperationOf<'gemm'>,
  lowering: Lowering,
  options: ConvOptions,
): void {
  const {residual} = operation.epilogue;
  const y = lowering.target(node.output);
  const names = [node.inputs[0]!, ...(residual === undefined ? [] : [residual])];
  const views = names.map(name => lowering.view(name));
  const split = identityOrder(y.shape.length).find(at =>
    [...views, y].every(view => gemmRows(view, at) !== null),
  );
  const writable = split ?? identityOrder(y.shape.length).find(at => gemmRows(y, at) !== null)!;
  const [x, addend] = views.map(view => {
    const rows = gemmRows(view, writable);
    const isUsable = rows !== null && isInjective(rows);
    return isUsable
      ? rows
      : gemmRows(
          denseCopy(lowering, node.name, {view, order: identityOrder(view.shape.length)}),
          writable,
        )!;
  });

  const places = {x: x!, y: gemmRows(y, writable)!, residual: addend ?? null};
  for (const step of lowerConv(node, operation, places, lowering.buffers, options))
    lowering.emit(step);
}

export function lowerPool(node: Node, operation: OperationOf<'pool'>, lowering: Lowering): void {
  const pair = (values: readonly number[], missing: number) =>
    [values.length > 1 ? values[0]! : missing, values.at(-1)!] as const;
  emit(lowering, {
    op: 'pool',
    name: node.name,
    schedule: '',
    x: mapOf(lowering, {name: node.name, value: node.inputs[0]!}),
    y: toMap(lowering.target(node.output)),
    fn: operation.fn,
    kernel: pair(operation.kernel, 1),
    strides: pair(operation.strides, 1),
    dilations: pair(operation.dilations, 1),
    padBegin: pair(operation.padBegin, 0),
    padEnd: pair(operation.padEnd, 0),
    countIncludePad: operation.countIncludePad,
  });
}
