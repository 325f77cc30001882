// Gemm and MatMul: `gemm` where one matrix is constant, else `matmul`.

import {IDENTITY} from '../functions.js';
import {
  type BuildContext,
  type ConstantOperand,
  isConstant,
  type Operand,
  type Registration,
} from '../registration.js';
import {broadcastShapes, elementCount, formatShape, type Shape, sameShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {plainWeights, type Weights} from '../weights.js';
import {emitTranspose} from './arrange.js';
import {emitBinary, unaryChain} from './chain.js';
import {floatData, floatWeights} from './float-data.js';
import {emitReshape} from './reshape.js';

export const MATRIX: readonly Registration[] = [
  {
    opType: 'Gemm',
    types: TYPES.number,
    attributes: {
      alpha: {kind: 'float'},
      beta: {kind: 'float'},
      transA: {kind: 'int'},
      transB: {kind: 'int'},
    },
    build: buildGemm,
  },
  {opType: 'MatMul', types: TYPES.number, attributes: {}, build: buildMatMul},
];

/** alpha * A' B' + beta * C; all factors and transpositions of constants are folded into them. */
function buildGemm(context: BuildContext): Operand {
  const a = context.input(0);
  const b = context.input(1);
  const isTransposed = {a: context.int('transA', 0) !== 0, b: context.int('transB', 0) !== 0};
  const [rows, depth] = matrixShape(a, isTransposed.a);
  const [depthB, columns] = matrixShape(b, isTransposed.b);
  if (a.shape.length !== 2 || b.shape.length !== 2 || depth !== depthB) failShapes(context, a, b);

  const x = isTransposed.a ? emitTranspose(context, a, [1, 0]) : a;
  const alpha = context.float('alpha', 1);
  const shape = [rows!, columns!];
  const bias = gemmBias(context, shape);

  if (isConstant(b)) {
    const weights = constantMatrix(context, b, {isTransposed: isTransposed.b, alpha});
    const isRow = bias !== undefined && isConstant(bias) && isRowOf(bias.shape, columns!);
    const product = emitGemm(context, x, weights, {
      shape,
      bias: isRow ? rowBias(context, bias, columns!) : null,
    });
    return bias === undefined || isRow ? product : emitBinary(context, 'add', product, bias);
  }

  const right = isTransposed.b ? emitTranspose(context, b, [1, 0]) : b;
  const product = scale(context, emitProduct(context, x, right), alpha);
  return bias === undefined ? product : emitBinary(context, 'add', product, bias);
}

/** beta * C, or undefined when nothing is added. */
function gemmBias(context: BuildContext, shape: Shape): Operand | undefined {
  const c = context.optional(2);
  const beta = context.float('beta', 1);
  if (c === undefined || beta === 0) return undefined;
  if (!sameShape(broadcastShapes([c.shape, shape]) ?? [], shape)) {
    context.fail(
      `expected C to broadcast to ${formatShape(shape)} but received ${formatShape(c.shape)}`,
    );
  }
  return scale(context, c, beta);
}

function scale(context: BuildContext, x: Operand, factor: number): Operand {
  return factor === 1 ? x : context.emit(unaryChain('affine', factor, 0), [x], x.shape);
}

function buildMatMul(context: BuildContext): Operand {
  return emitMatMul(context, context.input(0), context.input(1));
}

/** The product of any two operands as numpy multiplies them. */
export function emitMatMul(context: BuildContext, a: Operand, b: Operand): Operand {
  if (a.shape.length === 0 || b.shape.length === 0) failShapes(context, a, b);

  // numpy: a vector on the left is a row, on the right a column; the axis goes away afterwards.
  const left = a.shape.length === 1 ? emitReshape(context, a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? emitReshape(context, b, [...b.shape, 1]) : b;
  const product = emitProduct(context, left, right);
  const batch = product.shape.slice(0, -2);
  const rows = a.shape.length === 1 ? [] : product.shape.slice(-2, -1);
  const columns = b.shape.length === 1 ? [] : product.shape.slice(-1);
  return emitReshape(context, product, [...batch, ...rows, ...columns]);
}

/** a [.., M, K] times b [.., K, N], both of rank 2 or more. */
function emitProduct(context: BuildContext, a: Operand, b: Operand): Operand {
  const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const [depthB, columns] = b.shape.slice(-2) as [number, number];
  if (batch === undefined || depth !== depthB) failShapes(context, a, b);
  const shape = [...batch, rows, columns];

  if (isConstant(b) && isMatrix(b, a)) {
    const weights = constantMatrix(context, b, {isTransposed: false, alpha: 1});
    return emitGemm(context, a, weights, {shape, bias: null});
  }
  if (isConstant(a) && isMatrix(a, b)) {
    // A B = (B' A')'
    const weights = constantMatrix(context, a, {isTransposed: true, alpha: 1});
    const flipped = [...batch, columns, rows];
    const product = emitGemm(context, swapLast(context, b), weights, {shape: flipped, bias: null});
    return swapLast(context, product);
  }
  return context.emit({op: 'matmul'}, [a, b], shape);
}

/** Whether `operand` is one matrix, without a batch that would widen the result. */
function isMatrix(operand: Operand, other: Operand): boolean {
  return (
    elementCount(operand.shape.slice(0, -2)) === 1 && operand.shape.length <= other.shape.length
  );
}

function swapLast(context: BuildContext, x: Operand): Operand {
  const rank = x.shape.length;
  const axes = x.shape.map((_, axis) => axis);
  return emitTranspose(context, x, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

function emitGemm(
  context: BuildContext,
  x: Operand,
  weights: Weights,
  result: {readonly shape: Shape; readonly bias: Float32Array | null},
): Operand {
  const {shape, bias} = result;
  return context.emit({op: 'gemm', weights, bias, epilogue: {activation: IDENTITY}}, [x], shape);
}

function matrixShape({shape}: Operand, isTransposed: boolean): readonly (number | undefined)[] {
  return isTransposed ? [shape[1], shape[0]] : [shape[0], shape[1]];
}

/** The matrix [K, N] row-major, times alpha. */
function constantMatrix(
  context: BuildContext,
  operand: ConstantOperand,
  options: {readonly isTransposed: boolean; readonly alpha: number},
): Weights {
  const {isTransposed, alpha} = options;
  if (!isTransposed && alpha === 1) return floatWeights(context, operand.constant, 'matrices');
  const data = floatData(context, operand.constant, 'matrices');

  const [rows, columns] = operand.shape.slice(-2) as [number, number];
  const matrix = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = isTransposed ? column * rows + row : row * columns + column;
      matrix[at] = alpha * data[row * columns + column]!;
    }
  }
  return plainWeights(matrix);
}

function isRowOf(shape: Shape, columns: number): boolean {
  const last = shape.at(-1) ?? 1;
  return (last === 1 || last === columns) && elementCount(shape) === last;
}

function rowBias(context: BuildContext, bias: ConstantOperand, columns: number): Float32Array {
  const data = floatData(context, bias.constant, 'bias');
  return data.length === columns ? data : new Float32Array(columns).fill(data[0]!);
}

function failShapes(context: BuildContext, a: Operand, b: Operand): never {
  context.fail(
    `expected matrices that multiply but received ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
  );
}
