import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {type BinaryFunction, IDENTITY, type UnaryFunction} from '../../src/graph/functions.js';
import {fuseGraph} from '../../src/graph/fuse.js';
import {foldAffineAfter, foldAffineBefore} from '../../src/graph/fuse-affine.js';
import {fuseChains, fuseGates} from '../../src/graph/fuse-chains.js';
import {fuseEpilogue} from '../../src/graph/fuse-epilogue.js';
import {fuseGemmReshape} from '../../src/graph/fuse-gemm.js';
import {hoistSteps} from '../../src/graph/fuse-hoist.js';
import {composeRearranging, removeDead, removeNoops} from '../../src/graph/fuse-noops.js';
import {foldPad} from '../../src/graph/fuse-pad.js';
import {foldScalars} from '../../src/graph/fuse-scalars.js';
import type {Graph, Operation} from '../../src/graph/graph.js';
import {assertSameResults, GraphBuilder, integers, operationNames} from './fuse-builder.js';

/** What `pass` makes of a graph, checked to compute the same. */
function after(graph: Graph, pass: (graph: Graph) => Graph): Graph {
  const result = pass(graph);
  assertSameResults(graph, result);
  return result;
}

function withMap(shape: readonly number[] = [2, 4, 3, 3]): {b: GraphBuilder; x: string} {
  const b = new GraphBuilder();
  return {b, x: b.input('x', shape)};
}

function only<Op extends Operation['op']>(graph: Graph, op: Op): Extract<Operation, {op: Op}> {
  const found = graph.nodes.filter(node => node.operation.op === op);
  assert.equal(found.length, 1);
  return found[0]!.operation as Extract<Operation, {op: Op}>;
}

test('a node that no output needs is removed with its constants', t => {
  const {b, x} = withMap();
  const y = b.unary('relu', x);
  b.binary('add', y, b.constant([3]));
  const result = after(b.build(y), removeDead);
  t.is(result.nodes.length, 1);
  t.is(result.constants.size, 0);
});

test('nodes that change nothing are read through, also as outputs', t => {
  const {b, x} = withMap();
  let y = b.unary('relu', x);
  y = b.node({op: 'reshape'}, [y], [2, 4, 3, 3]);
  y = b.node({op: 'transpose', perm: [0, 1, 2, 3]}, [y], [2, 4, 3, 3]);
  y = b.node({op: 'slice', starts: [0, 0, 0, 0], steps: [1, 1, 1, 1]}, [y], [2, 4, 3, 3]);
  y = b.node(
    {op: 'pad', mode: 'constant', begin: [0, 0, 0, 0], end: [0, 0, 0, 0], value: 1},
    [y],
    [2, 4, 3, 3],
  );
  y = b.node({op: 'expand'}, [y], [2, 4, 3, 3]);
  y = b.node({op: 'concat', axis: 1}, [y], [2, 4, 3, 3]);
  y = b.unary('identity', y);
  t.deepEqual(operationNames(after(b.build(y), removeNoops)), ['chain']);
});

test('a reversing slice is not read through', t => {
  const {b, x} = withMap([4]);
  const y = b.node({op: 'slice', starts: [3], steps: [-1]}, [x], [4]);
  t.is(after(b.build(y), removeNoops).nodes.length, 1);
});

test('transposes that undo each other disappear', t => {
  const {b, x} = withMap([2, 3, 4, 5]);
  const y = b.node({op: 'transpose', perm: [0, 2, 3, 1]}, [x], [2, 4, 5, 3]);
  const z = b.node({op: 'transpose', perm: [0, 3, 1, 2]}, [y], [2, 3, 4, 5]);
  const result = after(b.build(b.unary('relu', z)), graph =>
    removeNoops(composeRearranging(graph)),
  );
  t.deepEqual(operationNames(result), ['chain']);
});

