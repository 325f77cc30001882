import test from 'ava';
import {type ErrorCode, UntangleError} from '../../src/errors.js';
import {type DecodeOptions, decodeModel} from '../../src/onnx/decode.js';
import {MODEL} from '../../src/onnx/proto.js';
import {writeMessage} from '../../src/onnx/wire.js';
import {float, type ModelSpec, model, modelMessage} from '../helpers/onnx-builder.js';

const SMALL: ModelSpec = {
  inputs: [{name: 'x', dims: ['N', 2]}],
  outputs: [{name: 'y', dims: ['N', 2]}],
  nodes: [{op: 'Add', inputs: ['x', 'b'], outputs: ['y'], name: 'add'}],
  initializers: {b: {dims: [2], data: [1.5, -2]}},
};

function codeOf(
  bytes: Uint8Array,
  options: DecodeOptions = {},
): {code: ErrorCode; message: string} | null {
  try {
    decodeModel(bytes, options);
    return null;
  } catch (error) {
    if (error instanceof UntangleError) return {code: error.code, message: error.message};
    throw error;
  }
}

test('a small model comes out as it was written', t => {
  const decoded = decodeModel(model(SMALL));
  t.is(decoded.opset, 17);
  t.is(decoded.producer, 'bench');
  t.deepEqual(decoded.inputs, [{name: 'x', dtype: 'float32', dims: ['N', 2]}]);
  t.deepEqual(decoded.outputs, [{name: 'y', dtype: 'float32', dims: ['N', 2]}]);
  t.deepEqual(decoded.nodes[0]?.inputs, ['x', 'b']);
  t.deepEqual([...decoded.initializers.get('b')!.data], [1.5, -2]);
});

test('initializers that are also listed as inputs are dropped from the inputs', t => {
  const inputs = [...SMALL.inputs, {name: 'b', dims: [2]}];
  t.deepEqual(
    decodeModel(model({...SMALL, inputs})).inputs.map(input => input.name),
    ['x'],
  );
});

test('every kind of attribute is decoded', t => {
  const attrs = {
    i: -3,
    f: 0.5,
    one: float(1),
    s: 'SAME_UPPER',
    ints: [1, -1],
    floats: float([1, 2.5]),
    strings: ['a', 'b'],
    t: {dims: [1], data: [7], dtype: 'int64'},
  } as const;
  const nodes = [{op: 'Test', inputs: ['x', ''], outputs: ['y'], attrs}];
  const node = decodeModel(model({...SMALL, nodes})).nodes[0]!;
  t.deepEqual(node.inputs, ['x', '']);
  t.deepEqual(node.attributes.get('i'), {kind: 'int', value: -3});
  t.deepEqual(node.attributes.get('f'), {kind: 'float', value: 0.5});
  t.deepEqual(node.attributes.get('one'), {kind: 'float', value: 1});
  t.deepEqual(node.attributes.get('s'), {kind: 'string', value: 'SAME_UPPER'});
  t.deepEqual(node.attributes.get('ints'), {kind: 'ints', value: [1, -1]});
  t.deepEqual(node.attributes.get('floats'), {kind: 'floats', value: [1, 2.5]});
  t.deepEqual(node.attributes.get('strings'), {kind: 'strings', value: ['a', 'b']});
  t.deepEqual(node.attributes.get('t'), {
    kind: 'tensor',
    value: {dtype: 'int64', dims: [1], data: Float64Array.of(7)},
  });
});

test('a subgraph is decoded with its node', t => {
  const message = modelMessage(SMALL);
  const branch = {name: 'then', output: [{name: 'y'}]};
  message.graph.node = [
    {
      opType: 'If',
      input: ['x'],
      output: ['y'],
      attribute: [{name: 'then_branch', type: 5, g: branch}],
    },
  ];
  const node = decodeModel(writeMessage(message, MODEL)).nodes[0]!;
  t.deepEqual(node.attributes.get('then_branch'), {
    kind: 'graph',
    value: {nodes: [], inputs: [], outputs: ['y'], initializers: new Map()},
  });
});

