// ONNX's own tests (../shared/conformance) through load and run, against the list of those known to fail.

import test from 'ava';
import {archiveMissing, unpackArchive} from './conformance/archive.js';
import {checkTest, type Result} from './conformance/check.js';
import {difference} from './conformance/compare.js';
import {compareWithSkips, pruneSkips, readSkips} from './conformance/skips.js';
import {operatorTable, totals} from './conformance/summary.js';

const missing = archiveMissing();

if (missing !== null) {
  test.skip(`ONNX's own tests: skipped, ${missing}`, () => {});
} else {
  test("ONNX's own tests pass, except those listed with a reason", async t => {
    t.timeout(900_000);
    const archive = unpackArchive();
    t.teardown(archive.remove);
    const skips = readSkips();
    const paths = new Set(archive.tests.map(({path}) => path));
    t.deepEqual(
      [...skips.keys()].filter(path => !paths.has(path)),
      [],
      'the list names only tests that exist',
    );

    const results: Result[] = [];
    for (const entry of archive.tests) results.push(await checkTest(archive, entry));
    for (const line of [...operatorTable(results), ...totals(results)]) t.log(line);
    t.deepEqual(compareWithSkips(results, skips), []);
  });
}

const RESULT: Result = {
  test: {path: 'a', opset: 13, ops: ['Add', 'Add'], ort_1_30_cpu: 'pass'},
  passed: true,
  binding: 'none',
  reason: '',
};
const FAILED: Result = {
  ...RESULT,
  test: {...RESULT.test, path: 'b', ops: ['Add']},
  passed: false,
  reason: 'no',
};

test('a listed test that passes and an unlisted one that fails are both errors', t => {
  const results = [RESULT, FAILED];
  t.deepEqual(compareWithSkips(results, new Map([['b', 'why']])), []);
  t.is(compareWithSkips(results, new Map()).length, 1);
  t.is(compareWithSkips(results, new Map([['a', 'why']])).length, 2);
  t.throws(() => readSkips('{"one": {"a": "why"}, "two": {"a": "why"}}'), {message: /twice/});
  const groups = {one: {a: 'why'}, two: {b: 'why'}};
  t.deepEqual(pruneSkips(groups, results), {two: {b: 'why'}});
});

test('operators are counted once for each test', t => {
  t.deepEqual(
    operatorTable([RESULT, FAILED]).map(line => line.replace(/ +/g, ' ')),
    ['Add 1 / 2'],
  );
});

test('differences in type, shape and value are seen', t => {
  const want = {dtype: 'float16', dims: [2], data: Float32Array.of(1, Number.NaN)} as const;
  const got = {dtype: 'float32', shape: [2], data: Float32Array.of(1.0009, Number.NaN)};
  t.is(difference(got, want), null);
  t.regex(difference({...got, dtype: 'int8'}, want)!, /type int8/);
  t.regex(difference({...got, shape: [2, 1]}, want)!, /shape/);
  t.regex(difference({...got, data: [1.002, Number.NaN]}, want)!, /value 0/);
  t.regex(difference({...got, data: [1, 0]}, want)!, /value 1/);
  t.regex(difference({...got, data: [1]}, want)!, /1 values/);
  const whole = {dtype: 'int32', dims: [1], data: Float64Array.of(10_000)} as const;
  t.regex(difference({dtype: 'int32', shape: [1], data: [10_001]}, whole)!, /value 0/);
});
