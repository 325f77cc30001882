// What the project says of itself, counted: HUGE2's claim of half the memory traffic, on whole DCGANs and layer by layer.

import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {type Counts, compile} from '../src/index.js';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const GENERATORS = [
  {file: path.join(ROOT, 'models/dcgan-faces.onnx'), shapes: {z: [1, 32, 1, 1]}},
  {file: path.join(ROOT, '../shared/models/dcgan-mnist/model.onnx'), shapes: {z: [1, 64, 1, 1]}},
];

const traffic = (counts: Pick<Counts, 'readBytes' | 'writtenBytes'>) =>
  counts.readBytes + counts.writtenBytes;

for (const {file, shapes} of GENERATORS) {
  const name = path.relative(ROOT, file);
  if (!existsSync(file)) {
    test.skip(`${name}: skipped, the file does not exist`, () => {});
    continue;
  }
  test(`${name}: less than half the traffic of zero insertion and im2col`, t => {
    const {totals, baselines, convolutions, commands} = compile(readFileSync(file), {
      shapes,
    }).explanation;
    t.true(traffic(totals) <= traffic(baselines.zeroInsertIm2col) / 2);

    const light = convolutions.filter(
      ({command, weightsBytes}) => weightsBytes < traffic(commands[command]!) / 2,
    );
    t.true(light.length >= 2);
    for (const {command, zeroInsertIm2col} of light) {
      const {name: layer} = commands[command]!;
      t.true(traffic(commands[command]!) <= traffic(zeroInsertIm2col) / 2, layer);
    }
  });
}
