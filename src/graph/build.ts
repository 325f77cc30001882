// Builds the graph: one forward pass over the ONNX nodes that infers shapes and folds constants.

import {UntangleError} from '../errors.js';
import {type Limits, resolveLimits} from '../onnx/limits.js';
import type {OnnxModel, OnnxNode, Tensor} from '../onnx/model.js';
import {
  type BuildState,
  checkElements,
  createNodeBuilder,
  registerConstant,
} from './build-context.js';
import {sortNodes} from './build-order.js';
import type {Graph, GraphOutput} from './graph.js';
import {definedNames, type InlinedBranch, inlineBranch} from './inline-branch.js';
import {isConstant, type Operand} from './registration.js';
import {findRegistration} from './registry.js';
import {bindInputs, elementCount} from './shapes.js';
import {runTimeType} from './types.js';
import {
  checkOpset,
  checkType,
  findUnsupported,
  nodeLabel,
  UnsupportedNode,
  type UnsupportedUse,
  unsupportedError,
} from './unsupported.js';

export interface BuildOptions {
  readonly limits?: Partial<Limits>;
  /** Called again and again; throws when it takes too long. */
  readonly checkTime?: () => void;
  /** Full shapes of inputs with symbolic dimensions, by input name; a leading batch may be left out. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** Values of inputs, by name: such inputs become constants, and their shapes bind symbolic dimensions. */
  readonly constants?: ReadonlyMap<string, Tensor>;
}

/** Operands by ONNX name; null marks what an unsupported node would have made. */
type Environment = Map<string, Operand | null>;

/**
 * Turns a decoded model into a graph in which every shape is known and every constant folded.
 *
 * Everything unsupported in the model is reported in one error.
 *
 * @throws ERR_OPSET_UNSUPPORTED, ERR_OP_UNSUPPORTED, ERR_MODEL_INVALID, ERR_ONNX_LIMIT,
 *   ERR_INPUT_NAME, ERR_INPUT_SHAPE, ERR_SHAPE_UNBOUND, ERR_OPTION
 */
export function buildGraph(model: OnnxModel, options: BuildOptions): Graph {
  checkOpset(model.opset);
  const given = new Set([...model.inputs.map(input => input.name), ...model.initializers.keys()]);
  const nodes = sortNodes(model.nodes, name => given.has(name));
  checkOutputs(model, given);
  const state = createState(model, resolveLimits(options.limits));
  const build: Build = {
    state,
    environment: createEnvironment(model, state, options),
    unsupported: [],
    built: [],
    checkTime: options.checkTime,
  };
  buildNodes(build, nodes);
  const {environment, unsupported, built} = build;
  unsupported.push(...findLostOutputs(built, model, environment, unsupported.length));
  if (unsupported.length > 0) throw unsupportedError(unsupported);

  return {
    nodes: state.nodes,
    values: state.values,
    constants: state.constants,
    notes: state.notes,
    inputs: model.inputs.map(input => input.name).filter(name => !options.constants?.has(name)),
    outputs: model.outputs.map(output => bindOutput(state, environment, output.name)),
  };
}

function checkOutputs(model: OnnxModel, given: ReadonlySet<string>): void {
  const made = new Set(model.nodes.flatMap(node => node.outputs));
  for (const {name} of model.outputs) {
    if (given.has(name) || made.has(name)) continue;
    throw new UntangleError(
      'ERR_MODEL_INVALID',
      [name, 'graph output', 'nothing makes this value'],
      {node: name},
    );
  }
}

/** What building has made so far. */
interface Build {
  readonly state: BuildState;
  readonly environment: Environment;
  readonly unsupported: UnsupportedUse[];
  /** Every node that was looked at, those of branches included. */
  readonly built: OnnxNode[];
  readonly checkTime: BuildOptions['checkTime'];
}

/** Adds sorted nodes; branches take the place of their nodes. */
function buildNodes(build: Build, nodes: readonly OnnxNode[]): void {
  const {state, environment, unsupported, built} = build;
  for (const node of nodes) {
    build.checkTime?.();
    built.push(node);
    const opset = node.opset ?? state.opset;
    checkOpset(opset);
    const texts = findUnsupported(node, opset, findRegistration(node, opset));
    const isTrue = texts.length === 0 ? constantCondition(node, environment) : undefined;
    if (isTrue !== undefined) buildBranch(build, inlineBranch(node, isTrue, state.names));
    else if (texts.length === 0) texts.push(...buildNode(state, environment, node));
    for (const text of texts) unsupported.push({text, node: nodeLabel(node)});
    for (const output of node.outputs) if (!environment.has(output)) environment.set(output, null);
  }
}

