// One ONNX node on its way into the graph: typed access to what it says, and emission of operations.

import {UntangleError} from '../errors.js';
import {retype} from '../onnx/floats.js';
import {checkLimit, type Limits} from '../onnx/limits.js';
import type {Attribute, DataType, OnnxNode, Tensor} from '../onnx/model.js';
import {createData, createTensor, foldOperation} from './fold.js';
import {MAX_WINDOW} from './functions.js';
import type {ConvGeometry, Node, Operation, Value} from './graph.js';
import {type BuildContext, type ConstantOperand, isConstant, type Operand} from './registration.js';
import {elementCount, formatShape, MAX_ELEMENTS, type Shape} from './shapes.js';
import {isFloating, runTimeType} from './types.js';
import {nodeLabel, UnsupportedNode} from './unsupported.js';

/** Operations that only move elements: right for every type. */
const MOVES_DATA: ReadonlySet<Operation['op']> = new Set([
  'reshape',
  'transpose',
  'expand',
  'concat',
  'slice',
  'pad',
  'gather',
  'gatherIndexed',
  'scatterIndexed',
]);

/**
 * Operations that make whole numbers of whole numbers, exactly while these stay below 2^24; chains do where operators
 * ask for it.
 */
const KEEPS_WHOLE: ReadonlySet<Operation['op']> = new Set([
  'argReduce',
  'chain',
  'cumulative',
  'matmul',
  'pool',
  'reduce',
]);

/** The graph under construction. */
export interface BuildState {
  readonly limits: Limits;
  readonly opset: number;
  readonly nodes: Node[];
  readonly values: Map<string, Value>;
  readonly constants: Map<string, Tensor>;
  /** Every name of the ONNX file and every name made here. */
  readonly names: Set<string>;
  /** Sentences for the explanation. */
  readonly notes: string[];
  /** The last suffix given to each name by `uniqueName`. */
  readonly suffixes: Map<string, number>;
  /** Counted so far towards the limits of these names; below zero while the file's own elements allow more. */
  foldedElements: number;
  regions: number;
}

interface PendingNode {
  readonly operation: Operation;
  readonly inputs: readonly Operand[];
  readonly output: Operand;
}

/** A context and the function that moves what it emitted into the graph. */
export interface NodeBuilder {
  readonly context: BuildContext;
  /** Returns `results` under the names of the node's outputs. */
  commit(results: readonly Operand[]): Operand[];
}

/** @param operands the node's inputs in order, undefined where left out */
export function createNodeBuilder(
  state: BuildState,
  node: OnnxNode,
  operands: readonly (Operand | undefined)[],
): NodeBuilder {
  const pending: PendingNode[] = [];
  const ownNames = new Set<string>();
  const label = nodeLabel(node);

  const fail = (message: string): never => failNode(node, message);
  const unsupported = (text: string): never => {
    throw new UnsupportedNode(text);
  };
  const freshName = (): string => {
    const name = uniqueName(state, node.outputs.find(output => output !== '') ?? label);
    ownNames.add(name);
    return name;
  };
  const constant = (tensor: Tensor): ConstantOperand => ({
    name: freshName(),
    dtype: tensor.dtype,
    shape: tensor.dims,
    constant: tensor,
  });
  const emit = (
    operation: Operation,
    inputs: readonly Operand[],
    shape: Shape,
    dtype: DataType = runTimeType(inputs[0]!.dtype),
  ): Operand => {
    checkElements(state.limits, shape);
    // There is nothing to compute, and nothing to know about an operand of no elements but its shape.
    if (elementCount(shape) === 0) return constant(createTensor(dtype, shape, []));
    if ('geometry' in operation) countRegions(state, operation.geometry, shape);
    if (operation.op === 'pool' && widest(operation) > MAX_WINDOW)
      unsupported(`${node.opType} with a window, step or pad over ${MAX_WINDOW}`);
    const tensors = inputs.flatMap(operand => operand.constant ?? emptyTensor(operand));
    if (tensors.length === inputs.length) {
      if (operation.op !== 'reshape') checkFolded(state, shape);
      const folded = foldOperation(operation, tensors, shape, dtype);
      if (folded !== undefined) return constant(folded);
    }

    const odd = inputs.find(operand => !isFloating(operand.dtype));
    if (odd !== undefined && !MOVES_DATA.has(operation.op) && !KEEPS_WHOLE.has(operation.op)) {
      unsupported(`${node.opType} of ${odd.dtype} values at run time`);
    }
    const empty = inputs.find(operand => elementCount(operand.shape) === 0);
    if (empty !== undefined)
      unsupported(`${node.opType} of the empty shape ${formatShape(empty.shape)}`);
    const output: Operand = {name: freshName(), dtype, shape, constant: undefined};
    pending.push({operation, inputs, output});
    return output;
  };

  const context: BuildContext = {
    opType: node.opType,
    opset: node.opset ?? state.opset,
    inputCount: operands.length,
    outputCount: node.outputs.length,
    ...inputGetters(node, operands),
    ...attributeGetters(node),
    emit,
    constant,
    table: (...contents) => constant(writeTable(state, ...contents)),
    checkFolded: shape => checkFolded(state, shape),
    note: text => state.notes.push(`node "${label}" (${node.opType}): ${text}`),
    fail,
    unsupported,
  };

  return {context, commit: results => commitNode(state, {node, pending, ownNames}, results)};
}

