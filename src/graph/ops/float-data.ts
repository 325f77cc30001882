// Constants that become weights.

import {RawTensor} from '../../onnx/floats.js';
import type {Tensor} from '../../onnx/model.js';
import type {BuildContext} from '../registration.js';
import {plainWeights, type Weights} from '../weights.js';

/** A floating constant as weights; other types are reported as unsupported. */
export function floatWeights(context: BuildContext, tensor: Tensor, what: string): Weights {
  return plainWeights(tensor instanceof RawTensor ? tensor : floatData(context, tensor, what));
}

/** The elements of a floating constant; other types are reported as unsupported. */
export function floatData(context: BuildContext, tensor: Tensor, what: string): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  return context.unsupported(`${context.opType} with ${tensor.dtype} ${what}`);
}
