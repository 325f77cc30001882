// Every graph of the zoo: this package against the reference interpreter, and against onnxruntime where it is installed.

import test from 'ava';
import {
  findOnnxRuntime,
  outputDifference,
  runHere,
  runOnnxRuntime,
  runReference,
} from './zoo/engines.js';
import {makeZoo} from './zoo/zoo.js';
import {DIALECTS} from './zoo/zoo-graph.js';

const zoo = makeZoo();
const onnxRuntime = findOnnxRuntime();

for (const entry of zoo) {
  test(`${entry.dialect} ${entry.name} agrees with the reference at one and two threads`, async t => {
    const expected = runReference(entry);
    const results = await runHere(entry, 1);
    t.is(outputDifference(results, expected), null);
    t.deepEqual(await runHere(entry, 2), results, 'two threads give the same bits as one');
  });
}

if (onnxRuntime === null) {
  test.skip(`${zoo.length} graphs against onnxruntime: skipped, onnxruntime-node is not installed`, () => {});
} else {
  for (const entry of zoo) {
    test(`the reference for ${entry.dialect} ${entry.name} agrees with onnxruntime`, async t => {
      const expected = await runOnnxRuntime(onnxRuntime, entry);
      t.is(outputDifference(runReference(entry), expected), null);
    });
    test(`${entry.dialect} ${entry.name} agrees with onnxruntime`, async t => {
      const expected = await runOnnxRuntime(onnxRuntime, entry);
      for (const threads of [1, 2])
        t.is(outputDifference(await runHere(entry, threads), expected), null);
    });
  }
}

test('the zoo holds every dialect, names are unique and graphs repeat bit for bit', t => {
  t.deepEqual(new Set(zoo.map(({dialect}) => dialect)), new Set(DIALECTS));
  t.is(new Set(zoo.map(({name}) => name)).size, zoo.length);
  t.true(zoo.length >= 40);
  t.deepEqual(
    makeZoo().map(({bytes}) => bytes),
    zoo.map(({bytes}) => bytes),
  );
});