/** What an If decides; undefined for other nodes and while it is not known. */
function constantCondition(node: OnnxNode, environment: Environment): boolean | undefined {
  if (node.opType !== 'If') return undefined;
  const value = environment.get(node.inputs[0] ?? '')?.constant?.data[0];
  return value === undefined ? undefined : value !== 0;
}

function buildBranch(build: Build, {nodes, initializers}: InlinedBranch): void {
  const {environment} = build;
  for (const [name, constant] of initializers)
    environment.set(name, {name, dtype: constant.dtype, shape: constant.dims, constant});
  buildNodes(
    build,
    sortNodes(nodes, name => environment.has(name)),
  );
}

/** Constants of the file may be folded a few times before that counts. */
const FOLDS_OF_OWN = 4;

function createState(model: OnnxModel, limits: Limits): BuildState {
  const own = [...model.initializers.values()].reduce((sum, {dims}) => sum + elementCount(dims), 0);
  const inputs = model.inputs.map(input => input.name);
  const names = new Set(definedNames({...model, inputs}));
  return {
    limits,
    opset: model.opset,
    nodes: [],
    values: new Map(),
    constants: new Map(),
    names,
    notes: [],
    suffixes: new Map(),
    foldedElements: -FOLDS_OF_OWN * own,
    regions: 0,
  };
}

function createEnvironment(
  model: OnnxModel,
  state: BuildState,
  options: BuildOptions,
): Environment {
  const environment: Environment = new Map();
  const {constants = new Map<string, Tensor>()} = options;
  const constantShapes = [...constants].map(([name, {dims}]) => [name, dims] as const);
  const requested = {...options.shapes, ...Object.fromEntries(constantShapes)};
  const shapes = bindInputs(model.inputs, requested);

  for (const {name, dtype} of model.inputs) {
    if (constants.has(name)) continue;
    const shape = shapes.get(name)!;
    checkElements(state.limits, shape);
    state.values.set(name, {name, dtype: runTimeType(dtype), shape});
    environment.set(name, {name, dtype, shape, constant: undefined});
  }
  for (const [name, constant] of [...model.initializers, ...constants]) {
    environment.set(name, {name, dtype: constant.dtype, shape: constant.dims, constant});
  }

  return environment;
}

/** Adds `node` to the graph; returns what is unsupported about it. */
function buildNode(state: BuildState, environment: Environment, node: OnnxNode): string[] {
  const operands = node.inputs.map(name => (name === '' ? undefined : environment.get(name)));
  if (operands.includes(null)) return [];
  const inputs = operands.map(operand => operand ?? undefined);
  const builder = createNodeBuilder(state, node, inputs);

  try {
    const registration = findRegistration(node, builder.context.opset)!;
    checkType(registration, inputs[0]);
    const built = registration.build(builder.context);
    const results = builder.commit(Array.isArray(built) ? built : [built]);
    for (const [index, result] of results.entries()) {
      const name = node.outputs[index];
      if (name) environment.set(name, result);
    }
    return [];
  } catch (error) {
    if (error instanceof UnsupportedNode) return [error.message];
    throw error;
  }
}

/** Optional outputs (masks, indices) that something reads although their node does not make them. */
function findLostOutputs(
  nodes: readonly OnnxNode[],
  model: OnnxModel,
  environment: Environment,
  otherCount: number,
): UnsupportedUse[] {
  // After another problem, missing values say nothing new.
  if (otherCount > 0) return [];
  const read = new Set([
    ...nodes.flatMap(node => node.inputs),
    ...model.outputs.map(output => output.name),
  ]);
  return nodes.flatMap(node =>
    node.outputs.flatMap((output, index) =>
      output !== '' && read.has(output) && environment.get(output) === null
        ? [{text: `${node.opType} output ${index + 1}`, node: nodeLabel(node)}]
        : [],
    ),
  );
}

function bindOutput(state: BuildState, environment: Environment, name: string): GraphOutput {
  const operand = environment.get(name)!;
  if (isConstant(operand)) registerConstant(state, operand);
  return {name, value: operand.name, dtype: runTimeType(operand.dtype)};
}
