// A model as mutations change it.

import type {Random} from './random.js';

// The messages as they may be changed; proto.ts has the read-only interfaces.
export interface TensorMessage {
  name?: string;
  dims?: number[];
  dataType?: number;
  dataLocation?: number;
  rawData?: Uint8Array;
  externalData?: {key: string; value: string}[];
}
export interface AttributeMessage {
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
export interface NodeMessage {
  name?: string;
  opType?: string;
  input?: string[];
  output?: string[];
  attribute?: AttributeMessage[];
}
export interface PortMessage {
  name?: string;
  type?: {tensorType?: {elemType?: number; shape?: {dim?: DimMessage[]}}};
}
export interface DimMessage {
  dimValue?: number;
  dimParam?: string;
}
export interface GraphMessage {
  name?: string;
  node?: NodeMessage[];
  initializer?: TensorMessage[];
  input?: PortMessage[];
  output?: PortMessage[];
}
export interface ModelMessage {
  graph?: GraphMessage;
  opsetImport?: {domain?: string; version?: number}[];
}

/** A model under mutation, with another to take parts from. */
export interface Case {
  readonly random: Random;
  readonly model: ModelMessage;
  readonly graph: Required<GraphMessage>;
  readonly other: Required<GraphMessage>;
}

export type Mutation = (target: Case) => void;

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

export const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  2,
  1e-45,
  1e-7,
  1e30,
  -1e30,
  Number.NaN,
  Infinity,
  -Infinity,
];

/** A number at which something may turn. */
export function number({random}: Case): number {
  // Two draws: the smaller index is likelier.
  return NUMBERS[Math.min(random.below(NUMBERS.length), random.below(NUMBERS.length))]!;
}

/** A node of the model, or null when there is none. */
export function anyNode({random, graph}: Case): NodeMessage | null {
  return graph.node.length === 0 ? null : random.pick(graph.node);
}

/** Names of all values, and the empty one. */
export function allNames({graph}: Case): string[] {
  return [
    ...graph.input.map(({name}) => name ?? ''),
    ...graph.initializer.map(({name}) => name ?? ''),
    ...graph.node.flatMap(({output}) => output ?? []),
    '',
  ];
}

/** One change of a list of numbers. */
export function changeList<Key extends string>(
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
