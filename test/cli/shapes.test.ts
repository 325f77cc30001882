import test from 'ava';
import type {Feed} from '../../src/cli/feeds.js';
import {parseAssignment, parseShape} from '../../src/cli/options.js';
import {bindShapes} from '../../src/cli/shapes.js';
import type {ValueInfo} from '../../src/onnx/model.js';

function input(name: string, dims: ValueInfo['dims']): ValueInfo {
  return {name, dtype: 'float32', dims};
}

function feed(kind: 'tensor' | 'picture', ...shape: number[]): Feed {
  if (kind === 'tensor')
    return {kind, tensor: {shape, dtype: 'float32', data: new Float32Array(0)}};
  return {
    kind,
    path: 'a.png',
    bytes: new Uint8Array(0),
    width: shape[0]!,
    height: shape[1]!,
    range: {low: 0, high: 1},
  };
}

test('--shape binds a symbol for every input that uses it', t => {
  const inputs = [input('z', ['N', 64, 1, 1]), input('label', ['N', 26])];
  const {shapes, notes} = bindShapes(inputs, [{name: 'z', shape: [16, 64, 1, 1]}], new Map());
  t.deepEqual(shapes, {z: [16, 64, 1, 1], label: [16, 26]});
  t.deepEqual(notes, []);
});

test('a batch nobody named is 1, with a note; other dimensions stay open', t => {
  const {shapes, notes} = bindShapes([input('z', ['N', 64])], [], new Map());
  t.deepEqual(shapes, {z: [1, 64]});
  t.is(notes.length, 1);
  t.deepEqual(bindShapes([input('x', ['N', 3, 'H', 'W'])], [], new Map()).shapes, {});
  t.deepEqual(bindShapes([input('x', [1, 3, 8, 8])], [], new Map()).shapes, {});
});

test('files bind what the options leave open', t => {
  const inputs = [input('x', ['N', 3, 'H', 'W'])];
  t.deepEqual(bindShapes(inputs, [], new Map([['x', feed('tensor', 2, 3, 8, 9)]])).shapes, {
    x: [2, 3, 8, 9],
  });
  t.deepEqual(bindShapes(inputs, [], new Map([['x', feed('picture', 9, 8)]])).shapes, {
    x: [1, 3, 8, 9],
  });
  t.deepEqual(
    bindShapes([input('x', [1, 'H', 'W', 3])], [], new Map([['x', feed('picture', 9, 8)]])).shapes,
    {x: [1, 8, 9, 3]},
  );
  t.deepEqual(
    bindShapes(inputs, [{name: 'x', shape: [1, 3, 4, 4]}], new Map([['x', feed('picture', 9, 8)]]))
      .shapes,
    {x: [1, 3, 4, 4]},
  );
});

test('an input of unknown rank takes the shape that is given', t => {
  t.deepEqual(bindShapes([input('x', null)], [{name: 'x', shape: [2, 2]}], new Map()).shapes, {
    x: [2, 2],
  });
  t.deepEqual(bindShapes([input('x', null)], [], new Map()).shapes, {});
});

test('names and ranks that do not fit are refused', t => {
  const inputs = [input('x', ['N', 3])];
  t.throws(() => bindShapes(inputs, [{name: 'y', shape: [1]}], new Map()), {
    code: 'ERR_INPUT_NAME',
  });
  t.throws(() => bindShapes(inputs, [], new Map([['y', feed('tensor', 1)]])), {
    code: 'ERR_INPUT_NAME',
  });
  t.throws(() => bindShapes(inputs, [{name: 'x', shape: [1]}], new Map()), {
    code: 'ERR_INPUT_SHAPE',
  });
  t.throws(
    () => bindShapes([input('x', [1, 12, 'H', 'W'])], [], new Map([['x', feed('picture', 9, 8)]])),
    {code: 'ERR_INPUT_SHAPE'},
  );
});

test('NAME=VALUE and NAME=SIZES are read as written', t => {
  t.deepEqual(parseAssignment('--input', 'input_1:0=a=b.npy'), {
    name: 'input_1:0',
    value: 'a=b.npy',
  });
  t.deepEqual(parseShape('z=16,64,1,1'), {name: 'z', shape: [16, 64, 1, 1]});
  t.deepEqual(parseShape('z=1x2'), {name: 'z', shape: [1, 2]});
  for (const text of ['', 'x', 'x=', '=1'])
    t.throws(() => parseAssignment('--input', text), {code: 'ERR_OPTION'}, text);
  for (const text of ['z', 'z=', 'z=0', 'z=-1', 'z=1,', 'z=N', 'z=1.5', '=1'])
    t.throws(() => parseShape(text), {code: 'ERR_OPTION'}, text);
});
