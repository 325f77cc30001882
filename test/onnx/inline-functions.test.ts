import test from 'ava';
import {UntangleError} from '../../src/errors.js';
import {decodeModel} from '../../src/onnx/decode.js';
import type {Limits} from '../../src/onnx/limits.js';
import type {OnnxModel} from '../../src/onnx/model.js';
import {
  type FunctionSpec,
  float,
  type ModelSpec,
  model,
  type NodeSpec,
} from '../helpers/onnx-builder.js';

const X = {inputs: [{name: 'x', dims: [2]}], outputs: [{name: 'y', dims: [2]}]};

function call(
  op: string,
  inputs = ['x'],
  outputs = ['y'],
  attrs: NodeSpec['attrs'] = {},
): NodeSpec {
  return {op, domain: 'local', inputs, outputs, attrs};
}

function decode(
  nodes: readonly NodeSpec[],
  functions: readonly FunctionSpec[],
  options: {readonly limits?: Partial<Limits>; readonly spec?: Partial<ModelSpec>} = {},
): OnnxModel {
  const {limits = {}, spec = {}} = options;
  return decodeModel(model({...X, nodes, functions, ...spec}), {limits});
}

/** `op in,in -> out,out` of every node. */
function calls({nodes}: OnnxModel): string[] {
  return nodes.map(({opType, inputs, outputs}) => `${opType} ${inputs} -> ${outputs}`);
}

const SQUARE_PLUS: FunctionSpec = {
  name: 'SquarePlus',
  inputs: ['a', 'b'],
  outputs: ['c'],
  nodes: [
    {op: 'Mul', inputs: ['a', 'a'], outputs: ['t']},
    {op: 'Add', inputs: ['t', 'b'], outputs: ['c']},
  ],
};

test('a call becomes the body, with values of its own for each call', t => {
  const decoded = decode(
    [call('SquarePlus', ['x', 'x'], ['h']), call('SquarePlus', ['h', 'x'])],
    [SQUARE_PLUS],
  );
  t.deepEqual(calls(decoded), [
    'Mul x,x -> call1/t',
    'Add call1/t,x -> h',
    'Mul h,h -> call2/t',
    'Add call2/t,x -> y',
  ]);
});

test('names made for calls differ from those of the file', t => {
  const inner = {
    ...SQUARE_PLUS,
    nodes: [{op: 'Neg', inputs: ['a'], outputs: ['call1/t']}, ...SQUARE_PLUS.nodes],
  };
  const decoded = decode([call('SquarePlus', ['x', 'x'])], [inner]);
  const outputs = decoded.nodes.flatMap(node => node.outputs);
  t.is(new Set(outputs).size, 3);
  t.deepEqual(outputs, ['call_1/call1/t', 'call_1/t', 'y']);
});

test('functions call functions; inputs and outputs may be left out or passed through', t => {
  const functions: FunctionSpec[] = [
    SQUARE_PLUS,
    {
      name: 'Outer',
      inputs: ['p', 'q'],
      outputs: ['r', 'p', 'unused'],
      nodes: [
        call('SquarePlus', ['p', 'p'], ['s']),
        {op: 'Clip', inputs: ['s', '', 'q'], outputs: ['r']},
        {op: 'Neg', inputs: ['s'], outputs: ['unused']},
      ],
    },
  ];
  t.deepEqual(calls(decode([call('Outer', ['x'], ['y', 'copy'])], functions)), [
    'Mul x,x -> call2/t',
    'Add call2/t,x -> call1/s',
    'Clip call1/s,, -> y',
    'Neg call1/s -> call1/unused',
    'Identity x -> copy',
  ]);
});

test('attributes come from the call, else from the defaults, else are left out', t => {
  const fn: FunctionSpec = {
    name: 'Leaky',
    inputs: ['a'],
    outputs: ['b'],
    nodes: [
      {
        op: 'LeakyRelu',
        inputs: ['a'],
        outputs: ['b'],
        attrs: {alpha: {refersTo: 'slope', type: 1}, other: {refersTo: 'none', type: 2}},
      },
    ],
    defaults: {slope: float(0.5)},
  };
  const alpha = (attrs: NodeSpec['attrs']) =>
    decode([call('Leaky', ['x'], ['y'], attrs)], [fn]).nodes[0]!.attributes;
  t.deepEqual([...alpha({})], [['alpha', {kind: 'float', value: 0.5}]]);
  t.deepEqual([...alpha({slope: float(0.25)})], [['alpha', {kind: 'float', value: 0.25}]]);
  const outer: FunctionSpec = {
    ...fn,
    name: 'Outer',
    nodes: [call('Leaky', ['a'], ['b'], {slope: {refersTo: 'outer', type: 1}})],
    defaults: {},
  };
  const nested = decode([call('Outer', ['x'], ['y'], {outer: float(2)})], [fn, outer]).nodes[0]!;
  t.deepEqual([...nested.attributes], [['alpha', {kind: 'float', value: 2}]]);
});

test('nodes of a body have the opset of their function', t => {
  const functions = [
    {...SQUARE_PLUS, opset: 13},
    {...SQUARE_PLUS, name: 'Same', opset: 17},
  ];
  const nodes = [call('SquarePlus', ['x', 'x'], ['h']), call('Same', ['h', 'h'])];
  t.deepEqual(
    decode(nodes, functions).nodes.map(node => node.opset),
    [13, 13, undefined, undefined],
  );
});

