import test from 'ava';
import fc from 'fast-check';
import {fuseGraph} from '../../src/graph/fuse.js';
import {fuseChains, fuseGates} from '../../src/graph/fuse-chains.js';
import {fuseEpilogue} from '../../src/graph/fuse-epilogue.js';
import {fuseGemmReshape} from '../../src/graph/fuse-gemm.js';
import {hoistSteps} from '../../src/graph/fuse-hoist.js';
import {assertSameResults, type GraphBuilder, integers, operationNames} from './fuse-builder.js';

import {after, only, PRODUCERS, withMap} from './fuse-cases.js';

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
