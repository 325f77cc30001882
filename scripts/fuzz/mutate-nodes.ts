// Changes of nodes and of what they read: cycles, repeated names, strange neighbours, many inputs.

import {supportedOperators} from '../../src/graph/registry.js';
import {allNames, anyNode, type Case, type Mutation} from './model-message.js';

const OPERATORS = supportedOperators();

/** The likelier ones twice. */
export const NODE_MUTATIONS: readonly Mutation[] = [
  rewire,
  rewire,
  closeCycle,
  changeOperator,
  changeOpset,
  repeatName,
  repeatNode,
  dropNode,
  shuffleNodes,
  takeNode,
  widen,
  addOutput,
];

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

function addOutput(target: Case): void {
  target.graph.output.push({name: target.random.pick(allNames(target))});
}