test('three transposes become one, three reshapes become one', t => {
  const {b, x} = withMap([2, 3, 4, 5]);
  let y = b.node({op: 'transpose', perm: [0, 2, 3, 1]}, [x], [2, 4, 5, 3]);
  y = b.node({op: 'transpose', perm: [1, 0, 3, 2]}, [y], [4, 2, 3, 5]);
  y = b.node({op: 'transpose', perm: [3, 1, 0, 2]}, [y], [5, 2, 4, 3]);
  for (const shape of [[10, 12], [120], [8, 15]]) y = b.node({op: 'reshape'}, [y], shape);
  t.deepEqual(operationNames(after(b.build(y), composeRearranging)), ['transpose', 'reshape']);
});

test('functions with one scalar constant become functions of the other operand', t => {
  const expected: [BinaryFunction, UnaryFunction, UnaryFunction | null][] = [
    ['add', 'affine', 'affine'],
    ['sub', 'affine', 'affine'],
    ['mul', 'affine', 'affine'],
    ['div', 'affine', null],
    ['min', 'clip', 'clip'],
    ['max', 'clip', 'clip'],
    ['prelu', 'leakyRelu', null],
  ];
  for (const [fn, left, right] of expected) {
    for (const [isLeft, name] of [
      [true, left],
      [false, right],
    ] as const) {
      const {b, x} = withMap();
      const scalar = b.constant([1, 1], [3]);
      const graph = b.build(isLeft ? b.binary(fn, x, scalar) : b.binary(fn, scalar, x));
      const step = only(after(graph, foldScalars), 'chain').ops[0]!.fn;
      t.is(step.kind === 'unary' ? step.activation.fn : null, name, `${fn} ${isLeft}`);
    }
  }
});

test('neighbouring affine functions and clips become one', t => {
  const {b, x} = withMap();
  const affine = b.unary('affine', b.unary('affine', x, 2, -1), -3, 4);
  const clipped = b.unary('clip', b.unary('relu', affine), -5, 6);
  const result = after(b.build(clipped), foldScalars);
  t.deepEqual(
    result.nodes.map(({operation}) => (operation.op === 'chain' ? operation.ops[0]!.fn : null)),
    [
      {kind: 'unary', activation: {fn: 'affine', alpha: -6, beta: 7}},
      {kind: 'unary', activation: {fn: 'clip', alpha: 0, beta: 6}},
    ],
  );
});

/** Every node with weights, over x [2, 4, 3, 3]. */
const PRODUCERS: Readonly<Record<string, (b: GraphBuilder, x: string) => string>> = {
  conv: (b, x) => b.conv(x, {kernel: [3, 3], padBegin: [1, 1]}),
  'grouped conv': (b, x) => b.conv(x, {groups: 2}, [2, 6, 3, 3]),
  'depthwise conv': (b, x) => b.conv(x, {groups: 4, kernel: [2, 2]}, [2, 4, 2, 2]),
  'transposed conv': (b, x) =>
    b.conv(x, {transposed: true, kernel: [2, 3], strides: [2, 2]}, [2, 5, 6, 7]),
  'grouped transposed conv': (b, x) =>
    b.conv(x, {transposed: true, groups: 2, kernel: [2, 2], strides: [2, 2]}, [2, 6, 6, 6]),
  gemm: (b, x) => b.gemm(x, 5),
  instanceNorm: (b, x) =>
    b.node(
      {
        op: 'instanceNorm',
        epsilon: 1e-5,
        scale: integers(4, 2),
        bias: integers(4, 4),
        epilogue: {activation: IDENTITY},
      },
      [x],
      b.shape(x),
    ),
};

for (const [name, produce] of Object.entries(PRODUCERS)) {
  test(`scales and shifts after a ${name} go into it`, t => {
    for (const fn of ['add', 'sub', 'mul', 'div'] as const) {
      for (const isLeft of [true, false]) {
        if (fn === 'div' && !isLeft) continue;
        const {b, x} = withMap();
        const y = produce(b, x);
        const shape = b.shape(y);
        const isGemm = name === 'gemm';
        const channels = isGemm ? shape.at(-1)! : shape[1]!;
        const data = integers(channels, 9).map(value => value || 8);
        const constant = b.constant(isGemm ? [channels] : [channels, 1, 1], data);
        const z = isLeft ? b.binary(fn, y, constant) : b.binary(fn, constant, y);
        const result = after(b.build(b.unary('affine', z, 0.5, 2)), foldAffineAfter);
        t.is(result.nodes.length, 1, fn);
      }
    }
  });
}

