// Replaces calls of functions that the model defines by the nodes of their bodies.
//
// Works on the file's messages, before anything is converted: a reference to an attribute of the call takes the
// place of any kind of attribute. Values inside a body get names of their own for each call, so that two calls
// never meet. Functions may call functions, but not themselves; every node that is made, calls
// included, counts against the limits, so that a small file cannot grow without bound.

import {checkLimit, type Limits} from './limits.js';
import type {AttributeProto, FunctionProto, GraphProto, NodeProto, OpsetProto} from './proto.js';
import {formatError} from './wire.js';

/** What names and attributes mean inside one body. */
interface Scope {
  readonly rename: (name: string) => string;
  /** Attributes of the call by name; null outside of functions, where references mean nothing. */
  readonly attributes: ReadonlyMap<string, AttributeProto> | null;
  /** Opset of the function, where it differs from the model's. */
  readonly opset: number | undefined;
  /** Functions being expanded, outermost first. */
  readonly calls: readonly string[];
}

interface Expansion {
  readonly functions: ReadonlyMap<string, FunctionProto>;
  readonly limits: Limits;
  readonly opset: number;
  /** Names of the file: those made here differ from all of them. */
  readonly prefix: string;
  nodes: number;
  entries: number;
  calls: number;
}

/** '' and 'ai.onnx' are two spellings of the default domain. */
export function canonicalDomain(domain = ''): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** The version of the default domain; undefined when none is imported. */
export function importedOpset(imports: readonly OpsetProto[]): number | undefined {
  let opset: number | undefined;
  for (const {domain, version = 0} of imports) {
    if (canonicalDomain(domain) !== '') continue;
    if (opset !== undefined && opset !== version)
      throw formatError(`it imports two opsets, ${opset} and ${version}`);
    opset = version;
  }
  return opset;
}

/**
 * The nodes of `graph` without calls of `functions`; nodes of a body carry the opset of their function.
 *
 * @throws ERR_ONNX_FORMAT for functions that call themselves, ERR_ONNX_LIMIT for too many nodes or entries
 */
export function inlineFunctions(
  graph: GraphProto,
  functions: readonly FunctionProto[],
  options: {readonly limits: Limits; readonly opset: number},
): readonly NodeProto[] {
  if (functions.length === 0) return graph.node;
  const byKey = new Map<string, FunctionProto>();
  for (const fn of functions) {
    const key = keyOf(fn.domain, fn.name, fn.overload);
    if (byKey.has(key)) throw formatError(`function "${fn.name}" is defined twice`);
    byKey.set(key, fn);
  }
  const prefix = unusedPrefix(graph, functions);
  const expansion = {functions: byKey, ...options, prefix, nodes: 0, entries: 0, calls: 0};
  const scope = {rename: (name: string) => name, attributes: null, opset: undefined, calls: []};
  return expandNodes(expansion, graph.node, scope);
}

function keyOf(domain: string | undefined, name = '', overload = ''): string {
  return JSON.stringify([canonicalDomain(domain), name, overload]);
}

/** No name of the file starts with it. */
function unusedPrefix(graph: GraphProto, functions: readonly FunctionProto[]): string {
  const names: string[] = [];
  const collect = (nodes: readonly NodeProto[]): void => {
    for (const node of nodes) {
      names.push(...node.input, ...node.output);
      for (const {g} of node.attribute) {
        if (g === undefined) continue;
        names.push(...g.initializer.map(tensor => tensor.name ?? ''));
        collect(g.node);
      }
    }
  };
  collect(graph.node);
  names.push(...graph.input.map(port => port.name ?? ''));
  names.push(...graph.initializer.map(tensor => tensor.name ?? ''));
  for (const fn of functions) {
    names.push(...fn.input, ...fn.output);
    collect(fn.node);
  }
  const longest = names.reduce(
    (most, name) => Math.max(most, /^call_*/.exec(name)?.[0].length ?? 0),
    0,
  );
  return longest === 0 ? 'call' : `call${'_'.repeat(longest - 3)}`;
}

function expandNodes(
  expansion: Expansion,
  nodes: readonly NodeProto[],
  scope: Scope,
): readonly NodeProto[] {
  return nodes.flatMap(node => {
    const bound = bindNode(expansion, node, scope);
    const key = keyOf(node.domain, node.opType, node.overload);
    const fn = expansion.functions.get(key);
    return fn === undefined ? [bound] : expandCall(expansion, bound, {fn, key, calls: scope.calls});
  });
}

