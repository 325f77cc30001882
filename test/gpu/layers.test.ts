// The layers that gpu-check measures are those of the benchmark.

import {readFileSync} from 'node:fs';
import test from 'ava';
import {LAYERS_FILE, layerLines} from '../../scripts/gpu-layers.js';

test('native/bench/layers.txt is what bench/shapes says', t => {
  t.is(readFileSync(LAYERS_FILE, 'utf8'), layerLines());
});
