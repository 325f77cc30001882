// Lets a conv, gemm or instanceNorm add a residual and apply the activation as it writes.

import type {UnaryFunction} from './functions.js';
import {
  channelAxis,
  channelConstant,
  isBare,
  singleStep,
  type WithEpilogue,
  withEpilogue,
} from './fuse-match.js';
import type {Epilogue, Graph} from './graph.js';
import {fusePairs, type Pair, type Replacement, shapeOf} from './rewrite.js';
import {sameShape} from './shapes.js';

/** Functions worth computing on a tile that is still in registers. */
const ACTIVATIONS: ReadonlySet<UnaryFunction> = new Set<UnaryFunction>([
  'relu',
  'leakyRelu',
  'clip',
  'tanh',
  'sigmoid',
  'hardSigmoid',
  'hardSwish',
  'elu',
]);

/** Takes one addition of a value of the same shape, then one activation, into the node before them. */
export function fuseEpilogue(graph: Graph): Graph {
  return fusePairs(graph, fusePair);
}

function fusePair(pair: Pair): Replacement | null {
  const {producer, consumer} = pair;
  const operation = withEpilogue(producer);
  if (operation === null || operation.epilogue.activation.fn !== 'identity') return null;
  const epilogue = activated(pair, operation) ?? withResidual(pair, operation);
  if (epilogue === null) return null;
  const isNew = epilogue.residual !== undefined && operation.epilogue.residual === undefined;
  const inputs = isNew ? [...producer.inputs, epilogue.residual!] : producer.inputs;
  const output = consumer.output;
  return {nodes: [{...producer, operation: {...operation, epilogue}, inputs, output}]};
}

/** The epilogue with the consumer as its activation. */
function activated({consumer, input, links}: Pair, operation: WithEpilogue): Epilogue | null {
  const step = singleStep(links.graph, consumer, input);
  if (step === null) return null;
  const {epilogue} = operation;
  if (step.kind === 'unary') {
    return ACTIVATIONS.has(step.activation.fn) ? {...epilogue, activation: step.activation} : null;
  }
  if (step.fn !== 'prelu' || !step.isLeft) return null;
  const shape = shapeOf(links.graph, consumer.output);
  const slopes = channelConstant(links.graph, step.other, shape, channelAxis(operation, shape));
  if (slopes === null) return null;
  const activation = {fn: 'prelu', alpha: 0, beta: 0} as const;
  return {...epilogue, activation, slope: Float32Array.from(slopes)};
}

/** The epilogue with the consumer's other operand as its residual. */
function withResidual({consumer, input, links}: Pair, operation: WithEpilogue): Epilogue | null {
  const {graph} = links;
  const step = singleStep(graph, consumer, input);
  if (!isBare(operation.epilogue) || step?.kind !== 'binary' || step.fn !== 'add') return null;
  const shape = shapeOf(graph, consumer.output);
  const other = shapeOf(graph, step.other);
  const isFull = sameShape(other, shape);
  // A constant may repeat along the batch, but not along channels: these are read as vectors.
  const isConstant = graph.constants.has(step.other) && sameShape(other, shape.slice(1));
  return isFull || isConstant ? {...operation.epilogue, residual: step.other} : null;
}
