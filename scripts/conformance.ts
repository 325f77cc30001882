// Runs ONNX's own tests (../shared/conformance) and prints what passes.
//
// node dist/scripts/conformance.js [--filter RE] [--list] [--prune]
// --filter RE: only tests whose path or operators match; --list: the failing tests with their reasons;
// --prune: takes tests that pass off test/conformance-skips.json.

import {parseArgs} from 'node:util';
import {archiveMissing, unpackArchive} from '../test/conformance/archive.js';
import {checkTest, type Result} from '../test/conformance/check.js';
import {compareWithSkips, pruneSkipsFile, readSkips} from '../test/conformance/skips.js';
import {operatorTable, totals} from '../test/conformance/summary.js';

const {values} = parseArgs({
  options: {
    filter: {type: 'string', default: ''},
    list: {type: 'boolean', default: false},
    prune: {type: 'boolean', default: false},
  },
});

const missing = archiveMissing();
if (missing !== null) {
  console.log(`nothing to do: ${missing}`);
} else {
  const results = await runAll(new RegExp(values.filter));
  if (values.list)
    for (const {test, passed, reason} of results)
      if (!passed) console.log(`${test.path} | ${test.ops.join(' ')} | ${reason}`);
  for (const line of [...operatorTable(results), '', ...totals(results)]) console.log(line);
  if (values.prune) pruneSkipsFile(results);
  const surprises = compareWithSkips(results, readSkips());
  for (const line of surprises) console.log(line);
  if (surprises.length > 0) process.exitCode = 1;
}

async function runAll(filter: RegExp): Promise<Result[]> {
  const archive = unpackArchive();
  try {
    const results: Result[] = [];
    for (const test of archive.tests)
      if (filter.test(test.path) || test.ops.some(op => filter.test(op)))
        results.push(await checkTest(archive, test));
    return results;
  } finally {
    archive.remove();
  }
}
