// What passes look for: single elementwise functions, constants per channel, epilogues.

import type {Activation, BinaryFunction} from './functions.js';
import type {Epilogue, Graph, Node, Operation} from './graph.js';
import {shapeOf} from './rewrite.js';
import {elementCount, sameShape} from './shapes.js';

export type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

/** The operations that end in an epilogue. */
export type WithEpilogue = OperationOf<'conv' | 'dynamicConv' | 'gemm' | 'instanceNorm'>;

/** A chain of one function, seen from one of its inputs. */
export type SingleStep =
  | {readonly kind: 'unary'; readonly activation: Activation}
  | {
      readonly kind: 'binary';
      readonly fn: BinaryFunction;
      /** Whether the input in question is the left operand. */
      readonly isLeft: boolean;
      /** Name of the other operand. */
      readonly other: string;
    };

/** Reads `node` as one function of its `input`-th input that keeps the shape; null when it is not. */
export function singleStep(graph: Graph, node: Node, input: number): SingleStep | null {
  const {operation, inputs} = node;
  if (operation.op !== 'chain' || operation.ops.length !== 1) return null;
  if (!sameShape(shapeOf(graph, inputs[input]!), shapeOf(graph, node.output))) return null;
  const {fn, a, b} = operation.ops[0]!;
  if (fn.kind === 'ternary' || (a !== input && (fn.kind === 'unary' || b !== input))) return null;
  if (fn.kind === 'unary') return {kind: 'unary', activation: fn.activation};
  const isLeft = a === input;
  const other = inputs[isLeft ? b : a]!;
  return other === inputs[input] ? null : {kind: 'binary', fn: fn.fn, isLeft, other};
}

/** A chain operation of one function of one input. */
export function unaryOperation(activation: Activation): OperationOf<'chain'> {
  return {op: 'chain', ops: [{fn: {kind: 'unary', activation}, a: 0, b: 0}]};
}

/** The constant's only element, or null. */
export function scalarConstant(graph: Graph, name: string): number | null {
  const constant = graph.constants.get(name);
  if (constant === undefined || elementCount(constant.dims) !== 1) return null;
  return constant.data[0]!;
}

/** Channels over which a single value is repeated so that it can be fused. */
const MAX_REPEATS = 2 ** 16;

/** One value per index of `axis` of `shape`, or null when the constant varies along other axes. */
export function channelConstant(
  graph: Graph,
  name: string,
  shape: readonly number[],
  axis: number,
): Float64Array | null {
  const constant = graph.constants.get(name);
  if (constant === undefined || constant.dims.length > shape.length) return null;
  const skip = shape.length - constant.dims.length;
  const isChannel = constant.dims.every(
    (size, at) => size === 1 || (at + skip === axis && size === shape[axis]),
  );
  const {data} = constant;
  if (!isChannel || shape[axis]! > Math.max(data.length, MAX_REPEATS)) return null;
  return Float64Array.from({length: shape[axis]!}, (_, c) => data[data.length === 1 ? 0 : c]!);
}

/** The axis that counts the channels of what `operation` writes. */
export function channelAxis(operation: Operation, shape: readonly number[]): number {
  return operation.op === 'gemm' ? shape.length - 1 : 1;
}

/** The operation of `node` when it has an epilogue, else null. */
export function withEpilogue(node: Node): WithEpilogue | null {
  return 'epilogue' in node.operation ? node.operation : null;
}

/** Whether the result is still the bare accumulator plus bias. */
export function isBare(epilogue: Epilogue): boolean {
  return epilogue.residual === undefined && epilogue.activation.fn === 'identity';
}
