// One operator call as the reference sees it.

import type {Attribute, OnnxNode} from '../../../src/onnx/model.js';
import type {RefTensor} from './tensor.js';

type Kind = Attribute['kind'];
type ValueOf<K extends Kind> = Extract<Attribute, {kind: K}>['value'];

export class Call {
  readonly node: OnnxNode;
  readonly opset: number;
  /** null where an optional input is absent. */
  readonly inputs: readonly (RefTensor | null)[];

  constructor(node: OnnxNode, opset: number, inputs: readonly (RefTensor | null)[]) {
    this.node = node;
    this.opset = opset;
    this.inputs = inputs;
  }

  /** The given input, which must be there. */
  input(index: number): RefTensor {
    const input = this.inputs[index];
    if (input === undefined || input === null) throw new Error(`input ${index} is missing`);
    return input;
  }

  optional(index: number): RefTensor | null {
    return this.inputs[index] ?? null;
  }

  float(name: string, fallback: number): number {
    return this.#attribute(name, 'float') ?? fallback;
  }

  int(name: string, fallback: number): number {
    return this.#attribute(name, 'int') ?? fallback;
  }

  string(name: string, fallback: string): string {
    return this.#attribute(name, 'string') ?? fallback;
  }

  ints(name: string): readonly number[] | null {
    return this.#attribute(name, 'ints');
  }

  floats(name: string): readonly number[] | null {
    return this.#attribute(name, 'floats');
  }

  tensor(name: string): ValueOf<'tensor'> | null {
    return this.#attribute(name, 'tensor');
  }

  /** Whole numbers that are an attribute in old opsets and an input in new ones. */
  intsOrInput(name: string, index: number): readonly number[] | null {
    const input = this.optional(index);
    return this.ints(name) ?? (input === null ? null : Array.from(input.data));
  }

  #attribute<K extends Kind>(name: string, kind: K): ValueOf<K> | null {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return null;
    if (attribute.kind !== kind)
      throw new Error(`attribute ${name} is a ${attribute.kind}, not a ${kind}`);
    return attribute.value as ValueOf<K> | null;
  }
}

/** The outputs of one call, in order. */
export type RefOp = (call: Call) => RefTensor | readonly RefTensor[];
export type RefOps = Readonly<Record<string, RefOp>>;
