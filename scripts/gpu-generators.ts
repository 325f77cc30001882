// node dist/scripts/gpu-generators.js OUT: whole generators as programs for a GPU, for scripts/gpu-check.sh.

import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {netModel} from '../bench/models/generators.js';
import {NetBuilder} from '../bench/models/net-builder.js';
import {type ModelSpec, model} from '../bench/models/onnx-file.js';
import {type Net, readRows} from '../bench/shapes.js';
import {compile} from '../src/compile.js';

/** EB-GAN (arXiv:1609.03126) for pictures of 256 pixels: 2048 to 64 channels, each layer twice as wide. */
function ebgan(): ModelSpec {
  const net = new NetBuilder([1, 100, 1, 1]);
  const up = {kernel: 4, stride: 2, pad: 1, outputPadding: 0};
  net.convTranspose(2048, {kernel: 4, hasBias: false}).batchNorm().relu();
  for (const channels of [1024, 512, 256, 128, 64])
    net
      .convTranspose(channels, {...up, hasBias: false})
      .batchNorm()
      .relu();
  return net.convTranspose(3, up).tanh().toModel();
}

/** Names and models: those of bench/gpu/generators.py. */
export function generators(): ReadonlyMap<string, () => ModelSpec> {
  const nets = readRows().filter((row): row is Net => row.kind === 'net');
  const dcgans = nets.filter(({generator, input}) => generator === 'dcgan' && input[0] === 1);
  return new Map([
    ...dcgans.map((net): [string, () => ModelSpec] => [net.id, () => netModel(net)]),
    ['ebgan_256', ebgan],
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
