// The reference interpreter against ONNX's own tests: it must pass every one whose operators it knows.

import test from 'ava';
import {decodeModel, OLDEST_OPSET} from '../../../src/onnx/decode.js';
import {
  type Archive,
  archiveMissing,
  type ConformanceTest,
  unpackArchive,
} from '../../conformance/archive.js';
import {difference} from '../../conformance/compare.js';
import {evaluateModel, REFERENCE_OPS} from './evaluate.js';
import {fromTensor} from './shape.js';

const missing = archiveMissing();

if (missing !== null) {
  test.skip(`reference against ONNX's own tests: skipped, ${missing}`, () => {});
} else {
  test("the reference passes ONNX's own tests of its operators", t => {
    t.timeout(600_000);
    const archive = unpackArchive();
    t.teardown(archive.remove);
    const claimed = archive.tests.filter(
      ({ops, opset}) => opset >= OLDEST_OPSET && ops.every(op => op in REFERENCE_OPS),
    );
    // Expectations that onnxruntime does not meet are disputed or were corrected since.
    const [agreed, disputed] = [true, false].map(isAgreed =>
      claimed.filter(({ort_1_30_cpu: verdict}) => (verdict !== 'mismatch') === isAgreed),
    );
    const failures = agreed!.flatMap(entry => check(archive, entry));
    t.log(`${agreed!.length} tests checked, ${disputed!.length} disputed ones left out`);
    t.deepEqual(failures, []);
    t.true(agreed!.length > 1_200);
  });
}

function check(archive: Archive, entry: ConformanceTest): string[] {
  try {
    const model = decodeModel(archive.model(entry));
    for (const {inputs, outputs} of archive.dataSets(entry)) {
      const feeds = new Map(inputs.map((x, i) => [model.inputs[i]!.name, fromTensor(x)]));
      for (const [index, y] of evaluateModel(model, feeds).entries()) {
        const want = outputs[index]!;
        if (y.dtype !== want.dtype) return [`${entry.path}: ${y.dtype}, not ${want.dtype}`];
        const dtype = y.dtype.includes('float') ? 'float32' : y.dtype;
        const found = difference({dtype, shape: y.dims, data: y.data}, want);
        if (found !== null) return [`${entry.path}: ${found}`];
      }
    }
    return [];
  } catch (error) {
    return [`${entry.path}: ${error instanceof Error ? error.message : error}`];
  }
}
