import test from 'ava';
import type {BinaryFunction, UnaryFunction} from '../../src/graph/functions.js';
import {fuseGraph} from '../../src/graph/fuse.js';
import {foldAffineAfter, foldAffineBefore} from '../../src/graph/fuse-affine.js';
import {fuseEpilogue} from '../../src/graph/fuse-epilogue.js';
import {composeRearranging, removeDead, removeNoops} from '../../src/graph/fuse-noops.js';
import {foldPad} from '../../src/graph/fuse-pad.js';
import {foldScalars} from '../../src/graph/fuse-scalars.js';
import type {Operation} from '../../src/graph/graph.js';
import {integers, operationNames} from './fuse-builder.js';

import {after, only, PRODUCERS, withMap} from './fuse-cases.js';

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

test('a scaled value that is also the residual stays', t => {
  const {b, x} = withMap();
  const scaled = b.unary('affine', x, 0.5, 3);
  const graph = b.build(b.binary('add', scaled, b.conv(scaled)));
  t.deepEqual(operationNames(after(graph, fuseGraph)), ['chain', 'conv']);
});

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

test('a pad by zeros before an average counts in it, before a maximum it stays', t => {
  for (const [fn, countIncludePad, own, nodes] of [
    ['average', false, 0, 1],
    ['average', true, 1, 1],
    ['average', false, 1, 2],
    ['max', false, 0, 2],
  ] as const) {
    const {b, x} = withMap([1, 2, 4, 4]);
    const pad = {
      op: 'pad',
      mode: 'constant',
      begin: [0, 0, 1, 1],
      end: [0, 0, 1, 0],
      value: 0,
    } as const;
    const size = 2 + own;
    const y = b.node(
      {
        op: 'pool',
        fn,
        kernel: [3, 3],
        strides: [2, 2],
        dilations: [1, 1],
        countIncludePad,
        padBegin: [own, own],
        padEnd: [own, own],
      },
      [b.node(pad, [x], [1, 2, 6, 5])],
      [1, 2, size, size],
    );
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

test('what a convolution reads and also adds is not folded into it', t => {
  const {b, x} = withMap();
  const shifted = b.binary('add', x, b.constant([4, 1, 1]));
  const sum = b.build(b.binary('add', b.conv(shifted), shifted));
  t.is(after(fuseEpilogue(sum), foldAffineBefore).nodes.length, 2);

  const {b: c, x: y} = withMap();
  const pad = {
    op: 'pad',
    mode: 'constant',
    begin: [0, 0, 1, 1],
    end: [0, 0, 0, 0],
    value: 0,
  } as const;
  const padded = c.node(pad, [y], [2, 4, 4, 4]);
  const padSum = c.build(c.binary('add', c.conv(padded), padded));
  t.is(after(fuseEpilogue(padSum), foldPad).nodes.length, 2);
});
