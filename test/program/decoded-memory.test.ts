import {getHeapStatistics, setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import test from 'ava';
import {decodeProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {GEMM, sampleParts} from './encode-sample.js';

const COMMANDS = 4000;

/** A command and its five regions: some 900, as hash tables 3300. */
const MOST_BYTES = 1500;

test('records of a decoded program are no larger than objects have to be', t => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const bytes = encodeProgram(sampleParts(Array.from({length: COMMANDS}, () => GEMM)));
  decodeProgram(bytes);
  collect();
  const before = getHeapStatistics().used_heap_size;
  const program = decodeProgram(bytes);
  collect();
  const taken = (getHeapStatistics().used_heap_size - before) / COMMANDS;
  t.is(program.commands.length, COMMANDS);
  t.true(taken < MOST_BYTES, `${taken} bytes for a command and its regions`);
});