test('ai.onnx is the default domain', t => {
  const message = modelMessage({
    ...SMALL,
    nodes: [{op: 'Add', domain: 'ai.onnx', inputs: ['x', 'b'], outputs: ['y']}],
  });
  message.opsetImport = [
    {domain: 'ai.onnx', version: 13},
    {domain: 'com.microsoft', version: 1},
  ];
  const decoded = decodeModel(writeMessage(message, MODEL));
  t.is(decoded.opset, 13);
  t.is(decoded.nodes[0]?.domain, '');
});

test('opsets below 6 and files without one are refused', t => {
  for (const opset of [null, 0, 1, 5])
    t.is(codeOf(model({...SMALL, opset}))?.code, 'ERR_OPSET_UNSUPPORTED');
  for (const opset of [6, 23, 24]) t.is(codeOf(model({...SMALL, opset})), null);
});

test('dimensions without a name can be told apart', t => {
  const message = modelMessage(SMALL);
  const shape = {dim: [{}, {dimValue: -1}, {dimParam: ''}, {dimValue: 4}]};
  message.graph.input = [{name: 'x', type: {tensorType: {elemType: 1, shape}}}];
  t.deepEqual(decodeModel(writeMessage(message, MODEL)).inputs[0]?.dims, ['x.0', 'x.1', 'x.2', 4]);
});

test('files that are no model say what they look like', t => {
  const text = (content: string): string =>
    codeOf(new TextEncoder().encode(content), {path: 'a.onnx'})?.message ?? '';
  t.regex(text('hello, this is a note'), /looks like text, not a protobuf \(in a\.onnx\)/);
  t.regex(text('{"model": 1}'), /looks like text/);
  t.regex(text('<!DOCTYPE html><html></html>'), /web page/);
  t.regex(text('version https://git-lfs.github.com/spec/v1\noid sha256:00'), /git lfs pull/);
  t.regex(codeOf(new Uint8Array(0))?.message ?? '', /file is empty/);
  t.is(codeOf(new Uint8Array(1000))?.code, 'ERR_ONNX_FORMAT');
  t.is(codeOf(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10))?.code, 'ERR_ONNX_FORMAT');
});

test('no prefix of a model is taken for a model', t => {
  const bytes = model(SMALL);
  let accepted = 0;
  for (let size = 0; size < bytes.length; size++) {
    const failure = codeOf(bytes.subarray(0, size));
    if (failure === null) accepted++;
    else t.regex(failure.code, /^ERR_(ONNX_FORMAT|OPSET_UNSUPPORTED)$/);
  }
  t.is(accepted, 0);
});

test('contradictions are refused with the name of the culprit', t => {
  const broken = (change: (graph: Record<string, unknown>) => void): string => {
    const message = modelMessage(SMALL);
    change(message.graph);
    return codeOf(writeMessage(message, MODEL))?.message ?? 'accepted';
  };
  const b = {name: 'b', dims: [2], dataType: 1, floatData: [1, 2]};
  t.regex(
    broken(graph => {
      graph.initializer = [b, b];
    }),
    /initializer "b" appears twice/,
  );
  t.regex(
    broken(graph => {
      graph.initializer = [{...b, name: ''}];
    }),
    /has no name/,
  );
  t.regex(
    broken(graph => {
      graph.output = [];
    }),
    /no outputs/,
  );
  t.regex(
    broken(graph => {
      graph.node = [{input: ['x'], output: ['y']}];
    }),
    /names no operator/,
  );
  t.regex(
    broken(graph => {
      graph.input = [{name: 'x'}];
    }),
    /input "x" is not a tensor/,
  );
  t.regex(
    broken(graph => {
      graph.input = [{name: 'x', type: {tensorType: {elemType: 8}}}];
    }),
    /"x" has element type string/,
  );
  t.regex(
    broken(graph => {
      graph.sparseInitializer = [new Uint8Array(2)];
    }),
    /sparse/,
  );
  t.regex(
    broken(graph => {
      graph.node = [
        {
          opType: 'A',
          output: ['y'],
          attribute: [
            {name: 'a', i: 1},
            {name: 'a', i: 2},
          ],
        },
      ];
    }),
    /attribute "a" twice/,
  );
});
