// The ten real models of ../shared/models on the GPU.

import {existsSync, readdirSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {untangle} from '../helpers/command-line.js';
import {gpuTest} from '../helpers/gpu.js';

const MODELS = path.resolve(import.meta.dirname, '..', '..', '..', '..', 'shared', 'models');

if (existsSync(MODELS)) {
  gpuTest('verify passes on every model on the GPU', async t => {
    t.timeout(600_000);
    const names = readdirSync(MODELS).filter(name =>
      existsSync(path.join(MODELS, name, 'model.onnx')),
    );
    const result = await untangle(MODELS, 'verify', '--device', 'cuda', ...names);
    t.is(result.code, 0, `${result.stdout}${result.stderr}`);
    t.regex(result.stdout, new RegExp(`^${names.length} passed, 0 failed`, 'm'));
    // Small generators, whose products are what is rounded.
    for (const precision of ['tf32', 'fp16']) {
      const options = ['--device', 'cuda', '--precision', precision, '--tolerance', '5e-3'];
      const rounded = await untangle(MODELS, 'verify', ...options, 'dcgan-mnist', 'cvae-quickdraw');
      t.is(rounded.code, 0, `${precision}: ${rounded.stdout}${rounded.stderr}`);
    }
  });
} else {
  test.skip(`verify on the GPU: skipped, ${MODELS} does not exist`, () => {});
}
