// A graph while pairs of its nodes are being replaced: links and order kept up to date instead of found anew.
//
// Every replacement costs what it replaces, however large the graph is.

import type {Tensor} from '../onnx/model.js';
import type {Graph, Node, Value} from './graph.js';
import type {Links, Pair, Replacement} from './rewrite.js';

/** Distance between the labels of neighbours; nodes put in between take labels in between. */
const GAP = 2 ** 20;

interface Place {
  readonly node: Node;
  /** Ascends along the list. */
  label: number;
  before: Place | null;
  after: Place | null;
}

/** The nodes of a graph in order, with live links. */
export class GraphEditor {
  readonly links: Links;
  readonly #graph: Graph;
  readonly #values: Map<string, Value>;
  readonly #constants: Map<string, Tensor>;
  readonly #uses = new Map<string, number>();
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Set<Node>>();
  readonly #places = new Map<Node, Place>();
  #first: Place | null = null;
  #isChanged = false;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#values = new Map(graph.values);
    this.#constants = new Map(graph.constants);
    let last: Place | null = null;
    for (const node of graph.nodes) last = this.#insert(node, last, 0);
    this.#relabel();
    for (const {value} of graph.outputs) this.#count(value, 1);
    this.links = {
      graph: {...graph, values: this.#values, constants: this.#constants},
      uses: this.#uses,
      producers: this.#producers,
      consumers: this.#consumers,
    };
  }

  get first(): Node | undefined {
    return this.#first?.node;
  }

  get size(): number {
    return this.#places.size;
  }

  /** The node behind `node`. */
  after(node: Node): Node | undefined {
    return this.#places.get(node)?.after?.node;
  }

  /** Grows along the nodes; -1 for what is there from the start (inputs, constants) or is gone. */
  position(node: Node | undefined): number {
    return node === undefined ? -1 : (this.#places.get(node)?.label ?? -1);
  }

  /** The graph as it is now; the one given when nothing was replaced. */
  result(): Graph {
    if (!this.#isChanged) return this.#graph;
    const nodes: Node[] = [];
    for (let place = this.#first; place !== null; place = place.after) nodes.push(place.node);
    return {...this.#graph, nodes, values: this.#values, constants: this.#constants};
  }

  /** The new nodes stand where the producer stood, or the consumer when they need something in between. */
  replacePair({producer, consumer}: Pair, replacement: Replacement): void {
    const start = this.position(producer);
    const isEarly = replacement.nodes.every(node =>
      node.inputs.every(name => this.position(this.#producers.get(name)) < start),
    );
    this.replace([producer, consumer], isEarly ? producer : consumer, replacement);
  }

  /** Takes `removed` out and puts the new nodes where `at`, one of them, stood. */
  replace(removed: readonly Node[], at: Node, replacement: Replacement): void {
    const {nodes, values = [], constants = new Map<string, Tensor>()} = replacement;
    this.#isChanged = true;
    for (const value of values) this.#values.set(value.name, value);
    for (const [name, tensor] of constants) {
      this.#constants.set(name, tensor);
      this.#values.set(name, {name, dtype: tensor.dtype, shape: tensor.dims});
    }
    for (const node of removed) if (node !== at) this.#unlink(node);
    let {before} = this.#places.get(at)!;
    this.#unlink(at);
    const step = this.#step(before, nodes.length);
    for (const node of nodes) before = this.#insert(node, before, step);
    if (step < 1) this.#relabel();
  }

  #unlink(node: Node): void {
    const {before, after} = this.#places.get(node)!;
    this.#places.delete(node);
    if (before === null) this.#first = after;
    else before.after = after;
    if (after !== null) after.before = before;
    if (this.#producers.get(node.output) === node) this.#producers.delete(node.output);
    for (const name of node.inputs) {
      this.#count(name, -1);
      this.#consumers.get(name)?.delete(node);
    }
  }

  /** Puts `node` behind `before` (first when null), `step` further along. */
  #insert(node: Node, before: Place | null, step: number): Place {
    const after = before === null ? this.#first : before.after;
    const place: Place = {node, label: (before?.label ?? 0) + step, before, after};
    this.#places.set(node, place);
    if (before === null) this.#first = place;
    else before.after = place;
    if (after !== null) after.before = place;
    this.#producers.set(node.output, node);
    for (const name of node.inputs) {
      this.#count(name, 1);
      const consumers = this.#consumers.get(name);
      if (consumers === undefined) this.#consumers.set(name, new Set([node]));
      else consumers.add(node);
    }
    return place;
  }

  /** Distance of `count` labels that fit behind `before`. */
  #step(before: Place | null, count: number): number {
    const after = before === null ? this.#first : before.after;
    const low = before?.label ?? 0;
    const high = after?.label ?? low + GAP * (count + 1);
    return (high - low) / (count + 1);
  }

  #relabel(): void {
    let label = 0;
    for (let place = this.#first; place !== null; place = place.after) place.label = label += GAP;
  }

  #count(name: string, change: number): void {
    this.#uses.set(name, (this.#uses.get(name) ?? 0) + change);
  }
}
