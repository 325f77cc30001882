// The branch of an If whose condition is constant takes the node's place.
//
// Values of a branch get names of their own, so that it may be written like any other part of the model.

import type {Attribute, OnnxGraph, OnnxNode, Tensor} from '../onnx/model.js';
import {failNode} from './build-context.js';
import {nodeLabel} from './unsupported.js';

/** Nodes in the order of the file, and constants, under names that nothing else has. */
export interface InlinedBranch {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
}

/** Every name that something in `graph` defines, at any depth. */
export function definedNames(
  graph: Pick<OnnxGraph, 'nodes' | 'initializers'> & {readonly inputs: readonly string[]},
): string[] {
  return [
    ...graph.inputs,
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap(node => [...node.outputs, ...subgraphs(node).flatMap(definedNames)]),
  ];
}

/** What a node reads: its inputs, and what its branches take from the graph around them. */
export function nodeReads(node: OnnxNode): readonly string[] {
  const branches = subgraphs(node);
  return branches.length === 0 ? node.inputs : [...node.inputs, ...branches.flatMap(freeNames)];
}

function freeNames(graph: OnnxGraph): string[] {
  const own = ownNames(graph);
  const read = [...graph.nodes.flatMap(nodeReads), ...graph.outputs];
  return [...new Set(read)].filter(name => name !== '' && !own.has(name));
}

function ownNames(graph: OnnxGraph): Set<string> {
  const made = graph.nodes.flatMap(node => node.outputs);
  return new Set([...graph.inputs, ...graph.initializers.keys(), ...made]);
}

function subgraphs(node: OnnxNode): OnnxGraph[] {
  return [...node.attributes.values()].flatMap(attribute =>
    attribute.kind === 'graph' ? [attribute.value] : [],
  );
}

/**
 * The then_branch of `node`, or its else_branch; `names` holds every name of the model and receives the new ones.
 *
 * @throws ERR_MODEL_INVALID
 */
export function inlineBranch(node: OnnxNode, isTrue: boolean, names: Set<string>): InlinedBranch {
  const key = isTrue ? 'then_branch' : 'else_branch';
  const attribute = node.attributes.get(key);
  if (attribute?.kind !== 'graph')
    failNode(node, `expected the attribute ${key} but it is missing`);
  const branch = attribute.value;
  if (branch.inputs.length > 0 || branch.outputs.length !== node.outputs.length) {
    failNode(
      node,
      `expected ${key} to have no inputs and ${node.outputs.length} outputs but received ${branch.inputs.length} and ${branch.outputs.length}`,
    );
  }

  const renamed = new Map<string, string>();
  for (const name of ownNames(branch)) {
    if (name !== '') renamed.set(name, freshName(names, `${nodeLabel(node)}/${name}`));
  }
  const rename = (name: string) => renamed.get(name) ?? name;
  const results = branch.outputs.map(
    (output, index): OnnxNode => ({
      name: nodeLabel(node),
      opType: 'Identity',
      domain: '',
      inputs: [rename(output)],
      outputs: [node.outputs[index]!],
      attributes: new Map(),
    }),
  );
  return {
    nodes: [...branch.nodes.map(inner => renameNode(inner, rename)), ...results],
    initializers: new Map(
      [...branch.initializers].map(([name, tensor]) => [rename(name), tensor] as const),
    ),
  };
}

function freshName(names: Set<string>, base: string): string {
  let name = base;
  for (let suffix = 1; names.has(name); suffix++) name = `${base}/${suffix}`;
  names.add(name);
  return name;
}

function renameNode(node: OnnxNode, rename: (name: string) => string): OnnxNode {
  const attributes = [...node.attributes].map(([key, attribute]): [string, Attribute] => [
    key,
    attribute.kind === 'graph'
      ? {...attribute, value: renameGraph(attribute.value, rename)}
      : attribute,
  ]);
  return {
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
    attributes: new Map(attributes),
  };
}

/** Names that the graph defines itself stay: they hide those around it. */
function renameGraph(graph: OnnxGraph, rename: (name: string) => string): OnnxGraph {
  const own = ownNames(graph);
  const renameFree = (name: string) => (own.has(name) ? name : rename(name));
  return {
    ...graph,
    nodes: graph.nodes.map(node => renameNode(node, renameFree)),
    outputs: graph.outputs.map(renameFree),
  };
}
