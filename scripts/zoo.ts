// Writes the graphs of test/zoo as files: NAME/model.onnx with a test_data_set_0 of inputs and outputs.
//
// node dist/scripts/zoo.js --out DIR
// The outputs are those of the reference interpreter; `untangle verify DIR/NAME` compares with them.

import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {parseArgs} from 'node:util';
import type {DataType} from '../src/onnx/model.js';
import {encodeTensor} from '../src/onnx/tensor-file.js';
import {runReference} from '../test/zoo/engines.js';
import {makeZoo} from '../test/zoo/zoo.js';

const {values} = parseArgs({options: {out: {type: 'string', default: 'out/zoo'}}});

for (const entry of makeZoo()) {
  const folder = path.join(values.out, entry.name);
  const dataSet = path.join(folder, 'test_data_set_0');
  mkdirSync(dataSet, {recursive: true});
  writeFileSync(path.join(folder, 'model.onnx'), entry.bytes);
  for (const [index, [name, feed]] of Object.entries(entry.feeds).entries())
    writeFileSync(path.join(dataSet, `input_${index}.pb`), encodeTensor({name, ...feed}));
  for (const [index, {name, dims, data, dtype}] of runReference(entry).entries()) {
    const bytes = encodeTensor({name, dims, data, dtype: dtype as DataType});
    writeFileSync(path.join(dataSet, `output_${index}.pb`), bytes);
  }
  console.log(`${entry.dialect.padEnd(12)} ${folder}`);
}
