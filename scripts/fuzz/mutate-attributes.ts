// Changes of attributes.

import {supportedOperators} from '../../src/graph/registry.js';
import {
  type AttributeMessage,
  anyNode,
  type Case,
  changeList,
  FLOATS,
  type GraphMessage,
  type Mutation,
  number,
} from './model-message.js';

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

/** The likelier ones more than once. */
export const ATTRIBUTE_MUTATIONS: readonly Mutation[] = [
  changeAttribute,
  changeAttribute,
  changeAttribute,
  addAttribute,
  removeAttribute,
  nest,
];

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

/** A subgraph in a subgraph in a subgraph. */
function nest(target: Case): void {
  const node = anyNode(target);
  if (node === null) return;
  let g: GraphMessage = {name: 'inner', node: [{opType: 'Relu', input: ['x'], output: ['y']}]};
  for (let depth = target.random.below(12); depth > 0; depth--)
    g = {name: 'inner', node: [{opType: 'If', attribute: [{name: 'then_branch', type: 5, g}]}]};
  node.attribute = [...(node.attribute ?? []), {name: 'body', type: 5, g}];
}
