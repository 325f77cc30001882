// The table of supported operators; each family registers its own.

import type {OnnxNode} from '../onnx/model.js';
import {ACTIVATIONS} from './ops/activations.js';
import {ALONG_AXIS} from './ops/along-axis.js';
import {ARRANGE} from './ops/arrange.js';
import {BINARY_OPERATORS} from './ops/binary.js';
import {CASTS} from './ops/cast.js';
import {CONSTANTS} from './ops/constant.js';
import {CONVOLUTIONS} from './ops/conv.js';
import {EINSUM} from './ops/einsum.js';
import {FOLDING} from './ops/fold-columns.js';
import {GATHER} from './ops/gather.js';
import {SAMPLING} from './ops/grid-sample.js';
import {INDEXED} from './ops/indexed.js';
import {LAYER_NORMALIZATION} from './ops/layer-normalization.js';
import {LOGIC} from './ops/logic.js';
import {LP_POOLING} from './ops/lp-pool.js';
import {MATRIX} from './ops/matrix.js';
import {NORMALIZATION} from './ops/normalization.js';
import {PAD} from './ops/pad.js';
import {POOLING} from './ops/pool.js';
import {REDUCTIONS} from './ops/reduce.js';
import {RESHAPES} from './ops/reshape.js';
import {RESIZING} from './ops/resize.js';
import {SHUFFLES} from './ops/shuffle.js';
import {SOFTMAX} from './ops/softmax.js';
import {UNARY_OPERATORS} from './ops/unary.js';
import {UNPOOLING} from './ops/unpool.js';
import {OPSET_SIX, opsetSixForm} from './opset-six.js';
import type {Registration} from './registration.js';

const REGISTRATIONS: readonly Registration[] = [
  ...ALONG_AXIS,
  ...ACTIVATIONS,
  ...ARRANGE,
  ...BINARY_OPERATORS,
  ...CASTS,
  ...CONSTANTS,
  ...CONVOLUTIONS,
  ...EINSUM,
  ...FOLDING,
  ...GATHER,
  ...INDEXED,
  ...LAYER_NORMALIZATION,
  ...LOGIC,
  ...LP_POOLING,
  ...MATRIX,
  ...NORMALIZATION,
  ...PAD,
  ...POOLING,
  ...REDUCTIONS,
  ...RESHAPES,
  ...RESIZING,
  ...SAMPLING,
  ...SHUFFLES,
  ...SOFTMAX,
  ...UNARY_OPERATORS,
  ...UNPOOLING,
];

const BY_OP_TYPE = new Map(REGISTRATIONS.map(registration => [registration.opType, registration]));

/** The registration of a node's operator as `opset` has it, or undefined when it is not supported. */
export function findRegistration(node: OnnxNode, opset: number): Registration | undefined {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return undefined;
  const registration = BY_OP_TYPE.get(node.opType);
  return registration && opset <= OPSET_SIX ? opsetSixForm(registration) : registration;
}

/** All supported operators, sorted by name. */
export function supportedOperators(): Registration[] {
  return [...BY_OP_TYPE.values()].sort((a, b) => (a.opType < b.opType ? -1 : 1));
}
