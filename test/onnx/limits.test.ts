import test from 'ava';
import {UntangleError} from '../../src/errors.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {DEFAULT_LIMITS, type Limits, resolveLimits} from '../../src/onnx/limits.js';
import {MODEL} from '../../src/onnx/proto.js';
import {writeMessage} from '../../src/onnx/wire.js';
import {model, modelMessage} from '../helpers/onnx-builder.js';

const SPEC = {
  inputs: [{name: 'input', dims: [1, 4]}],
  outputs: [{name: 'y', dims: [1, 4]}],
  nodes: [
    {op: 'Add', inputs: ['input', 'b'], outputs: ['h']},
    {op: 'Mul', inputs: ['h', 'c'], outputs: ['y']},
  ],
  initializers: {b: {dims: [1, 1, 4], data: [1, 2, 3, 4]}, c: {dims: [1], data: [2]}},
};
const BYTES = model(SPEC);

/** Limits of what comes after decoding; test/compile-limits.test.ts has their edges. */
type CompileLimit = 'foldedElements' | 'regions' | 'convolutionRegions' | 'compileMs';

/** The smallest value of each limit with which the model above still decodes; both sides are tried. */
const EDGES: Readonly<Record<Exclude<keyof Limits, CompileLimit | 'callDepth'>, number>> = {
  fileBytes: BYTES.length,
  nodes: 2,
  tensors: 2,
  rank: 3,
  elements: 4,
  // Model, graph, input, type, tensor type, shape, dimension.
  nestingDepth: 7,
  nameBytes: 5,
  // 1 opset, 2 ports with 2 dimensions each, 6 names at the nodes.
  entries: 13,
};

for (const [name, edge] of Object.entries(EDGES) as [keyof typeof EDGES, number][]) {
  test(`limit ${name}: ${edge} is enough and ${edge - 1} is not`, t => {
    t.notThrows(() => decodeModel(BYTES, {limits: {[name]: edge}}));
    const error = t.throws(() => decodeModel(BYTES, {limits: {[name]: edge - 1}}), {
      instanceOf: UntangleError,
    });
    t.is(error?.code, 'ERR_ONNX_LIMIT');
    t.is(error?.fields.limit, name);
  });
}

test('subgraphs deeper than the limit are refused without being walked to the end', t => {
  let inner: Record<string, unknown> = {name: 'innermost'};
  for (let depth = 0; depth < 2000; depth++) {
    inner = {node: [{opType: 'If', attribute: [{name: 'b', type: 5, g: inner}]}]};
  }
  const message = {...modelMessage(SPEC), graph: {...modelMessage(SPEC).graph, ...inner}};
  t.throws(() => decodeModel(writeMessage(message, MODEL)), {code: 'ERR_ONNX_LIMIT'});
});

test('a product of dimensions cannot wrap or hide behind a zero', t => {
  for (const dims of [
    [2 ** 16, 2 ** 16],
    [2 ** 40, 0],
    [0, 2 ** 40],
    [2 ** 52, 2 ** 52, 2 ** 52, 0],
  ]) {
    const message = modelMessage(SPEC);
    message.graph.initializer = [{name: 'b', dims, dataType: 1, rawData: new Uint8Array(4)}];
    t.throws(() => decodeModel(writeMessage(message, MODEL)), {code: 'ERR_ONNX_LIMIT'});
  }
});

test('a limit that is no limit is refused', t => {
  for (const nodes of [Number.NaN, -1, 1.5, Infinity])
    t.throws(() => resolveLimits({nodes}), {code: 'ERR_OPTION'});
  t.throws(() => resolveLimits({depth: 3} as Partial<Limits>), {code: 'ERR_OPTION'});
  t.deepEqual(resolveLimits(), DEFAULT_LIMITS);
});