test('scales before a convolution go into it; shifts only where no padding is read', t => {
  const cases: [string, BinaryFunction, number][] = [
    ['conv', 'mul', 1],
    ['conv', 'add', 2],
    ['grouped conv', 'mul', 1],
    ['grouped conv', 'add', 1],
    ['depthwise conv', 'sub', 1],
    ['transposed conv', 'mul', 1],
    ['transposed conv', 'add', 2],
    ['grouped transposed conv', 'mul', 1],
  ];
  for (const [name, fn, nodes] of cases) {
    const {b, x} = withMap();
    const y = PRODUCERS[name]!(b, b.binary(fn, x, b.constant([1, 4, 1, 1])));
    t.is(after(b.build(y), foldAffineBefore).nodes.length, nodes, `${fn} ${name}`);
  }
  const {b, x} = withMap([2, 4]);
  const y = b.gemm(b.binary('sub', b.constant([4]), x), 3);
  t.is(after(b.build(y), foldAffineBefore).nodes.length, 1);
});

test('a scale stays when its input is used elsewhere, or varies within a channel', t => {
  const {b, x} = withMap();
  const y = b.conv(x);
  const z = b.binary('mul', y, b.constant([4, 1, 1]));
  t.is(after(b.build(y, z), foldAffineAfter).nodes.length, 2);
  const {b: c, x: w} = withMap();
  const varied = c.binary('mul', c.conv(w), c.constant([4, 3, 3]));
  t.is(after(c.build(varied), foldAffineAfter).nodes.length, 2);
});

test('a pad by zeros before a convolution becomes its padding', t => {
  const cases: [Partial<Extract<Operation, {op: 'pad'}>>, number][] = [
    [{}, 1],
    [{value: 1}, 2],
    [{mode: 'reflect'}, 2],
    [{begin: [0, 0, -1, 0]}, 2],
  ];
  for (const [change, nodes] of cases) {
    const {b, x} = withMap([1, 2, 4, 4]);
    const pad = {
      op: 'pad',
      mode: 'constant',
      begin: [0, 0, 1, 2],
      end: [0, 0, 2, 1],
      value: 0,
      ...change,
    } as const;
    const height = 4 + pad.begin[2]! + pad.end[2]!;
    const padded = b.node(pad, [x], [1, 2, height, 7]);
    const y = b.conv(padded, {kernel: [3, 3], padBegin: [1, 0]}, [1, 2, height, 5]);
    t.is(after(b.build(y), foldPad).nodes.length, nodes);
  }
});

test('an addition and an activation go into the epilogue, in this order', t => {
  const {b, x} = withMap();
  const y = b.unary('relu', b.binary('add', b.conv(x), x));
  const {epilogue} = only(after(b.build(y), fuseEpilogue), 'conv');
  t.is(epilogue.residual, x);
  t.is(epilogue.activation.fn, 'relu');
});

test('an addition after the activation stays', t => {
  const {b, x} = withMap();
  const y = b.binary('add', b.unary('relu', b.conv(x)), x);
  t.deepEqual(operationNames(after(b.build(y), fuseEpilogue)), ['conv', 'chain']);
});

test('a residual that is computed after the convolution moves the convolution', t => {
  const {b, x} = withMap();
  const y = b.conv(x);
  const other = b.node({op: 'transpose', perm: [0, 1, 3, 2]}, [x], [2, 4, 3, 3]);
  const z = b.binary('add', y, other);
  t.deepEqual(operationNames(after(b.build(z), fuseEpilogue)), ['transpose', 'conv']);
});

test('of two convolutions that are added the later one takes the earlier as its residual', t => {
  const {b, x} = withMap();
  const y = b.binary('add', b.conv(x), b.conv(x, {kernel: [3, 3], padBegin: [1, 1]}));
  const result = after(b.build(y), fuseEpilogue);
  t.deepEqual(operationNames(result), ['conv', 'conv']);
  t.is(result.nodes[1]!.inputs[1], result.nodes[0]!.output);
});