/** The largest size of a window. */
function widest(window: Extract<Operation, {op: 'pool'}>): number {
  const {kernel, strides, dilations, padBegin, padEnd} = window;
  return Math.max(...kernel, ...strides, ...dilations, ...padBegin, ...padEnd);
}

/** The content of an operand of no elements; none for others. */
function emptyTensor({dtype, shape}: Operand): Tensor[] {
  return elementCount(shape) === 0 ? [createTensor(dtype, shape, [])] : [];
}

/** @throws ERR_MODEL_INVALID */
export function failNode(node: OnnxNode, message: string): never {
  const label = nodeLabel(node);
  throw new UntangleError('ERR_MODEL_INVALID', [label, node.opType, message], {
    node: label,
    operator: node.opType,
  });
}

/** Makes a constant readable at run time; floating types become float32. */
export function registerConstant(state: BuildState, operand: ConstantOperand): void {
  const {name, constant, shape} = operand;
  if (state.values.has(name)) return;
  const dtype = runTimeType(constant.dtype);
  state.values.set(name, {name, dtype, shape});
  state.constants.set(name, retype(constant, {dtype}));
}

type InputGetters = Pick<BuildContext, 'input' | 'optional' | 'constantInput' | 'integers'>;

function inputGetters(node: OnnxNode, operands: readonly (Operand | undefined)[]): InputGetters {
  const input = (index: number): Operand =>
    operands[index] ?? failNode(node, `expected input ${index} but it is missing`);
  const constantInput = (index: number, what: string): ConstantOperand => {
    const operand = input(index);
    if (isConstant(operand)) return operand;
    throw new UnsupportedNode(`${node.opType} with ${what} computed at run time`);
  };
  const integers = (index: number, what: string): number[] => {
    const {dtype, constant} = constantInput(index, what);
    if (isFloating(dtype))
      failNode(node, `expected ${what} of an integer type but received ${dtype}`);
    return Array.from(constant.data);
  };
  return {input, optional: index => operands[index], constantInput, integers};
}

type KindOf<K extends Attribute['kind']> = Extract<Attribute, {kind: K}>;
type AttributeGetters = Pick<
  BuildContext,
  'int' | 'float' | 'string' | 'ints' | 'floats' | 'tensor' | 'has'
>;