/** `node` with the names and attributes of its scope. */
function bindNode(expansion: Expansion, node: NodeProto, scope: Scope): NodeProto {
  checkLimit(expansion.limits, 'nodes', ++expansion.nodes);
  countEntries(expansion, node.input.length + node.output.length);
  const rename = (name: string) => (name === '' ? '' : scope.rename(name));
  return {
    ...node,
    input: node.input.map(rename),
    output: node.output.map(rename),
    attribute: node.attribute.flatMap(attribute => bindAttribute(expansion, attribute, scope)),
    ...(scope.opset === undefined ? {} : {opset: scope.opset}),
  };
}

function countEntries(expansion: Expansion, count: number): void {
  expansion.entries += count;
  checkLimit(expansion.limits, 'entries', expansion.entries);
}

/** A reference becomes the attribute of the call, or nothing when the call leaves it out. */
function bindAttribute(
  expansion: Expansion,
  attribute: AttributeProto,
  scope: Scope,
): AttributeProto[] {
  const {refAttrName, g, ints, floats, strings} = attribute;
  countEntries(expansion, 1 + ints.length + floats.length + strings.length);
  if (refAttrName !== undefined && refAttrName !== '' && scope.attributes !== null) {
    const referred = scope.attributes.get(refAttrName);
    return referred === undefined ? [] : [{...referred, name: attribute.name ?? ''}];
  }
  return g === undefined ? [attribute] : [{...attribute, g: bindGraph(expansion, g, scope)}];
}

/** A subgraph sees the names around it. */
function bindGraph(expansion: Expansion, graph: GraphProto, scope: Scope): GraphProto {
  const port = <P extends {readonly name?: string}>(info: P): P => ({
    ...info,
    name: scope.rename(info.name ?? ''),
  });
  return {
    ...graph,
    node: expandNodes(expansion, graph.node, scope),
    input: graph.input.map(port),
    output: graph.output.map(port),
    initializer: graph.initializer.map(tensor => ({
      ...port(tensor),
      original: tensor.original ?? tensor,
    })),
  };
}

interface Call {
  readonly fn: FunctionProto;
  readonly key: string;
  readonly calls: readonly string[];
}

function expandCall(expansion: Expansion, node: NodeProto, {fn, key, calls}: Call): NodeProto[] {
  const name = fn.name ?? '';
  if (calls.includes(key)) throw formatError(`function "${name}" calls itself`);
  checkLimit(expansion.limits, 'callDepth', calls.length + 1);
  if (node.input.length > fn.input.length || node.output.length > fn.output.length)
    throw formatError(`a call of function "${name}" has more inputs or outputs than it defines`);

  const prefix = `${expansion.prefix}${++expansion.calls}/`;
  const names = new Map(fn.input.map((formal, index) => [formal, node.input[index] ?? '']));
  const outputs = fn.output.flatMap((formal, index) => {
    const actual = node.output[index] ?? '';
    return actual === '' ? [] : [{formal, actual}];
  });
  // An output that is also an input, or an output twice, is a copy made afterwards.
  const copies = outputs.filter(({formal, actual}) => {
    if (names.has(formal)) return true;
    names.set(formal, actual);
    return false;
  });
  const scope: Scope = {
    rename: inner => names.get(inner) ?? `${prefix}${inner}`,
    attributes: callAttributes(fn, node),
    opset: functionOpset(expansion, fn),
    calls: [...calls, key],
  };
  const body = expandNodes(expansion, fn.node, scope);
  return [
    ...body,
    ...copies.map(({formal, actual}) => ({
      opType: 'Identity',
      input: [names.get(formal)!],
      output: [actual],
      attribute: [],
    })),
  ];
}

/** The attributes of the call over the defaults of the function. */
function callAttributes(fn: FunctionProto, node: NodeProto): Map<string, AttributeProto> {
  const attributes = [...fn.attributeProto, ...node.attribute];
  return new Map(attributes.map(attribute => [attribute.name ?? '', attribute]));
}

function functionOpset(expansion: Expansion, fn: FunctionProto): number | undefined {
  const opset = importedOpset(fn.opsetImport) ?? expansion.opset;
  return opset === expansion.opset ? undefined : opset;
}