test('a residual of another shape stays, a constant map goes in', t => {
  const {b, x} = withMap();
  const small = b.input('s', [2, 4, 1, 1]);
  t.is(after(b.build(b.binary('add', b.conv(x), small)), fuseEpilogue).nodes.length, 2);
  const {b: c, x: w} = withMap();
  const y = c.binary('add', c.conv(w), c.constant([4, 3, 3]));
  t.is(after(c.build(y), fuseEpilogue).nodes.length, 1);
});

test('a value added to itself is no residual', t => {
  const {b, x} = withMap();
  const y = b.conv(x);
  t.is(after(b.build(b.binary('add', y, y)), fuseEpilogue).nodes.length, 2);
});

test('a slope per channel becomes the activation prelu', t => {
  for (const name of ['conv', 'gemm', 'instanceNorm']) {
    const {b, x} = withMap();
    const y = PRODUCERS[name]!(b, x);
    const slope = name === 'gemm' ? b.constant([5]) : b.constant([4, 1, 1]);
    const result = after(b.build(b.binary('prelu', y, slope)), fuseEpilogue);
    t.is(result.nodes.length, 1);
  }
});

test('hardSwish is recognised as exporters spell it', t => {
  const spellings: ((b: GraphBuilder, x: string, gate: string) => string)[] = [
    (b, x, gate) => b.unary('affine', b.binary('mul', x, gate), 1 / 6),
    (b, x, gate) => b.binary('mul', x, b.unary('affine', gate, 1 / 6)),
    (b, x, gate) => b.binary('mul', b.binary('div', gate, b.constant([], [6])), x),
  ];
  for (const spell of spellings) {
    const {b, x} = withMap();
    const y = b.conv(x);
    const z = spell(b, y, b.unary('clip', b.unary('affine', y, 1, 3), 0, 6));
    const {epilogue} = only(after(b.build(z), fuseGraph), 'conv');
    t.is(epilogue.activation.fn, 'hardSwish');
  }
});

test('a gate alone is a hardSigmoid, and other gates keep their chain', t => {
  const {b, x} = withMap();
  const gate = b.unary('affine', b.unary('clip', b.unary('affine', x, 1, 3), 0, 6), 1 / 6);
  const step = only(after(b.build(gate), fuseGates), 'chain').ops[0]!.fn;
  t.is(step.kind === 'unary' && step.activation.fn, 'hardSigmoid');
  const {b: c, x: w} = withMap();
  const other = c.binary('mul', w, c.unary('clip', c.unary('affine', w, 1, 3), 0, 5));
  t.is(only(after(c.build(other), fuseGates), 'chain').ops.length, 3);
});

test('neighbouring elementwise nodes become one chain over distinct inputs', t => {
  const {b, x} = withMap();
  const other = b.input('w', [2, 4, 3, 3]);
  const scale = b.constant([4, 1, 1]);
  const y = b.binary('mul', b.unary('sigmoid', b.binary('add', x, other)), scale);
  const z = b.binary('sub', b.binary('max', y, x), other);
  const result = after(b.build(z), fuseChains);
  t.deepEqual(result.nodes[0]!.inputs, [x, other, scale]);
  t.is(only(result, 'chain').ops.length, 5);
});

test('a value used twice by one chain joins it', t => {
  const {b, x} = withMap();
  const y = b.unary('tanh', x);
  t.is(after(b.build(b.binary('mul', y, y)), fuseChains).nodes.length, 1);
});

test('a smaller value stays outside the chain, and chains keep their limits', t => {
  const {b} = withMap();
  const small = b.unary('sigmoid', b.input('s', [2, 4, 1, 1]));
  t.is(after(b.build(b.binary('mul', 'x', small)), fuseChains).nodes.length, 2);

  const {b: c, x} = withMap();
  let y = x;
  for (let index = 0; index < 20; index++) y = c.unary('tanh', y);
  for (let index = 0; index < 7; index++)
    y = c.binary('add', y, c.input(`i${index}`, [2, 4, 3, 3]));
  const result = after(c.build(y), fuseChains);
  t.true(result.nodes.length <= 3);
});

