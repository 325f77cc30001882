// Values as maps: the view that steps over images take.

import type {View} from './steps.js';
import {channelsLast, normalize, permuteView} from './view-math.js';

/** Planes of `height` rows, one after another in a map's rows, each `pitch` rows after the one before. */
export interface Fold {
  readonly depth: number;
  readonly height: number;
  readonly pitch: number;
}

/** A value [N, C, D, H, W] as a map whose rows are those of all planes. */
export interface FoldedMap {
  readonly view: View;
  readonly fold: Fold;
}

/** A value [N, C, D, H, W] seen as [N, D, H, W, C]; a single channel has stride 1. */
export function toVolume(view: View): View {
  const volume = permuteView(normalize(view), channelsLast(5));
  return volume.shape[4] === 1 ? {...volume, strides: [...volume.strides.slice(0, 4), 1]} : volume;
}

/**
 * Folds the depth of a volume [N, D, H, W, C] into its rows; null when planes are not a whole number of rows apart, or
 * rows between two planes would share elements with theirs.
 */
export function foldDepth(volume: View): FoldedMap | null {
  const {shape, strides} = volume;
  const [batch, depth, height, width, channels] = shape as [number, number, number, number, number];
  const [batchStride, planeStride, rowStride, ...rest] = strides as [number, number, number];
  const isRow = height === 1;
  const stride = isRow ? planeStride : rowStride;
  const pitch = isRow ? 1 : depth === 1 ? height : planeStride / rowStride;
  if (!Number.isInteger(pitch) || pitch < height) return null;
  const reach = (width - 1) * Math.abs(strides[3]!) + (channels - 1) * Math.abs(strides[4]!);
  if (pitch > height && Math.abs(stride) <= reach) return null;
  const rows = (depth - 1) * pitch + height;
  const view = {
    ...volume,
    shape: [batch, rows, width, channels],
    strides: [batchStride, stride, ...rest],
  };
  return {view, fold: {depth, height, pitch}};
}

/** A map [N, C, H, W] or [N, C, L] seen as [N, H, W, C]; a single channel has stride 1. */
export function toMap(view: View): View {
  const {shape, strides} = normalize(view);
  const map =
    shape.length === 3
      ? {
          ...view,
          shape: [shape[0]!, 1, shape[2]!, shape[1]!],
          strides: [strides[0]!, 0, strides[2]!, strides[1]!],
        }
      : permuteView({...view, shape, strides}, [0, 2, 3, 1]);
  return map.shape[3] === 1 ? {...map, strides: [...map.strides.slice(0, 3), 1]} : map;
}
