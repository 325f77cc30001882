import test from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import {supportedOperators} from '../../src/graph/registry.js';
import type {OnnxModel, OnnxNode, Tensor, ValueInfo} from '../../src/onnx/model.js';
import {errorIn, onnxNode} from './build-one.js';

interface Parts {
  readonly opset?: number;
  readonly nodes: readonly OnnxNode[];
  readonly inputs?: readonly ValueInfo[];
  readonly outputs?: readonly string[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
}

function modelOf(parts: Parts): OnnxModel {
  const {
    opset = 17,
    nodes,
    inputs = [input('x', [1, 2])],
    outputs = ['y'],
    initializers = {},
  } = parts;
  return {
    irVersion: 8,
    opset,
    producer: 'test',
    nodes,
    inputs,
    outputs: outputs.map(name => ({name, dtype: 'float32', dims: null})),
    initializers: new Map(Object.entries(initializers)),
  };
}

function input(
  name: string,
  dims: ValueInfo['dims'],
  dtype: ValueInfo['dtype'] = 'float32',
): ValueInfo {
  return {name, dtype, dims};
}

function relu(from: string, to: string): OnnxNode {
  return onnxNode({opType: 'Relu', inputs: [from], outputs: [to]});
}

function shapesOf(
  inputs: readonly ValueInfo[],
  shapes: Record<string, readonly number[]>,
): unknown {
  const graph = buildGraph(modelOf({nodes: [relu(inputs[0]!.name, 'y')], inputs}), {shapes});
  return inputs.map(({name}) => graph.values.get(name)!.shape);
}

function codeOf(
  inputs: readonly ValueInfo[],
  shapes: Record<string, readonly number[]>,
): string | undefined {
  return errorIn(() => shapesOf(inputs, shapes))?.code;
}

test('a leading symbolic dimension is the batch and becomes 1', t => {
  t.deepEqual(shapesOf([input('x', ['N', 3])], {}), [[1, 3]]);
  t.deepEqual(shapesOf([input('x', ['', 3])], {}), [[1, 3]]);
  t.deepEqual(shapesOf([input('x', ['N', 3])], {x: [5, 3]}), [[5, 3]]);
});

test('a symbol bound in one input holds in the others', t => {
  const inputs = [input('x', ['N', 'H']), input('z', ['N', 'H', 2])];
  t.deepEqual(shapesOf(inputs, {x: [4, 7]}), [
    [4, 7],
    [4, 7, 2],
  ]);
  t.is(codeOf(inputs, {x: [4, 7], z: [4, 8, 2]}), 'ERR_INPUT_SHAPE');
});

test('an unbound dimension is named together with the way to bind it', t => {
  const error = errorIn(() => shapesOf([input('x', ['N', 3, 'H', 'W'])], {}));
  t.is(error?.code, 'ERR_SHAPE_UNBOUND');
  t.regex(error!.message, /"H".*\{"x": \[1, 3, H, W\]\}.*--shape x=1,3,H,W/);
  t.is(codeOf([input('x', null)], {}), 'ERR_SHAPE_UNBOUND');
  t.deepEqual(shapesOf([input('x', null)], {x: [2, 2]}), [[2, 2]]);
});

test('shapes that do not fit are refused', t => {
  const inputs = [input('x', ['N', 3])];
  t.is(codeOf(inputs, {x: [1, 4]}), 'ERR_INPUT_SHAPE');
  t.is(codeOf(inputs, {x: [1, 3, 1]}), 'ERR_INPUT_SHAPE');
  t.is(codeOf(inputs, {x: [-1, 3]}), 'ERR_OPTION');
  t.is(codeOf(inputs, {x: [1.5, 3]}), 'ERR_OPTION');
  t.is(codeOf(inputs, {z: [1, 3]}), 'ERR_INPUT_NAME');
});

test('everything unsupported is reported at once, each with its node', t => {
  const nodes = [
    onnxNode({opType: 'Loop', name: 'loop', inputs: ['x'], outputs: ['a']}),
    onnxNode({opType: 'Relu', inputs: ['a'], outputs: ['b']}),
    onnxNode({
      opType: 'FusedConv',
      domain: 'com.microsoft',
      name: 'fused',
      inputs: ['b'],
      outputs: ['c'],
    }),
    onnxNode({opType: 'Loop', name: 'again', inputs: ['c'], outputs: ['d']}),
    onnxNode({
      opType: 'Resize',
      name: 'up',
      inputs: ['x', '', 's'],
      outputs: ['y'],
      attributes: new Map([
        ['mode', {kind: 'string', value: 'lanczos'}],
        ['bogus', {kind: 'int', value: 1}],
      ]),
    }),
  ];
  const error = errorIn(() =>
    buildGraph(modelOf({nodes, initializers: {s: floatTensor([2], [1, 2])}}), {shapes: {}}),
  );
  t.is(error?.code, 'ERR_OP_UNSUPPORTED');
  t.deepEqual(error?.fields.operators, [
    'Loop (node "loop" and 1 more)',
    'com.microsoft.FusedConv (node "fused")',
    'Resize mode=lanczos (node "up")',
    'Resize attribute bogus (node "up")',
  ]);
});

test('nodes out of order are sorted', t => {
  const graph = buildGraph(modelOf({nodes: [relu('b', 'y'), relu('a', 'b'), relu('x', 'a')]}), {
    shapes: {},
  });
  t.deepEqual(
    graph.nodes.map(node => node.output),
    ['a', 'b', 'y'],
  );
});

test('cycles, values made twice and values made nowhere are refused', t => {
  const codes = [
    [relu('b', 'a'), relu('a', 'b'), relu('x', 'y')],
    [relu('x', 'y'), relu('x', 'y')],
    [relu('x', 'x'), relu('x', 'y')],
    [relu('nowhere', 'y')],
    [relu('x', 'z')],
  ].map(nodes => errorIn(() => buildGraph(modelOf({nodes}), {shapes: {}}))?.code);
  t.deepEqual(codes, new Array(5).fill('ERR_MODEL_INVALID'));
});

test('opsets outside the known range are refused', t => {
  for (const opset of [1, 5, 29, 1000]) {
    const build = () => buildGraph(modelOf({opset, nodes: [relu('x', 'y')]}), {shapes: {}});
    t.is(errorIn(build)?.code, 'ERR_OPSET_UNSUPPORTED');
  }
  for (const opset of [6, 23, 28]) {
    t.notThrows(() => buildGraph(modelOf({opset, nodes: [relu('x', 'y')]}), {shapes: {}}));
  }
});

test('operators and attributes newer than the opset are unsupported', t => {
  const swish = onnxNode({opType: 'HardSwish', inputs: ['x'], outputs: ['y']});
  t.is(
    errorIn(() => buildGraph(modelOf({opset: 13, nodes: [swish]}), {shapes: {}}))?.code,
    'ERR_OP_UNSUPPORTED',
  );
  const clip = onnxNode({
    opType: 'Clip',
    inputs: ['x'],
    outputs: ['y'],
    attributes: new Map([['min', {kind: 'float', value: 0}]]),
  });
  t.is(
    errorIn(() => buildGraph(modelOf({opset: 11, nodes: [clip]}), {shapes: {}}))?.code,
    'ERR_OP_UNSUPPORTED',
  );
});

test('an attribute of the wrong kind makes the model invalid', t => {
  const leaky = onnxNode({
    opType: 'LeakyRelu',
    inputs: ['x'],
    outputs: ['y'],
    attributes: new Map([['alpha', {kind: 'string', value: 'a'}]]),
  });
  const error = errorIn(() => buildGraph(modelOf({nodes: [leaky]}), {shapes: {}}));
  t.is(error?.code, 'ERR_MODEL_INVALID');
  t.regex(error!.message, /expected kind float but received string/);
});

test('Identity and Dropout disappear; the output keeps its name', t => {
  const nodes = [
    relu('x', 'a'),
    onnxNode({opType: 'Identity', inputs: ['a'], outputs: ['b']}),
    onnxNode({opType: 'Dropout', inputs: ['b'], outputs: ['y', 'mask']}),
  ];
  const graph = buildGraph(modelOf({nodes}), {shapes: {}});
  t.is(graph.nodes.length, 1);
  t.deepEqual(graph.outputs, [{name: 'y', value: 'a', dtype: 'float32'}]);
});

test('an optional output that nothing makes is unsupported only when it is read', t => {
  const relu = onnxNode({opType: 'Relu', name: 'relu', inputs: ['x'], outputs: ['y', 'mask']});
  const inputs = [input('x', [1, 1, 2])];
  t.notThrows(() => buildGraph(modelOf({inputs, nodes: [relu]}), {shapes: {}}));
  const error = errorIn(() =>
    buildGraph(modelOf({inputs, nodes: [relu], outputs: ['mask']}), {shapes: {}}),
  );
  t.deepEqual(error?.fields.operators, ['Relu output 2 (node "relu")']);
});

test('a constant output is kept among the constants', t => {
  const nodes = [onnxNode({opType: 'Shape', inputs: ['x'], outputs: ['y']})];
  const graph = buildGraph(modelOf({nodes}), {shapes: {}});
  const value = graph.outputs[0]!.value;
  t.deepEqual(Array.from(graph.constants.get(value)!.data), [1, 2]);
  t.is(graph.values.get(value)!.dtype, 'int64');
  t.is(graph.nodes.length, 0);
});

test('half and double inputs become float32; some operators take no integers', t => {
  for (const dtype of ['float16', 'float64'] as const) {
    const graph = buildGraph(modelOf({inputs: [input('x', [2], dtype)], nodes: [relu('x', 'y')]}), {
      shapes: {},
    });
    t.is(graph.values.get('x')!.dtype, 'float32');
  }
  const softmax = onnxNode({opType: 'Softmax', inputs: ['x'], outputs: ['y']});
  const error = errorIn(() =>
    buildGraph(modelOf({inputs: [input('x', [2], 'int64')], nodes: [softmax]}), {shapes: {}}),
  );
  t.deepEqual(error?.fields.operators, ['Softmax of int64 values (node "y")']);
});

test('hostile sizes are refused before memory is taken', t => {
  const huge = {dims: [2], dtype: 'int64', data: Float64Array.of(2 ** 20, 2 ** 20)} as const;
  const expand = onnxNode({opType: 'Expand', inputs: ['x', 's'], outputs: ['y']});
  const inputs = [input('x', [1])];
  const dynamic = () =>
    buildGraph(modelOf({inputs, nodes: [expand], initializers: {s: huge}}), {shapes: {}});
  t.is(errorIn(dynamic)?.code, 'ERR_ONNX_LIMIT');

  const fill = onnxNode({opType: 'ConstantOfShape', inputs: ['s'], outputs: ['y']});
  t.is(
    errorIn(() => buildGraph(modelOf({nodes: [fill], initializers: {s: huge}}), {shapes: {}}))
      ?.code,
    'ERR_ONNX_LIMIT',
  );
});

test('names made here never meet names of the file', t => {
  const split = onnxNode({
    opType: 'BatchNormalization',
    inputs: ['x', 's', 's', 's', 's'],
    outputs: ['y'],
  });
  const one = floatTensor([2], [1, 1]);
  const inputs = [input('x', [1, 2]), input('y/1', [1]), input('y/2', [1])];
  const graph = buildGraph(modelOf({inputs, nodes: [split], initializers: {s: one}}), {shapes: {}});
  const names = [...graph.values.keys()];
  t.is(new Set(names).size, names.length);
  t.deepEqual(graph.values.get('y/1')!.shape, [1]);
  t.is(graph.nodes.at(-1)!.output, 'y');
});

test('the operators the models need are registered', t => {
  const operators = supportedOperators().map(({opType}) => opType);
  for (const name of ['Conv', 'ConvTranspose', 'Gemm', 'Resize', 'Upsample', 'DepthToSpace'])
    t.true(operators.includes(name));
});

function floatTensor(dims: readonly number[], data: readonly number[]): Tensor {
  return {dtype: 'float32', dims, data: Float32Array.from(data)};
}
