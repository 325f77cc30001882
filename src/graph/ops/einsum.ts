// Einsum as transposes, sums and matrix products, one operand after the other.

import type {BuildContext, Operand, Registration} from '../registration.js';
import {elementCount, formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitTranspose} from './arrange.js';
import {emitMatMul} from './matrix.js';
import {emitReshape} from './reshape.js';

export const EINSUM: readonly Registration[] = [
  {
    opType: 'Einsum',
    types: TYPES.number,
    limits: 'no letter twice in one operand',
    since: 12,
    attributes: {equation: {kind: 'string'}},
    build: buildEinsum,
  },
];

/** A value whose dimensions have names: letters of the equation, digits for those of the ellipsis. */
interface Term {
  readonly value: Operand;
  readonly labels: readonly string[];
}

/** Joins the operands from left to right; a label is summed as soon as nothing behind needs it. */
function buildEinsum(context: BuildContext): Operand {
  const {terms, output} = readEquation(context);
  let [joined, ...rest] = terms as [Term, ...Term[]];
  for (const [index, term] of rest.entries()) {
    const later = rest.slice(index + 1).flatMap(({labels}) => labels);
    joined = multiply(context, [joined, term], new Set([...output, ...later]));
  }
  const {value, labels} = sumOut(context, joined, new Set(output));
  return emitTranspose(
    context,
    value,
    output.map(label => labels.indexOf(label)),
  );
}

function readEquation(context: BuildContext): {
  readonly terms: readonly Term[];
  readonly output: readonly string[];
} {
  const equation = context.string('equation', '').replaceAll(' ', '');
  const [left, right, ...more] = equation.split('->');
  const inputs = (left ?? '').split(',');
  const isFormed =
    more.length === 0 &&
    [...inputs, right ?? ''].every(part => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(part));
  if (!isFormed || inputs.length !== context.inputCount) {
    return context.fail(
      `expected an equation over ${context.inputCount} operand(s) but received "${equation}"`,
    );
  }
  const terms = inputs.map((part, index) => readTerm(context, part, context.input(index)));
  checkSizes(context, terms);
  const all = terms.flatMap(({labels}) => labels);
  const batch = [...new Set(all.filter(label => /\d/.test(label)))].sort((a, b) => +b - +a);
  const once = [...new Set(all)].filter(
    label => !/\d/.test(label) && all.indexOf(label) === all.lastIndexOf(label),
  );
  const output =
    right === undefined
      ? [...batch, ...once.sort()]
      : [...right.replace('...', '.')].flatMap(label => (label === '.' ? batch : [label]));
  if (output.some(label => !all.includes(label)) || new Set(output).size !== output.length)
    context.fail(`expected every output label once and in an operand but received "${equation}"`);
  return {terms, output};
}

/** Dimensions of the ellipsis are named by their distance from its end, so that they line up on the right. */
function readTerm(context: BuildContext, part: string, value: Operand): Term {
  const rank = value.shape.length;
  const extra = rank - part.replace('...', '').length;
  const labels = [...part.replace('...', '.')].flatMap(label =>
    label === '.'
      ? Array.from({length: Math.max(0, extra)}, (_, at) => String(extra - 1 - at))
      : [label],
  );
  if (labels.length !== rank)
    context.fail(`expected an operand "${part}" but received ${formatShape(value.shape)}`);
  if (new Set(labels).size !== rank) context.unsupported(`Einsum with a diagonal ("${part}")`);
  return {value, labels};
}

function checkSizes(context: BuildContext, terms: readonly Term[]): void {
  const sizes = new Map<string, number>();
  for (const {value, labels} of terms) {
    for (const [dim, label] of labels.entries()) {
      const size = value.shape[dim]!;
      const known = sizes.get(label) ?? size;
      const isBroadcast = /\d/.test(label) && (size === 1 || known === 1);
      if (size !== known && !isBroadcast)
        context.fail(`expected one size for "${label}" but received ${known} and ${size}`);
      sizes.set(label, Math.max(size, known));
    }
  }
}

/** Sums over the labels that are not in `kept`. */
function sumOut(context: BuildContext, {value, labels}: Term, kept: ReadonlySet<string>): Term {
  const axes = labels.flatMap((label, dim) => (kept.has(label) ? [] : [dim]));
  if (axes.length === 0) return {value, labels};
  const shape = value.shape.filter((_, dim) => !axes.includes(dim));
  return {
    value: context.emit({op: 'reduce', fn: 'sum', axes}, [value], shape),
    labels: labels.filter(label => kept.has(label)),
  };
}

/** [batch.., left, shared] times [batch.., shared, right]. */
function multiply(
  context: BuildContext,
  terms: readonly [Term, Term],
  needed: ReadonlySet<string>,
): Term {
  const [a, b] = terms.map((term, index) =>
    sumOut(context, term, new Set([...needed, ...terms[1 - index]!.labels])),
  ) as [Term, Term];
  const common = a.labels.filter(label => b.labels.includes(label));
  const batch = common.filter(label => needed.has(label));
  const shared = common.filter(label => !needed.has(label));
  const left = a.labels.filter(label => !common.includes(label));
  const right = b.labels.filter(label => !common.includes(label));
  const rows = matrices(context, a, [batch, left, shared]);
  const columns = matrices(context, b, [batch, shared, right]);
  const product = emitMatMul(context, rows, columns);
  const value = emitReshape(context, product, [
    ...product.shape.slice(0, -2),
    ...sizesOf(a, left),
    ...sizesOf(b, right),
  ]);
  return {value, labels: [...batch, ...left, ...right]};
}

function sizesOf({value, labels}: Term, some: readonly string[]): number[] {
  return some.map(label => value.shape[labels.indexOf(label)]!);
}

/** The batch dimensions as they are, then two more that hold the other two groups. */
function matrices(
  context: BuildContext,
  term: Term,
  [batch, rows, columns]: readonly [readonly string[], readonly string[], readonly string[]],
): Operand {
  const order = [...batch, ...rows, ...columns].map(label => term.labels.indexOf(label));
  return emitReshape(context, emitTranspose(context, term.value, order), [
    ...sizesOf(term, batch),
    elementCount(sizesOf(term, rows)),
    elementCount(sizesOf(term, columns)),
  ]);
}
