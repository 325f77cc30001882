// Damage to the meaning of a model: the file stays well-formed protobuf.

import {supportedOperators} from '../../src/graph/registry.js';
import {DEFAULT_LIMITS} from '../../src/onnx/limits.js';
import {MODEL} from '../../src/onnx/proto.js';
import {readMessage, writeMessage} from '../../src/onnx/wire.js';
import type {Random} from './random.js';

// The messages as they may be changed; proto.ts has the read-only interfaces.
interface TensorMessage {
  name?: string;
  dims?: number[];
  dataType?: number;
  dataLocation?: number;
  rawData?: Uint8Array;
  externalData?: {key: string; value: string}[];
}
interface AttributeMessage {
  name?: string;
  type?: number;
  i?: number;
  f?: number;
  s?: Uint8Array;
  t?: TensorMessage;
  g?: GraphMessage;
  ints?: number[];
  floats?: number[];
}
interface NodeMessage {
  name?: string;
  opType?: string;
  input?: string[];
  output?: string[];
  attribute?: AttributeMessage[];
}
interface PortMessage {
  name?: string;
  type?: {tensorType?: {elemType?: number; shape?: {dim?: DimMessage[]}}};
}
interface DimMessage {
  dimValue?: number;
  dimParam?: string;
}
interface GraphMessage {
  name?: string;
  node?: NodeMessage[];
  initializer?: TensorMessage[];
  input?: PortMessage[];
  output?: PortMessage[];
}
interface ModelMessage {
  graph?: GraphMessage;
  opsetImport?: {domain?: string; version?: number}[];
}

/** A model under mutation, with another to take parts from. */
interface Case {
  readonly random: Random;
  readonly model: ModelMessage;
  readonly graph: Required<GraphMessage>;
  readonly other: Required<GraphMessage>;
}

/** Sizes and indices at which checks turn; small ones are likeliest to get far. */
const NUMBERS = [
  -1,
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  16,
  17,
  36,
  -2,
  -3,
  -4,
  63,
  64,
  100,
  255,
  256,
  1000,
  4096,
  -1000,
  46341,
  65535,
  65536,
  2 ** 20,
  2 ** 24,
  2 ** 26,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 62,
  -(2 ** 62),
  -(2 ** 63),
];
const FLOATS = [0, -0, 1, -1, 0.5, 2, 1e-45, 1e-7, 1e30, -1e30, Number.NaN, Infinity, -Infinity];
const OPERATORS = supportedOperators();
const ATTRIBUTE_NAMES = [...new Set(OPERATORS.flatMap(({attributes}) => Object.keys(attributes)))];
const WORDS = [
  'SAME_UPPER',
  'SAME_LOWER',
  'VALID',
  'NOTSET',
  'linear',
  'cubic',
  'nearest',
  'reflect',
  'edge',
  'wrap',
  'constant',
  'CRD',
  'DCR',
  'align_corners',
  'half_pixel',
  'tf_crop_and_resize',
  'ij,jk->ik',
  '',
];
const LOCATIONS = ['../x', '/dev/zero', 'w.bin', '', 'a\0b', '%2e%2e/x', '..\\x'];

/** One to four changes of the model in `bytes`; null when these are no model. */
export function mutateModel(
  random: Random,
  bytes: Uint8Array,
  other: Uint8Array,
): Uint8Array | null {
  const model = readModel(bytes);
  const donor = readModel(other);
  if (model === null || donor === null) return null;
  const graph = model.graph as Required<GraphMessage>;
  const target: Case = {random, model, graph, other: donor.graph as Required<GraphMessage>};
  for (let left = 1 + random.below(4); left > 0; left--) random.pick(MUTATIONS)(target);
  try {
    return writeMessage(model, MODEL);
  } catch {
    // A number that its field cannot hold.
    return null;
  }
}

function readModel(bytes: Uint8Array): ModelMessage | null {
  try {
    const model = readMessage<ModelMessage>(bytes, MODEL, DEFAULT_LIMITS);
    return model.graph === undefined ? null : model;
  } catch {
    return null;
  }
}

