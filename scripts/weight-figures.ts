// What stored weights gain in time, by how many pixels share one: the tables of docs/01-architecture.md, "Stored weights".
//
// `node dist/scripts/weight-figures.js [--threads N] [--rounds N]`. Sessions of all types in turn, in one process.

import {parseArgs} from 'node:util';
import {compileRow} from '../bench/models/compile-row.js';
import {type Layer, readRows} from '../bench/shapes.js';
import {open} from '../src/index.js';
import {WEIGHT_TYPES} from '../src/untangle/stored-weights.js';
import {type Timed, timesInTurn} from './time-in-turn.js';

const LAYERS = ['dcgan_k4_1', 'dcgan_k5_1', 'ebgan_1', 'ebgan_2'];
const PIXELS = [
  [1, 1],
  [1, 2],
  [2, 2],
  [2, 4],
  [4, 4],
  [8, 8],
] as const;

/** A matrix of 64 MiB in f32, which no second-level cache holds. */
function pointwise(input: readonly [number, number]): Layer {
  const channels = {inChannels: 2048, outChannels: 8192};
  const shape = {kernel: 1, stride: 1, pad: 0, outputPadding: 0, dilation: 1, groups: 1, batch: 1};
  const id = `${input[0] * input[1]} of 1x1, 2048 to 8192`;
  return {kind: 'layer', id, family: '', op: 'conv', input, ...channels, ...shape};
}

async function times(row: Layer, threads: number, rounds: number): Promise<number[][]> {
  const all: Timed[] = [];
  for (const weights of WEIGHT_TYPES) {
    const program = compileRow(row, {weights, threads})!;
    const {name, shape} = program.explanation.inputs[0]!;
    const length = shape.reduce((a, b) => a * b, 1);
    const session = await open(program, {threads});
    all.push({session, feeds: {[name]: new Float32Array(length).fill(0.5)}});
  }
  const found = await timesInTurn(all, rounds);
  for (const {session} of all) await session.dispose();
  return found;
}

const {values} = parseArgs({
  options: {threads: {type: 'string', default: '2'}, rounds: {type: 'string', default: '31'}},
});
const [threads, rounds] = [Number(values.threads), Number(values.rounds)];
if (!(threads >= 1 && rounds >= 1)) {
  console.error('expected: weight-figures.js [--threads N] [--rounds N]');
  process.exit(1);
}
const layers = readRows().filter((row): row is Layer => LAYERS.includes(row.id));
console.log('| pixels, or layer | fp32, ms | fp16 | int8 |');
console.log('|---|---|---|---|');
for (const row of [...PIXELS.map(pointwise), ...layers]) {
  const [fp32, ...others] = (await times(row, threads, rounds)) as [number[], ...number[][]];
  const middle = rounds >> 1;
  const gains = others.map(other =>
    [middle, 0].map(at => (fp32[at]! / other[at]!).toFixed(2)).join(', '),
  );
  console.log(`| ${[row.id, fp32[middle]!.toFixed(2), ...gains].join(' | ')} |`);
}