function attributeGetters(node: OnnxNode): AttributeGetters {
  function get(name: string, kind: Attribute['kind']): Attribute | undefined {
    const attribute = node.attributes.get(name);
    if (attribute !== undefined && attribute.kind !== kind) {
      failNode(node, `attribute ${name}: expected kind ${kind} but received ${attribute.kind}`);
    }
    return attribute;
  }

  return {
    int: (name, fallback) => (get(name, 'int') as KindOf<'int'> | undefined)?.value ?? fallback,
    float: (name, fallback) =>
      (get(name, 'float') as KindOf<'float'> | undefined)?.value ?? fallback,
    string: (name, fallback) =>
      (get(name, 'string') as KindOf<'string'> | undefined)?.value ?? fallback,
    ints: name => (get(name, 'ints') as KindOf<'ints'> | undefined)?.value,
    floats: name => (get(name, 'floats') as KindOf<'floats'> | undefined)?.value,
    tensor: name => (get(name, 'tensor') as KindOf<'tensor'> | undefined)?.value,
    has: name => node.attributes.has(name),
  };
}

interface EmittedNode {
  readonly node: OnnxNode;
  readonly pending: readonly PendingNode[];
  readonly ownNames: ReadonlySet<string>;
}

function commitNode(
  state: BuildState,
  emitted: EmittedNode,
  results: readonly Operand[],
): Operand[] {
  const {node, pending, ownNames} = emitted;
  const renamed = new Map<string, string>();
  for (const [index, {name}] of results.entries()) {
    const outputName = node.outputs[index];
    if (outputName && ownNames.has(name) && !renamed.has(name)) renamed.set(name, outputName);
  }
  const rename = (operand: Operand): Operand => ({
    ...operand,
    name: renamed.get(operand.name) ?? operand.name,
  });

  for (const {operation, inputs, output} of pending) {
    const operands = inputs.map(rename);
    const {name, dtype, shape} = rename(output);
    for (const operand of operands) if (isConstant(operand)) registerConstant(state, operand);
    state.values.set(name, {name, dtype, shape});
    state.nodes.push({
      name: nodeLabel(node),
      operation,
      inputs: operands.map(each => each.name),
      output: name,
    });
  }

  return results.map(rename);
}

/** Counted before it is made. */
function writeTable(
  state: BuildState,
  ...[dtype, dims, value]: Parameters<BuildContext['table']>
): Tensor {
  checkFolded(state, dims);
  const data = createData(dtype, elementCount(dims));
  for (let index = 0; index < data.length; index++) data[index] = value(index);
  return {dtype, dims, data};
}

function checkFolded(state: BuildState, shape: Shape): void {
  state.foldedElements += elementCount(shape);
  checkLimit(state.limits, 'foldedElements', state.foldedElements);
}

/** @throws ERR_ONNX_LIMIT when a value of this shape is beyond what the format or the limits allow. */
export function checkElements(limits: Limits, shape: Shape): void {
  const elements = Math.min(limits.elements, MAX_ELEMENTS);
  checkLimit({...limits, elements}, 'elements', elementCount(shape));
}

/** A transposed convolution has a phase for every output up to its stride; in space each plane has its own taps. */
function countRegions(state: BuildState, geometry: ConvGeometry, shape: Shape): void {
  const {transposed, kernel, strides} = geometry;
  const phases = strides.map((stride, axis) =>
    transposed ? Math.min(stride, shape[axis + 2] ?? 1) : 1,
  );
  const planes = kernel.length === 3 ? shape[2]! : 1;
  const regions = planes * (elementCount(phases) + elementCount(kernel));
  checkLimit(state.limits, 'convolutionRegions', regions);
  state.regions += regions;
  checkLimit(state.limits, 'regions', state.regions);
}

function uniqueName({names, suffixes}: BuildState, base: string): string {
  let suffix = (suffixes.get(base) ?? 0) + 1;
  while (names.has(`${base}/${suffix}`)) suffix++;
  suffixes.set(base, suffix);
  const name = `${base}/${suffix}`;
  names.add(name);
  return name;
}
