// Operators as opset 6 has them, where opset 7 changed them: broadcasting by attribute, is_test.

import {emitReshape} from './ops/reshape.js';
import {
  type AttributeSpec,
  type BuildContext,
  isConstant,
  type Operand,
  type Registration,
} from './registration.js';
import {formatShape} from './shapes.js';

/** The opset whose forms these are. */
export const OPSET_SIX = 6;

type Form = Pick<Registration, 'attributes' | 'build'>;

const BROADCASTING = [
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Pow',
  'And',
  'Or',
  'Xor',
  'Equal',
  'Greater',
  'Less',
] as const;

const INT: AttributeSpec = {kind: 'int'};

/** The old form of each operator that had one, made from its newer one. */
const FORMS: ReadonlyMap<string, (registration: Registration) => Form> = new Map([
  ...BROADCASTING.map(opType => [opType, broadcasting] as const),
  // Numpy's broadcasting, on which opset 7 insists, covers what `broadcast` allows of C.
  ['Gemm', ({build}: Registration): Form => ({attributes: {broadcast: INT}, build})] as const,
  ['PRelu', channelSlope] as const,
  ['BatchNormalization', inferring] as const,
  ['Dropout', inferring] as const,
]);

/** `registration` as opset 6 has it. */
export function opsetSixForm(registration: Registration): Registration {
  const form = FORMS.get(registration.opType)?.(registration);
  if (form === undefined) return registration;
  return {
    ...registration,
    attributes: {...registration.attributes, ...form.attributes},
    build: form.build,
  };
}

/** With `broadcast`, the axes of the second operand stand at `axis` of the first; without `axis`, at its end. */
function broadcasting({build}: Registration): Form {
  return {
    attributes: {axis: INT, broadcast: INT},
    build: context => {
      const [a, b] = [context.input(0), context.input(1)];
      if (context.int('broadcast', 0) === 0 || !context.has('axis')) return build(context);
      const axis = context.int('axis', 0);
      const first = axis < 0 ? axis + a.shape.length : axis;
      const trailing = a.shape.length - first - b.shape.length;
      if (trailing < 0 || first < 0) {
        context.fail(
          `expected an operand that fits ${formatShape(a.shape)} from axis ${axis} on but received ${formatShape(b.shape)}`,
        );
      }
      const shape = [...b.shape, ...Array<number>(trailing).fill(1)];
      return build(withSecond(context, emitReshape(context, b, shape)));
    },
  };
}

/** The slopes of a PRelu are a list, one per channel. */
function channelSlope({build}: Registration): Form {
  return {
    attributes: {},
    build: context => {
      const [x, slope] = [context.input(0), context.input(1)];
      if (slope.shape.length !== 1 || x.shape.length < 2) return build(context);
      const shape = [slope.shape[0]!, ...x.shape.slice(2).map(() => 1)];
      return build(withSecond(context, emitReshape(context, slope, shape)));
    },
  };
}

/** What trains unless `is_test` says otherwise. */
function inferring({build}: Registration): Form {
  return {
    attributes: {is_test: INT},
    build: context => {
      if (context.int('is_test', 0) === 0) context.unsupported(`${context.opType} is_test=0`);
      return build(context);
    },
  };
}

/** `context` with another operand as input 1. */
function withSecond(context: BuildContext, second: Operand): BuildContext {
  return {
    ...context,
    input: index => (index === 1 ? second : context.input(index)),
    optional: index => (index === 1 ? second : context.optional(index)),
    constantInput: (index, what) =>
      index === 1 && isConstant(second) ? second : context.constantInput(index, what),
  };
}
