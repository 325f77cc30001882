// Nodes and integer constants of a graph that is written step by step.

import type {NodeSpec, TensorSpec} from './onnx-file.js';

export class NodeList {
  readonly nodes: NodeSpec[] = [];
  readonly #constants = new Map<string, TensorSpec>();

  /** Appends a node with one output. */
  add(op: string, inputs: readonly string[], output: string, attrs: NodeSpec['attrs'] = {}): void {
    this.nodes.push({op, inputs, outputs: [output], attrs});
  }

  /** The name of an int64 constant [values.length]. */
  integers(values: readonly number[]): string {
    const name = `i${values.join('_')}`;
    this.#constants.set(name, {dims: [values.length], data: values, dtype: 'int64'});
    return name;
  }

  get initializers(): Readonly<Record<string, TensorSpec>> {
    return Object.fromEntries(this.#constants);
  }
}
