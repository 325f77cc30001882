import {getHeapStatistics, setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import test from 'ava';
import {decodeHead, decodeProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {GEMM, sampleParts} from './encode-sample.js';

const COMMANDS = 4000;

/** A command and its five regions: some 900, as hash tables 3300. */
const MOST_BYTES = 1500;

/** What sessions are opened with: the name of each command. */
const MOST_HEAD_BYTES = 20;

/** The least of some measurements is without what the test runner takes meanwhile. */
const MEASUREMENTS = 5;

/** Bytes of V8's heap that what `decode` returns takes for each command. */
function bytesOf<T>(decode: () => T): {bytes: number; decoded: T} {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let decoded = decode();
  let bytes = Number.POSITIVE_INFINITY;
  for (let measurement = 0; measurement < MEASUREMENTS; measurement++) {
    // Else what is replaced makes up for what replaces it.
    decoded = undefined as T;
    collect();
    const before = getHeapStatistics().used_heap_size;
    decoded = decode();
    collect();
    bytes = Math.min(bytes, (getHeapStatistics().used_heap_size - before) / COMMANDS);
  }
  return {bytes, decoded};
}

const FILE = encodeProgram(sampleParts(Array.from({length: COMMANDS}, () => GEMM)));

test.serial('records of a decoded program are no larger than objects have to be', t => {
  const {bytes, decoded} = bytesOf(() => decodeProgram(FILE));
  t.is(decoded.commands.length, COMMANDS);
  t.true(bytes < MOST_BYTES, `${bytes} bytes for a command and its regions`);
});

test.serial('a session is opened without the records', t => {
  const {bytes, decoded} = bytesOf(() => decodeHead(FILE));
  t.is(decoded.commandNames.length, COMMANDS);
  t.true(bytes < MOST_HEAD_BYTES, `${bytes} bytes for a command`);
});
