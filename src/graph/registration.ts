// What an operator family tells the graph builder, and what the builder offers it in return.

import type {Attribute, DataType, Tensor} from '../onnx/model.js';
import type {Operation} from './graph.js';
import type {Shape} from './shapes.js';
import type {TypeKind} from './types.js';

/** A value while the graph is built: known by shape, and by content when it is constant. */
export interface Operand {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
  readonly constant: Tensor | undefined;
}

/** An operand whose content is known. */
export interface ConstantOperand extends Operand {
  readonly constant: Tensor;
}

export function isConstant(operand: Operand): operand is ConstantOperand {
  return operand.constant !== undefined;
}

/** An attribute an operator accepts; others are reported as unsupported. */
export interface AttributeSpec {
  readonly kind: Attribute['kind'];
  /** First and last opset in which the operator has it; without them, always. */
  readonly since?: number;
  readonly until?: number;
  /** Values that are supported, when not all are. */
  readonly values?: readonly (number | string)[];
}

/** One ONNX operator. */
export interface Registration {
  readonly opType: string;
  /** Opset that introduced the operator, when later than the oldest supported one. */
  readonly since?: number;
  readonly attributes: Readonly<Record<string, AttributeSpec>>;
  /** Kinds of types that the first input may have; floating ones unless given. */
  readonly types?: readonly TypeKind[];
  /** For docs/operators.md: what of the operator is refused besides types and attributes. */
  readonly limits?: string;
  /** Returns the node's outputs in order; trailing optional outputs may be left out. */
  readonly build: (context: BuildContext) => Operand | readonly Operand[];
}

/** One ONNX node being built. Attribute getters return the default when the attribute is absent. */
export interface BuildContext {
  readonly opType: string;
  /** Opset of the model; an operator's version is the newest one not above it. */
  readonly opset: number;
  readonly inputCount: number;
  readonly outputCount: number;

  /** Input `index`; its absence makes the model invalid. */
  input(index: number): Operand;
  /** Input `index`, or undefined where it is left out. */
  optional(index: number): Operand | undefined;
  /** Input `index`, which must be constant; `what` names it in the message when it is not. */
  constantInput(index: number, what: string): ConstantOperand;
  /** The elements of input `index`, which must be constant and of an integer type. */
  integers(index: number, what: string): number[];

  int(name: string, fallback: number): number;
  float(name: string, fallback: number): number;
  string(name: string, fallback: string): string;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  tensor(name: string): Tensor | undefined;
  has(name: string): boolean;

  /**
   * Adds one operation, or its result when every input is constant.
   *
   * All values are held as f32 at run time; `dtype`, that of the first input unless given, says what they mean:
   * integers are whole numbers, exact up to 2^24, and bool is 0 or 1.
   */
  emit(operation: Operation, inputs: readonly Operand[], shape: Shape, dtype?: DataType): Operand;
  /** A constant; it enters the graph only if something reads it at run time. */
  constant(tensor: Tensor): ConstantOperand;
  /**
   * A constant written element by element, row-major; its size, which may come from the file, is checked before any
   * memory is taken.
   */
  table(dtype: DataType, dims: Shape, value: (index: number) => number): ConstantOperand;
  /** Checks the size of weights or indices about to be made. */
  checkFolded(shape: Shape): void;

  /** Says something about the node that whoever reads the explanation should know. */
  note(text: string): void;
  /** @throws ERR_MODEL_INVALID */
  fail(message: string): never;
  /** Reports the node as unsupported: `text` and the node's name. */
  unsupported(text: string): never;
}

/** Index of `axis` counted from the front. */
export function resolveAxis(context: BuildContext, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    context.fail(`expected an axis in [${-rank}, ${rank - 1}] but received ${axis}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Distinct axes counted from the front, in the order given. */
export function resolveAxes(
  context: BuildContext,
  axes: readonly number[],
  rank: number,
): number[] {
  const resolved = axes.map(axis => resolveAxis(context, axis, rank));
  if (new Set(resolved).size !== resolved.length) {
    context.fail(`expected distinct axes but received [${axes.join(', ')}]`);
  }
  return resolved;
}

/**
 * Axes of operators that moved them from an attribute to input `index` in opset `inputSince`.
 * Undefined where they are left out.
 */
export function axesOf(
  context: BuildContext,
  index: number,
  inputSince: number,
): readonly number[] | undefined {
  if (context.opset < inputSince) return context.ints('axes');
  if (context.optional(index) === undefined) return undefined;
  return context.integers(index, 'axes');
}