test('a gemm reshaped to a map becomes a transposed convolution', t => {
  const biases: [Float32Array | null, number][] = [
    [null, 2],
    [new Float32Array(12).fill(3), 2],
    [integers(12, 5), 4],
  ];
  for (const [bias, nodes] of biases) {
    const {b, x} = withMap([2, 5]);
    const map = b.node({op: 'reshape'}, [b.unary('relu', b.gemm(x, 12, bias))], [2, 3, 2, 2]);
    const y = b.conv(map);
    const dense = fuseEpilogue(b.build(y));
    const result = after(dense, fuseGemmReshape);
    t.is(result.nodes.length, nodes + 1);
    t.is(
      after(b.build(y), fuseGraph).nodes.filter(node => node.operation.op === 'chain').length,
      0,
    );
  }
});

test('a gemm reshaped to a channels-last map stays', t => {
  const {b, x} = withMap([2, 5]);
  const map = b.node({op: 'reshape'}, [b.gemm(x, 12)], [2, 2, 2, 3]);
  const y = b.conv(b.node({op: 'transpose', perm: [0, 3, 1, 2]}, [map], [2, 3, 2, 2]));
  t.true(operationNames(after(b.build(y), fuseGemmReshape)).includes('gemm'));
});

test('a normalisation and a PRelu behind a concat of convolutions go into them', t => {
  const {b, x} = withMap();
  let y = b.node(
    {op: 'concat', axis: 1},
    [b.conv(x), b.conv(x, {groups: 2}, [2, 6, 3, 3])],
    [2, 10, 3, 3],
  );
  for (const fn of ['mul', 'add', 'prelu'] as const) y = b.binary(fn, y, b.constant([10, 1, 1]));
  const graph = b.build(y);
  after(graph, hoistSteps);
  t.deepEqual(operationNames(after(graph, fuseGraph)), ['conv', 'conv', 'concat']);
});

test('behind a concat of values with other uses a normalisation stays', t => {
  const {b, x} = withMap();
  const y = b.conv(x);
  const z = b.node({op: 'concat', axis: 1}, [y, b.conv(x)], [2, 8, 3, 3]);
  const graph = b.build(b.binary('mul', z, b.constant([8, 1, 1])), y);
  t.is(after(graph, hoistSteps), graph);
});

test('a function behind a pixel shuffle goes into the convolution before it', t => {
  const {b, x} = withMap();
  const split = b.node({op: 'reshape'}, [b.conv(x)], [2, 1, 2, 2, 3, 3]);
  const swapped = b.node({op: 'transpose', perm: [0, 1, 4, 2, 5, 3]}, [split], [2, 1, 3, 2, 3, 2]);
  const map = b.node({op: 'reshape'}, [swapped], [2, 1, 6, 6]);
  const y = b.unary('clip', b.binary('add', map, b.constant([1, 1, 1], [2])), 0, 1);
  t.deepEqual(operationNames(after(b.build(y), fuseGraph)), [
    'conv',
    'reshape',
    'transpose',
    'reshape',
  ]);
});

test('scales and shifts move before a resize, other functions only when it repeats pixels', t => {
  const none = {taps: 0, indices: new Int32Array(), weights: new Float32Array()};
  const indices = Int32Array.from([0, 0, 0, 1, 0, 1, 1, 1, 1, 2, 2, 2]);
  const linear = {
    taps: 2,
    indices,
    weights: Float32Array.from({length: 12}, (_, at) => [0.25, 0.75][at % 2]!),
  };
  const doubled = Float32Array.from({length: 12}, () => 1);
  const nearest = {
    taps: 1,
    indices: Int32Array.from([0, 0, 1, 1, 2, 2]),
    weights: doubled.slice(0, 6),
  };
  const cases = [
    [linear, 'add', 2],
    [linear, 'prelu', 3],
    [nearest, 'prelu', 2],
    [{...linear, weights: doubled}, 'add', 3],
  ] as const;
  for (const [axis, fn, nodes] of cases) {
    const {b, x} = withMap();
    const y = b.node({op: 'resize', axes: [none, none, axis, axis]}, [b.conv(x)], [2, 4, 6, 6]);
    const graph = b.build(b.binary(fn, y, b.constant([4, 1, 1])));
    t.is(after(graph, fuseGraph).nodes.length, nodes, fn);
  }
});

