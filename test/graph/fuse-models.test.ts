import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import {fuseGraph} from '../../src/graph/fuse.js';
import type {Graph} from '../../src/graph/graph.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {decodeTensor} from '../../src/onnx/tensor-file.js';
import {evaluateGraph} from './evaluate.js';
import {assertSameResults, assertWellFormed} from './fuse-builder.js';

const MODELS = fileURLToPath(new URL('../../../../shared/models/', import.meta.url));

/** Small enough to evaluate by definition. */
const SMALL = ['dcgan-mnist', 'cvae-quickdraw'];

/** Nodes of each kind that fusing leaves. */
const REMAINING: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'bodypix-mnv1-050-s8': {conv: 35, reshape: 1, transpose: 8},
  'cvae-quickdraw': {concat: 1, conv: 3, gemm: 1, reshape: 1, resize: 2, transpose: 2},
  'dcgan-mnist': {conv: 4},
  'espnet-camvid': {chain: 16, concat: 18, conv: 85, pool: 2},
  'fns-candy': {chain: 2, conv: 16, instanceNorm: 15, pad: 1, slice: 7},
  'fsrcnn-x2': {conv: 8, reshape: 2, transpose: 1},
  'selfie-segmentation': {chain: 16, conv: 55, reduce: 10, reshape: 1, resize: 3, transpose: 1},
  'sinet-portrait': {
    chain: 14,
    concat: 13,
    conv: 58,
    expand: 1,
    gemm: 3,
    pool: 9,
    reshape: 26,
    resize: 9,
    softmax: 1,
    transpose: 11,
  },
  'sr-subpixel-x3': {conv: 4, reshape: 2, transpose: 1},
  'waifu2x-upconv7-x2': {conv: 7},
};

function inputsOf(model: string): ReturnType<typeof decodeTensor>[] {
  const files = readdirSync(`${MODELS}${model}`).filter(file => /^input_\d+\.pb$/.test(file));
  return files.sort().map(file => decodeTensor(readFileSync(`${MODELS}${model}/${file}`)));
}

function build(model: string): Graph {
  const shapes = Object.fromEntries(inputsOf(model).map(({name, dims}) => [name, dims]));
  return buildGraph(decodeModel(readFileSync(`${MODELS}${model}/model.onnx`)), {shapes});
}

function countOperations(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const {operation} of graph.nodes) counts[operation.op] = (counts[operation.op] ?? 0) + 1;
  return counts;
}

if (!existsSync(MODELS)) {
  test('real models fuse', t => {
    t.log(`skipped: ${MODELS} is absent`);
    t.pass();
  });
} else {
  const models = readdirSync(MODELS, {withFileTypes: true}).filter(entry => entry.isDirectory());
  for (const {name} of models) {
    test(`${name} fuses`, t => {
      const graph = build(name);
      const fused = fuseGraph(graph);
      assertWellFormed(fused);
      t.log(JSON.stringify(countOperations(graph)));
      t.deepEqual(countOperations(fused), REMAINING[name]);
    });
  }

  for (const name of SMALL) {
    test(`${name} computes the same when fused, and what its file says`, t => {
      const graph = build(name);
      const fused = fuseGraph(graph);
      assertSameResults(graph, fused, 1e-5);

      const inputs = new Map(inputsOf(name).map(({name: input, data}) => [input, data]));
      const [output] = [...evaluateGraph(fused, inputs).values()];
      const expected = decodeTensor(readFileSync(`${MODELS}${name}/output_0.pb`)).data;
      const error = output!.data.reduce(
        (max, value, at) => Math.max(max, Math.abs(value - expected[at]!)),
        0,
      );
      t.true(error <= 1e-4, `largest error ${error}`);
    });
  }
}
