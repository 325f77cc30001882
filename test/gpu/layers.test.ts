// The layers that gpu-check measures are those of the benchmark, and so are those with floors.

import {readFileSync} from 'node:fs';
import test from 'ava';
import {FLOORS_FILE, floorsPage} from '../../scripts/gpu-floors.js';
import {LAYERS_FILE, layerLines} from '../../scripts/gpu-layers.js';

test('native/bench/layers.txt is what bench/shapes says', t => {
  t.is(readFileSync(LAYERS_FILE, 'utf8'), layerLines());
});

test('docs/gpu-floors.md is what bench/shapes and the data sheets say', t => {
  t.is(readFileSync(FLOORS_FILE, 'utf8'), floorsPage());
});
