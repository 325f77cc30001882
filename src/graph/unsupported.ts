// What the runtime does not do: found over the whole model, reported as one error.

import {UntangleError} from '../errors.js';
import {NEWEST_OPSET, OLDEST_OPSET} from '../onnx/decode.js';
import type {Attribute, OnnxNode} from '../onnx/model.js';
import type {AttributeSpec, Operand, Registration} from './registration.js';
import {TYPES, typeKind} from './types.js';

/** Thrown while a node is built; caught by the builder, which goes on with the next node. */
export class UnsupportedNode extends Error {}

/** One thing the runtime does not do, and the node that asks for it. */
export interface UnsupportedUse {
  readonly text: string;
  readonly node: string;
}

export function nodeLabel(node: OnnxNode): string {
  return node.name || node.outputs.find(output => output !== '') || node.opType;
}

/** @throws ERR_OPSET_UNSUPPORTED */
export function checkOpset(opset: number): void {
  if (opset >= OLDEST_OPSET && opset <= NEWEST_OPSET) return;
  throw new UntangleError('ERR_OPSET_UNSUPPORTED', [opset, NEWEST_OPSET], {opset});
}

/** What can be said about a node without its inputs: operator, opset and attributes. */
export function findUnsupported(
  node: OnnxNode,
  opset: number,
  registration: Registration | undefined,
): string[] {
  if (registration === undefined) {
    return [
      node.domain === '' || node.domain === 'ai.onnx'
        ? node.opType
        : `${node.domain}.${node.opType}`,
    ];
  }
  if (opset < (registration.since ?? OLDEST_OPSET)) return [`${node.opType} in opset ${opset}`];

  const texts: string[] = [];
  for (const [name, attribute] of node.attributes) {
    const spec = Object.hasOwn(registration.attributes, name)
      ? registration.attributes[name]
      : undefined;
    const problem = attributeProblem(name, attribute, spec, opset);
    if (problem !== undefined) texts.push(`${node.opType} ${problem}`);
  }
  return texts;
}

/** @throws UnsupportedNode when the first input's type is none that the operator takes */
export function checkType(
  {opType, types = TYPES.float}: Registration,
  x: Operand | undefined,
): void {
  if (x !== undefined && !types.includes(typeKind(x.dtype)))
    throw new UnsupportedNode(`${opType} of ${x.dtype} values`);
}

function attributeProblem(
  name: string,
  attribute: Attribute,
  spec: AttributeSpec | undefined,
  opset: number,
): string | undefined {
  if (spec === undefined) return `attribute ${name}`;
  if (attribute.kind === 'unsupported') return `attribute ${name} (${attribute.value})`;
  if (opset < (spec.since ?? 0) || opset > (spec.until ?? Infinity)) {
    return `attribute ${name} in opset ${opset}`;
  }
  const {value} = attribute;
  const isScalar = typeof value === 'number' || typeof value === 'string';
  if (spec.values !== undefined && isScalar && !spec.values.includes(value))
    return `${name}=${value}`;
  return undefined;
}

/** One error for everything found; equal texts are listed once. */
export function unsupportedError(uses: readonly UnsupportedUse[]): UntangleError {
  const nodesByText = new Map<string, string[]>();
  for (const {text, node} of uses) {
    const nodes = nodesByText.get(text);
    if (nodes === undefined) nodesByText.set(text, [node]);
    else nodes.push(node);
  }

  const operators = [...nodesByText].map(([text, nodes]) => {
    const others = nodes.length > 1 ? ` and ${nodes.length - 1} more` : '';
    return `${text} (node "${nodes[0]}"${others})`;
  });
  const args = [operators.length, operators.join(', ')];
  return new UntangleError('ERR_OP_UNSUPPORTED', args, {operators});
}
