// Values as maps: the view that steps over images take.

import type {View} from './steps.js';
import {normalize, permuteView} from './view-math.js';

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
