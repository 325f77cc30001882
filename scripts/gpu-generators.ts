// node dist/scripts/gpu-generators.js OUT: whole generators as programs for a GPU, for scripts/gpu-check.sh.

import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {ebganModel, netModel} from '../bench/models/generators.js';
import {type ModelSpec, model} from '../bench/models/onnx-file.js';
import {type Net, readRows} from '../bench/shapes.js';
import {compile} from '../src/compile.js';

/** Names and models: those of bench/gpu/generators.py. */
export function generators(): ReadonlyMap<string, () => ModelSpec> {
  const nets = readRows().filter((row): row is Net => row.kind === 'net');
  const dcgans = nets.filter(({generator, input}) => generator === 'dcgan' && input[0] === 1);
  return new Map([
    ...dcgans.map((net): [string, () => ModelSpec] => [net.id, () => netModel(net)]),
    ['ebgan_256', ebganModel],
  ]);
}

if (process.argv[1] === import.meta.filename) {
  const [folder = '.'] = process.argv.slice(2);
  mkdirSync(folder, {recursive: true});
  for (const [name, make] of generators()) {
    const program = compile(model(make()), {device: 'cuda', name});
    writeFileSync(path.join(folder, `${name}.untp`), program.bytes);
    console.log(
      `${name}: ${program.explanation.commands.length} commands, ${program.bytes.length} bytes`,
    );
  }
}
