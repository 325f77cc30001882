// Writes the seeds of the fuzzers as files: node dist/scripts/fuzz/write-corpus.js programs FOLDER

import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {modelCorpus, programCorpus} from './corpus.js';

/** libFuzzer is fastest on small files. */
const MAX_PROGRAM_BYTES = 16 * 1024;

const [kind, folder] = process.argv.slice(2);
if ((kind !== 'programs' && kind !== 'models') || folder === undefined) {
  console.error('usage: write-corpus.js programs|models FOLDER');
  process.exit(2);
}
const seeds = kind === 'programs' ? programCorpus(MAX_PROGRAM_BYTES) : modelCorpus().seeds;
mkdirSync(folder, {recursive: true});
for (const [index, {bytes}] of seeds.entries()) {
  const extension = kind === 'programs' ? 'untp' : 'onnx';
  writeFileSync(path.join(folder, `${String(index).padStart(4, '0')}.${extension}`), bytes);
}
console.log(`${seeds.length} ${kind} in ${folder}`);