type Mutation = (target: Case) => void;

const MUTATIONS: readonly Mutation[] = [
  changeNumbersOfTensor,
  changeNumbersOfTensor,
  changeDims,
  changeDims,
  changePort,
  changePort,
  changeAttribute,
  changeAttribute,
  changeAttribute,
  addAttribute,
  removeAttribute,
  rewire,
  rewire,
  closeCycle,
  changeOperator,
  changeOpset,
  swapTensors,
  retypeTensor,
  moveTensorOut,
  repeatName,
  repeatNode,
  dropNode,
  shuffleNodes,
  takeNode,
  nest,
  widen,
  exchangeInputAndConstant,
  addOutput,
];

function number({random}: Case): number {
  // Two draws: the smaller index is likelier.
  return NUMBERS[Math.min(random.below(NUMBERS.length), random.below(NUMBERS.length))]!;
}

/** The elements of an int64 tensor: shapes, pads, axes and indices are such. */
function changeNumbersOfTensor(target: Case): void {
  const {random, graph} = target;
  const tensors = graph.initializer.filter(tensor => (tensor.rawData?.length ?? 0) >= 4);
  if (tensors.length === 0) return;
  const tensor = random.pick(tensors);
  const raw = tensor.rawData!.slice();
  const view = new DataView(raw.buffer);
  if (tensor.dataType === 7 && raw.length >= 8) {
    const at = random.below(Math.floor(raw.length / 8)) * 8;
    view.setBigInt64(at, BigInt.asIntN(64, BigInt(number(target))), true);
  } else {
    const at = random.below(Math.floor(raw.length / 4)) * 4;
    view.setFloat32(at, random.oneIn(2) ? random.pick(FLOATS) : number(target), true);
  }
  tensor.rawData = raw;
}

function changeDims(target: Case): void {
  const {random, graph} = target;
  if (graph.initializer.length === 0) return;
  changeList(target, random.pick(graph.initializer), 'dims');
}

function changeList<Key extends string>(
  target: Case,
  holder: {[K in Key]?: number[]},
  key: Key,
): void {
  const {random} = target;
  const list = [...(holder[key] ?? [])];
  const how = random.below(4);
  if (how === 0) list.push(number(target));
  else if (how === 1) list.splice(random.below(list.length + 1), 1);
  else if (how === 2 && list.length > 1) list.push(list.shift()!);
  else if (list.length > 0) list[random.below(list.length)] = number(target);
  Object.assign(holder, {[key]: list});
}

function changePort(target: Case): void {
  const {random, graph} = target;
  const ports = [...graph.input, ...graph.output];
  if (ports.length === 0) return;
  const tensor = random.pick(ports).type?.tensorType;
  if (tensor === undefined) return;
  const dims = tensor.shape?.dim ?? [];
  const how = random.below(6);
  if (how === 0) tensor.elemType = random.below(24);
  else if (how === 1) Object.assign(tensor, {shape: {dim: [...dims, {dimValue: number(target)}]}});
  else if (how === 2) Object.assign(tensor, {shape: {dim: dims.slice(1)}});
  else if (how === 3) delete tensor.shape;
  else if (dims.length > 0) {
    const at = random.below(dims.length);
    const dim = random.oneIn(6)
      ? {dimParam: random.pick(['N', '', 'x'])}
      : {dimValue: number(target)};
    tensor.shape = {dim: dims.map((old, index) => (index === at ? dim : old))};
  }
}

function anyNode({random, graph}: Case): NodeMessage | null {
  return graph.node.length === 0 ? null : random.pick(graph.node);
}

