// Constants that become weights.

import type {Tensor} from '../../onnx/model.js';
import type {BuildContext} from '../registration.js';

/** The elements of a floating constant; other types are reported as unsupported. */
export function floatData(context: BuildContext, tensor: Tensor, what: string): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  return context.unsupported(`${context.opType} with ${tensor.dtype} ${what}`);
}
