import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {decodeTensor} from '../../src/onnx/tensor-file.js';
import {evaluateGraph} from './evaluate.js';

const MODELS = path.resolve(import.meta.dirname, '../../../../shared/models');
const LIST = path.join(MODELS, 'models.json');

/** Small enough to evaluate by definition in a second or two. */
const EVALUATED = ['cvae-quickdraw', 'dcgan-mnist', 'selfie-segmentation'];

interface Port {
  readonly name: string;
  readonly file: string;
  readonly shape: readonly number[];
}

interface ModelEntry {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly (Port & {readonly min: number; readonly max: number})[];
}

function entries(): readonly ModelEntry[] {
  const parsed: unknown = JSON.parse(readFileSync(LIST, 'utf8'));
  return (Array.isArray(parsed) ? parsed : (parsed as {models: unknown[]}).models) as ModelEntry[];
}

function build({name, inputs}: ModelEntry) {
  const model = decodeModel(readFileSync(path.join(MODELS, name, 'model.onnx')));
  return buildGraph(model, {
    shapes: Object.fromEntries(inputs.map(input => [input.name, input.shape])),
  });
}

if (existsSync(LIST)) {
  for (const entry of entries()) {
    test(`${entry.name} builds, with the output shapes of onnxruntime`, t => {
      const graph = build(entry);
      const shapes = graph.outputs.map(({name, value}) => ({
        name,
        shape: graph.values.get(value)!.shape,
      }));
      t.deepEqual(
        shapes,
        entry.outputs.map(({name, shape}) => ({name, shape})),
      );
    });
  }

  for (const entry of entries().filter(({name}) => EVALUATED.includes(name))) {
    test(`${entry.name} means what onnxruntime computes`, t => {
      const read = ({file}: Port) =>
        decodeTensor(readFileSync(path.join(MODELS, entry.name, file))).data;
      const results = evaluateGraph(
        build(entry),
        new Map(entry.inputs.map(input => [input.name, read(input)])),
      );
      for (const output of entry.outputs) {
        const {data} = results.get(output.name)!;
        const expected = read(output);
        const worst = Math.max(...Array.from(expected, (value, at) => Math.abs(value - data[at]!)));
        t.true(worst <= 1e-4 * (output.max - output.min), `${output.name}: ${worst}`);
      }
    });
  }
} else {
  test('models', t => {
    t.log(`skipped: ${LIST} does not exist`);
    t.pass();
  });
}
