// The zoo: small graphs in the dialects of exporters, each with something to feed it.

import {AUDIO} from './audio.js';
import {BLOCKS} from './blocks.js';
import {GENERATORS} from './generators.js';
import {KERAS} from './keras.js';
import {PICTURES} from './pictures.js';
import {QUANTIZED} from './quantized.js';
import {TENSORFLOW} from './tensorflow.js';
import type {ZooEntry} from './zoo-graph.js';

/** Makes every graph of the zoo. */
export function makeZoo(): ZooEntry[] {
  const makers = [
    ...GENERATORS,
    ...PICTURES,
    ...BLOCKS,
    ...AUDIO,
    ...TENSORFLOW,
    ...KERAS,
    ...QUANTIZED,
  ];
  return makers.map(make => make());
}
