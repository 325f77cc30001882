// Every command has bytes at every level and a time, whatever operator it came from.

import test from 'ava';
import {operatorModels} from '../../../scripts/fuzz/operator-models.js';
import {supportedOperators} from '../../../src/graph/registry.js';
import {compile, type Program, readBoard, UntangleError} from '../../../src/index.js';

const board = await readBoard('jetson-xavier-nx');

function compileFor(bytes: Uint8Array, threads: number): Program | null {
  try {
    return compile(bytes, {board, threads});
  } catch (error) {
    if (error instanceof UntangleError) return null;
    throw error;
  }
}

test('models of all operators are predicted', t => {
  const ops = new Set<string>();
  for (const {opType} of supportedOperators()) {
    let found = 0;
    for (const {bytes, name} of operatorModels(opType)) {
      const program = compileFor(bytes, 1 + (found % 6));
      if (program === null) continue;
      for (const {op, levels, predictedNs} of program.explanation.commands) {
        ops.add(op);
        t.deepEqual(
          levels?.map(({from}) => from),
          ['L2', 'L3', 'memory'],
          name,
        );
        for (const {readBytes, writtenBytes} of levels!) {
          t.true(
            readBytes >= 0 && writtenBytes >= 0 && Number.isSafeInteger(readBytes + writtenBytes),
            name,
          );
        }
        t.true(Number.isSafeInteger(predictedNs) && predictedNs! > 0, `${name} ${predictedNs}`);
      }
      if (++found === 2) break;
    }
  }
  t.true(ops.size >= 17, [...ops].sort().join());
});
