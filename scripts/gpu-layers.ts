// Writes native/bench/layers.txt from bench/shapes: the layers for programs that read no JSON.
//
// `node dist/scripts/gpu-layers.js`; a test compares the committed file.

import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {ROOT} from '../bench/folders.js';
import {readRows} from '../bench/shapes.js';

export const LAYERS_FILE = path.join(ROOT, 'native', 'bench', 'layers.txt');

/** One line per layer; native/bench/layer.h says what its words are. */
export function layerLines(): string {
  const layers = readRows().filter(row => row.kind === 'layer');
  return layers
    .map(layer =>
      [
        layer.id,
        layer.op === 'transposed' ? 1 : 0,
        layer.batch,
        layer.inChannels,
        layer.outChannels,
        ...layer.input,
        layer.kernel,
        layer.stride,
        layer.pad,
        layer.outputPadding,
        layer.dilation,
        layer.groups,
      ].join(' '),
    )
    .map(line => `${line}\n`)
    .join('');
}

if (process.argv[1] === import.meta.filename) writeFileSync(LAYERS_FILE, layerLines());
