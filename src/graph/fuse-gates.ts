// Recognises hardSigmoid and hardSwish where a model spells them out.
//
// Exporters write x * clip(x + 3, 0, 6) / 6 in several orders. Following the chain with three forms of
// value, in x, tells whether it comes to the same.

import type {Activation} from './functions.js';
import type {ChainOp} from './graph.js';

/** a*x + b; with `high` scale * clip(a*x + b, 0, high); the latter times x for a product. */
interface Form {
  readonly kind: 'linear' | 'gate' | 'product';
  readonly a: number;
  readonly b: number;
  readonly high: number;
  readonly scale: number;
}

const X: Form = {kind: 'linear', a: 1, b: 0, high: 0, scale: 1};

/** Constants of models are f32, so a sixth is a sixth to about 1e-7. */
const TOLERANCE = 1e-6;

/** The one function that a chain over one input amounts to, or null. */
export function gateOf(ops: readonly ChainOp[]): Activation | null {
  if (ops.length < 2) return null;
  const forms: Form[] = [X];
  for (const op of ops) {
    const next = apply(op, forms);
    if (next === null) return null;
    forms.push(next);
  }
  return nameOf(forms.at(-1)!);
}

function nameOf({kind, a, b, high, scale}: Form): Activation | null {
  if (kind === 'linear' || !isClose(scale * high, 1)) return null;
  const [alpha, beta] = [a / high, b / high];
  if (kind === 'gate') return {fn: 'hardSigmoid', alpha, beta};
  return isClose(alpha, 1 / 6) && isClose(beta, 0.5) ? {fn: 'hardSwish', alpha: 0, beta: 0} : null;
}

function apply({fn, a, b}: ChainOp, forms: readonly Form[]): Form | null {
  const left = forms[a]!;
  if (fn.kind === 'unary') return applyUnary(fn.activation, left);
  const right = forms[b]!;
  if (fn.kind === 'ternary' || fn.fn !== 'mul') return null;
  return left.kind === 'linear' ? multiply(left, right) : multiply(right, left);
}

function applyUnary({fn, alpha, beta}: Activation, form: Form): Form | null {
  if (fn === 'affine') {
    if (form.kind === 'linear') return {...form, a: form.a * alpha, b: form.b * alpha + beta};
    return beta === 0 ? {...form, scale: form.scale * alpha} : null;
  }
  if (form.kind !== 'linear') return null;
  if (fn === 'clip') {
    const isGate = alpha === 0 && beta > 0 && Number.isFinite(beta);
    return isGate ? {...form, kind: 'gate', high: beta} : null;
  }
  if (fn !== 'hardSigmoid') return null;
  return {kind: 'gate', a: form.a * alpha, b: form.b * alpha + beta, high: 1, scale: 1};
}

/** A multiple of x times a gate. */
function multiply(linear: Form, gate: Form): Form | null {
  if (linear.kind !== 'linear' || linear.b !== 0 || gate.kind !== 'gate') return null;
  return {...gate, kind: 'product', scale: gate.scale * linear.a};
}

function isClose(value: number, expected: number): boolean {
  return Math.abs(value - expected) <= TOLERANCE * Math.max(1, Math.abs(expected));
}