function changeAttribute(target: Case): void {
  const node = anyNode(target);
  if (node === null || !node.attribute?.length) return;
  const {random} = target;
  const attribute = random.pick(node.attribute);
  if (attribute.ints?.length) changeList(target, attribute, 'ints');
  else if (attribute.floats?.length)
    attribute.floats = [...attribute.floats].map(value =>
      random.oneIn(2) ? random.pick(FLOATS) : value,
    );
  else if (attribute.f !== undefined) attribute.f = random.pick(FLOATS);
  else if (attribute.s !== undefined) attribute.s = new TextEncoder().encode(random.pick(WORDS));
  else attribute.i = number(target);
  if (random.oneIn(20)) attribute.type = random.below(15);
}

function addAttribute(target: Case): void {
  const node = anyNode(target);
  if (node === null) return;
  const {random} = target;
  const known = OPERATORS.find(({opType}) => opType === node.opType)?.attributes ?? {};
  const names = Object.keys(known);
  const name =
    names.length > 0 && !random.oneIn(10) ? random.pick(names) : random.pick(ATTRIBUTE_NAMES);
  const count = random.below(9);
  const list = Array.from({length: count}, () => number(target));
  const values: Record<string, AttributeMessage> = {
    float: {type: 1, f: random.pick(FLOATS)},
    int: {type: 2, i: number(target)},
    string: {type: 3, s: new TextEncoder().encode(random.pick(WORDS))},
    floats: {type: 6, floats: list},
    ints: {type: 7, ints: list},
  };
  const kind = known[name]?.kind ?? 'int';
  const value = values[kind] ?? values.int!;
  const others = (node.attribute ?? []).filter(attribute => attribute.name !== name);
  node.attribute = [...others, {name, ...value}];
}

function removeAttribute(target: Case): void {
  const node = anyNode(target);
  node?.attribute?.splice(target.random.below(node.attribute.length + 1), 1);
}

function allNames({graph}: Case): string[] {
  return [
    ...graph.input.map(({name}) => name ?? ''),
    ...graph.initializer.map(({name}) => name ?? ''),
    ...graph.node.flatMap(({output}) => output ?? []),
    '',
  ];
}

function rewire(target: Case): void {
  const node = anyNode(target);
  if (node === null) return;
  const {random} = target;
  const inputs = [...(node.input ?? [])];
  const how = random.below(4);
  if (how === 0) inputs.push(random.pick(allNames(target)));
  else if (how === 1) inputs.splice(random.below(inputs.length + 1), 1);
  else inputs[random.below(inputs.length + 1)] = random.pick(allNames(target));
  node.input = inputs.map(name => name ?? '');
}

function closeCycle({random, graph}: Case): void {
  if (graph.node.length === 0) return;
  const first = random.below(graph.node.length);
  const later = first + random.below(graph.node.length - first);
  const output = graph.node[later]!.output?.[0];
  if (output !== undefined)
    graph.node[first]!.input = [output, ...(graph.node[first]!.input ?? []).slice(1)];
}

function changeOperator(target: Case): void {
  const node = anyNode(target);
  if (node !== null) node.opType = target.random.pick(OPERATORS).opType;
}

function changeOpset({random, model}: Case): void {
  model.opsetImport = [{version: random.oneIn(8) ? random.below(40) : 7 + random.below(17)}];
}

function swapTensors({random, graph}: Case): void {
  if (graph.initializer.length === 0) return;
  const [a, b] = [random.pick(graph.initializer), random.pick(graph.initializer)];
  [a.name, b.name] = [b.name ?? '', a.name ?? ''];
}

function retypeTensor({random, graph}: Case): void {
  if (graph.initializer.length === 0) return;
  random.pick(graph.initializer).dataType = random.below(24);
}

function moveTensorOut({random, graph}: Case): void {
  if (graph.initializer.length === 0) return;
  const tensor = random.pick(graph.initializer);
  tensor.dataLocation = 1;
  tensor.externalData = [{key: 'location', value: random.pick(LOCATIONS)}];
  if (random.oneIn(2)) delete tensor.rawData;
}

function repeatName(target: Case): void {
  const node = anyNode(target);
  if (node?.output?.length) node.output[0] = target.random.pick(allNames(target));
}