test('branches inside a body see its values, and calls inside branches are expanded', t => {
  const branch = (inner: NodeSpec) => ({nodes: [inner], outputs: ['o']});
  const fn: FunctionSpec = {
    name: 'Choose',
    inputs: ['a', 'c'],
    outputs: ['r'],
    nodes: [
      {op: 'Neg', inputs: ['a'], outputs: ['n']},
      {
        op: 'If',
        inputs: ['c'],
        outputs: ['r'],
        attrs: {
          then_branch: branch(call('SquarePlus', ['n', 'a'], ['o'])),
          else_branch: branch({op: 'Abs', inputs: ['n'], outputs: ['o']}),
        },
      },
    ],
  };
  const decoded = decode([call('Choose', ['x', 'x'])], [SQUARE_PLUS, fn]);
  const [, conditional] = decoded.nodes;
  const graphs = [...conditional!.attributes.values()].map(attribute =>
    attribute.kind === 'graph' ? attribute.value : null,
  );
  t.deepEqual(
    graphs.map(graph =>
      graph!.nodes.map(({opType, inputs, outputs}) => `${opType} ${inputs} -> ${outputs}`),
    ),
    [['Mul call1/n,call1/n -> call2/t', 'Add call2/t,x -> call1/o'], ['Abs call1/n -> call1/o']],
  );
  t.deepEqual(graphs[0]!.outputs, ['call1/o']);
});

function refusal(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (error instanceof UntangleError) return `${error.code} ${error.message}`;
    throw error;
  }
}

test('functions that call themselves are refused, by themselves or by way of others', t => {
  const fn = (name: string, callee: string): FunctionSpec => ({
    name,
    inputs: ['a'],
    outputs: ['b'],
    nodes: [call(callee, ['a'], ['b'])],
  });
  t.regex(
    refusal(() => decode([call('A')], [fn('A', 'A')])),
    /ERR_ONNX_FORMAT .*"A" calls itself/,
  );
  t.regex(
    refusal(() => decode([call('A')], [fn('A', 'B'), fn('B', 'C'), fn('C', 'A')])),
    /"A" calls itself/,
  );
  // Nobody calls them.
  t.is(decode([{op: 'Neg', inputs: ['x'], outputs: ['y']}], [fn('A', 'A')]).nodes.length, 1);
});

test('a small file cannot grow without bound', t => {
  const doubling = (levels: number, body: readonly NodeSpec[]): FunctionSpec[] => [
    {name: 'F0', inputs: ['a'], outputs: ['b'], nodes: body},
    ...Array.from(
      {length: levels},
      (_, level): FunctionSpec => ({
        name: `F${level + 1}`,
        inputs: ['a'],
        outputs: ['b'],
        nodes: [call(`F${level}`, ['a'], ['t']), call(`F${level}`, ['t'], ['b'])],
      }),
    ),
  ];
  const negate = {op: 'Neg', inputs: ['a'], outputs: ['b']};
  t.is(decode([call('F3')], doubling(3, [negate])).nodes.length, 8);
  t.regex(
    refusal(() => decode([call('F40')], doubling(40, [negate]))),
    /ERR_ONNX_LIMIT .*nodes/,
  );
  // Calls of empty functions count as well.
  t.regex(
    refusal(() => decode([call('F40')], doubling(40, []))),
    /ERR_ONNX_LIMIT .*nodes/,
  );
  const wide = {op: 'Sum', inputs: Array(1000).fill('a'), outputs: ['b']};
  t.regex(
    refusal(() => decode([call('F14')], doubling(14, [wide]))),
    /ERR_ONNX_LIMIT .*entries/,
  );

  const chain = (length: number) =>
    doubling(length, [negate]).map(fn => ({
      ...fn,
      nodes: fn.nodes.slice(0, 1).map(node => ({...node, outputs: ['b']})),
    }));
  t.is(decode([call('F63')], chain(63)).nodes.length, 1);
  t.regex(
    refusal(() => decode([call('F64')], chain(64))),
    /ERR_ONNX_LIMIT .*callDepth/,
  );
  t.is(decode([call('F64')], chain(64), {limits: {callDepth: 65}}).nodes.length, 1);
});

test('a constant in a body is decoded once', t => {
  const fn: FunctionSpec = {
    name: 'Fn',
    inputs: ['a'],
    outputs: ['b'],
    nodes: [
      {op: 'Constant', inputs: [], outputs: ['k'], attrs: {value: {dims: [2], data: [1, 2]}}},
      {op: 'Add', inputs: ['a', 'k'], outputs: ['b']},
    ],
  };
  const {nodes} = decode([call('Fn', ['x'], ['h']), call('Fn', ['h'])], [fn]);
  t.is(nodes[0]!.attributes.get('value')!.value, nodes[2]!.attributes.get('value')!.value);
});

test('calls that do not fit their function are refused, and so are functions defined twice', t => {
  t.regex(
    refusal(() => decode([call('SquarePlus', ['x', 'x', 'x'])], [SQUARE_PLUS])),
    /more inputs/,
  );
  t.regex(
    refusal(() => decode([call('SquarePlus')], [SQUARE_PLUS, SQUARE_PLUS])),
    /defined twice/,
  );
});
