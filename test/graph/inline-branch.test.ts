import test from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {type GraphSpec, type ModelSpec, model, type NodeSpec} from '../helpers/onnx-builder.js';
import {errorIn, operationNames, runGraph} from './build-one.js';

const PLUS: GraphSpec = {
  nodes: [{op: 'Add', inputs: ['h', 'k'], outputs: ['o']}],
  outputs: ['o'],
  initializers: {k: {dims: [1], data: [10]}},
};
const MINUS: GraphSpec = {
  nodes: [{op: 'Neg', inputs: ['h'], outputs: ['o']}],
  outputs: ['o'],
};

function conditional(
  condition: string,
  branches: readonly [GraphSpec, GraphSpec] = [PLUS, MINUS],
  outputs = ['y'],
): NodeSpec {
  const [then_branch, else_branch] = branches;
  return {
    op: 'If',
    name: 'choice',
    inputs: [condition],
    outputs,
    attrs: {then_branch, else_branch},
  };
}

const DOUBLE: NodeSpec = {op: 'Add', inputs: ['x', 'x'], outputs: ['h']};

function build(nodes: readonly NodeSpec[], spec: Partial<ModelSpec> = {}) {
  const bytes = model({
    inputs: [{name: 'x', dims: [2]}],
    outputs: [{name: 'y'}],
    initializers: {
      yes: {dims: [], data: [1], dtype: 'bool'},
      no: {dims: [1], data: [0], dtype: 'bool'},
      two: {dims: [1], data: [2], dtype: 'int64'},
    },
    nodes,
    ...spec,
  });
  return buildGraph(decodeModel(bytes), {shapes: {}});
}

test('a constant condition leaves one branch, which reads the values around it', t => {
  t.deepEqual(runGraph(build([DOUBLE, conditional('yes')]), [1, 2]).data, [12, 14]);
  t.deepEqual(runGraph(build([DOUBLE, conditional('no')]), [1, 2]).data, [-2, -4]);
});

test('the condition may follow from shapes, and the file may be out of order', t => {
  const isTwo: NodeSpec[] = [
    {op: 'Shape', inputs: ['x'], outputs: ['s']},
    {op: 'Equal', inputs: ['s', 'two'], outputs: ['c']},
  ];
  t.deepEqual(runGraph(build([conditional('c'), ...isTwo, DOUBLE]), [1, 2]).data, [12, 14]);
});

test('operators of the other branch do not matter', t => {
  const odd = {...MINUS, nodes: [{op: 'Loop', inputs: ['h'], outputs: ['o']}]};
  t.deepEqual(operationNames(build([DOUBLE, conditional('yes', [PLUS, odd])])), ['chain', 'chain']);
  t.is(errorIn(() => build([DOUBLE, conditional('no', [PLUS, odd])]))?.code, 'ERR_OP_UNSUPPORTED');
});

test('two conditionals with the same names inside, and one inside the other', t => {
  const nested: GraphSpec = {
    nodes: [
      {op: 'Mul', inputs: ['h', 'h'], outputs: ['inner']},
      {
        ...conditional('yes', [
          {nodes: [{op: 'Add', inputs: ['inner', 'h'], outputs: ['o']}], outputs: ['o']},
          MINUS,
        ]),
        outputs: ['out'],
      },
    ],
    outputs: ['out'],
  };
  const nodes = [
    DOUBLE,
    conditional('yes', [PLUS, MINUS], ['first']),
    conditional('yes', [PLUS, MINUS], ['second']),
    conditional('yes', [nested, MINUS], ['third']),
    {op: 'Sum', inputs: ['first', 'second', 'third'], outputs: ['y']},
  ];
  t.deepEqual(runGraph(build(nodes), [1, 2]).data, [12 + 12 + 6, 14 + 14 + 20]);
});

test('a branch may hand out a value from around it, or a constant', t => {
  const handOut = (name: string): GraphSpec => ({...PLUS, nodes: [], outputs: [name]});
  t.deepEqual(
    runGraph(build([DOUBLE, conditional('yes', [handOut('h'), MINUS])]), [1, 2]).data,
    [2, 4],
  );
  t.deepEqual(runGraph(build([DOUBLE, conditional('yes', [handOut('k'), MINUS])])).data, [10]);
});

test('a condition computed at run time is refused by name, and so are loops', t => {
  const message = (nodes: readonly NodeSpec[]) => errorIn(() => build(nodes))?.message ?? '';
  const computed: NodeSpec = {op: 'Cast', inputs: ['x'], outputs: ['c'], attrs: {to: 9}};
  t.regex(message([DOUBLE, computed, conditional('c')]), /unsupported.*(If with a condition|Cast)/);
  t.regex(
    message([DOUBLE, {op: 'Loop', inputs: ['', 'yes', 'h'], outputs: ['y'], attrs: {body: MINUS}}]),
    /Loop/,
  );
});

test('branches that do not fit are refused', t => {
  const code = (node: NodeSpec) => errorIn(() => build([DOUBLE, node]))?.code;
  t.is(code(conditional('yes', [{...PLUS, outputs: []}, MINUS])), 'ERR_MODEL_INVALID');
  t.is(code({...conditional('yes'), attrs: {else_branch: MINUS}}), 'ERR_MODEL_INVALID');
  const unknown = {...PLUS, nodes: [{op: 'Neg', inputs: ['nowhere'], outputs: ['o']}]};
  t.is(code(conditional('yes', [unknown, MINUS])), 'ERR_MODEL_INVALID');
});

test('nodes of a function follow the opset of the function', t => {
  const softmax: NodeSpec = {op: 'Softmax', inputs: ['a'], outputs: ['b'], attrs: {axis: 1}};
  const graph = build([{op: 'Old', domain: 'local', inputs: ['x'], outputs: ['y']}], {
    inputs: [{name: 'x', dims: [1, 2, 2]}],
    functions: [{name: 'Old', inputs: ['a'], outputs: ['b'], nodes: [softmax], opset: 11}],
  });
  // Before opset 13 the axes from 1 on count as one.
  t.deepEqual(operationNames(graph), ['reshape', 'softmax', 'reshape']);
});