function repeatNode(target: Case): void {
  const node = anyNode(target);
  if (node === null) return;
  const copy = structuredClone(node);
  if (!target.random.oneIn(4)) {
    // Behind the original: a chain of them grows.
    const first = node.output?.[0] ?? '';
    copy.output = [`${first}'`, ...(copy.output ?? []).slice(1).map(name => name && `${name}'`)];
    copy.input = [first, ...(copy.input ?? []).slice(1)];
    const last = target.graph.output[0];
    if (last?.name === first) last.name = `${first}'`;
  }
  target.graph.node.push(copy);
}

function dropNode({random, graph}: Case): void {
  graph.node.splice(random.below(graph.node.length + 1), 1);
}

function shuffleNodes({random, graph}: Case): void {
  graph.node.sort(() => random.below(3) - 1);
}

/** A node of another model with the constants it reads, put on some value of this one. */
function takeNode(target: Case): void {
  const {random, graph, other} = target;
  if (other.node.length === 0) return;
  const node = structuredClone(random.pick(other.node));
  const constants = other.initializer.filter(({name}) => node.input?.includes(name ?? ''));
  graph.initializer.push(
    ...structuredClone(constants).map(each => ({...each, name: `${each.name}_o`})),
  );
  const names = constants.map(({name}) => name);
  node.input = (node.input ?? []).map(name =>
    names.includes(name) ? `${name}_o` : random.pick(allNames(target)),
  );
  node.output = (node.output ?? []).map(name => `${name}_o${graph.node.length}`);
  graph.node.push(node);
  const result = node.output[0];
  const user = anyNode(target);
  if (result !== undefined && user?.input?.length) user.input[0] = result;
  if (result !== undefined && random.oneIn(2)) graph.output.push({name: result});
}

/** A subgraph in a subgraph in a subgraph. */
function nest(target: Case): void {
  const node = anyNode(target);
  if (node === null) return;
  let g: GraphMessage = {name: 'inner', node: [{opType: 'Relu', input: ['x'], output: ['y']}]};
  for (let depth = target.random.below(12); depth > 0; depth--)
    g = {name: 'inner', node: [{opType: 'If', attribute: [{name: 'then_branch', type: 5, g}]}]};
  node.attribute = [...(node.attribute ?? []), {name: 'body', type: 5, g}];
}

/** Many inputs or many nodes on one value. */
function widen(target: Case): void {
  const {random, graph} = target;
  const node = anyNode(target);
  if (node === null) return;
  const count = 2 + random.below(random.oneIn(10) ? 400 : 20);
  if (random.oneIn(2)) {
    node.input = Array.from({length: count}, () => node.input?.[0] ?? '');
    return;
  }
  for (let i = 0; i < Math.min(count, 60); i++) {
    const copy = structuredClone(node);
    copy.output = (copy.output ?? []).map(name => name && `${name}_${i}`);
    graph.node.push(copy);
    if (copy.output[0]) graph.output.push({name: copy.output[0]});
  }
}

function exchangeInputAndConstant({random, graph}: Case): void {
  if (random.oneIn(2) && graph.initializer.length > 0) {
    const [tensor] = graph.initializer.splice(random.below(graph.initializer.length), 1);
    const dim = (tensor!.dims ?? []).map(dimValue => ({dimValue}));
    graph.input.push({
      name: tensor!.name ?? '',
      type: {tensorType: {elemType: tensor!.dataType ?? 1, shape: {dim}}},
    });
    return;
  }
  const port = graph.input.shift();
  if (port === undefined) return;
  const dims = (port.type?.tensorType?.shape?.dim ?? []).map(({dimValue}) => dimValue ?? 1);
  const elements = dims.reduce((product, size) => product * size, 1);
  const rawData = new Uint8Array(elements >= 0 && elements < 10_000 ? elements * 4 : 0);
  graph.initializer.push({name: port.name ?? '', dataType: 1, dims, rawData});
}

function addOutput(target: Case): void {
  target.graph.output.push({name: target.random.pick(allNames(target))});
}