test('a graph without anything to fuse comes back as it is', t => {
  const {b, x} = withMap();
  const graph = b.build(b.node({op: 'softmax', axis: 1, log: false}, [x], [2, 4, 3, 3]));
  t.is(fuseGraph(graph), graph);
});

/** Ways to make one more value [1, 4, 3, 3] from earlier ones. */
const MOVES: readonly ((b: GraphBuilder, x: string, other: string) => string)[] = [
  (b, x) => b.conv(x),
  (b, x) => b.conv(x, {kernel: [3, 3], padBegin: [1, 1]}),
  (b, x) => b.conv(x, {kernel: [3, 3], padBegin: [1, 1], groups: 4}),
  (b, x) => b.conv(x, {kernel: [2, 2], padBegin: [0, 1], groups: 2, transposed: true}),
  (b, x) => PRODUCERS.instanceNorm!(b, x),
  (b, x) => b.unary('relu', x),
  (b, x) => b.unary('leakyRelu', x, 0.25),
  (b, x) => b.unary('clip', x, 0, 6),
  (b, x) => b.unary('affine', x, 0.5, 3),
  (b, x) => b.unary('abs', x),
  (b, x) => b.binary('add', x, b.constant([4, 1, 1])),
  (b, x) => b.binary('mul', b.constant([1, 4, 1, 1], [1, 0.5, -1, 2]), x),
  (b, x) => b.binary('sub', b.constant([], [2]), x),
  (b, x) => b.binary('div', x, b.constant([1], [4])),
  (b, x) => b.binary('prelu', x, b.constant([4, 1, 1], [0.5, 0.25, 0, 1])),
  (b, x) => b.binary('add', x, b.constant([4, 3, 3])),
  (b, x, other) => b.binary('add', x, other),
  (b, x, other) => b.binary('max', other, x),
  (b, x, other) => b.binary('sub', other, x),
  (b, x) => b.node({op: 'transpose', perm: [0, 1, 3, 2]}, [x], b.shape(x)),
  (b, x) => b.node({op: 'reshape'}, [x], b.shape(x)),
  (b, x) => {
    const wide = b.node({op: 'concat', axis: 1}, [b.conv(x), b.conv(x)], [1, 8, 3, 3]);
    const scaled = b.unary('relu', b.binary('mul', wide, b.constant([8, 1, 1])));
    return b.node({op: 'slice', starts: [0, 2, 0, 0], steps: [1, 1, 1, 1]}, [scaled], [1, 4, 3, 3]);
  },
  (b, x) => {
    const begin = [0, 0, 1, 0];
    const pad = {op: 'pad', mode: 'constant', begin, end: [0, 0, 1, 2], value: 0} as const;
    return b.conv(b.node(pad, [x], [1, 4, 5, 5]), {kernel: [3, 3]}, [1, 4, 3, 3]);
  },
];

test('whatever is fused computes the same', t => {
  const move = fc.tuple(fc.nat(MOVES.length - 1), fc.nat(100), fc.nat(100));
  const moves = fc.array(move, {minLength: 1, maxLength: 14});
  const property = fc.property(moves, fc.nat(100), (list, extra) => {
    const {b, x} = withMap([1, 4, 3, 3]);
    const made = [x];
    for (const [kind, back, other] of list) {
      // Mostly the latest value, so that chains grow.
      const from = made[Math.max(0, made.length - 1 - (back > 70 ? back % 3 : 0))]!;
      made.push(MOVES[kind]!(b, from, made[other % made.length]!));
    }
    const graph = b.build(made.at(-1)!, made[extra % made.length]!);
    assertSameResults(graph, fuseGraph(graph), 1e-5);
  });
  t.notThrows(() => fc.assert(property, {numRuns: 300}));
});
