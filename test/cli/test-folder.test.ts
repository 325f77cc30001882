import test from 'ava';
import {largestError, pairWithPorts} from '../../src/cli/test-folder.js';

const tensor = (...values: number[]) => ({
  shape: [values.length],
  dtype: 'float32' as const,
  data: Float32Array.from(values),
});
const whole = (...values: number[]) => ({
  shape: [values.length],
  dtype: 'int64' as const,
  data: Float64Array.from(values),
});
const named = (name: string) => ({name, ...tensor(1)});

test('errors are relative to the range of what is expected', t => {
  t.is(largestError(tensor(0, 5, 10), tensor(0, 4, 10)), 0.1);
  t.is(largestError(tensor(1, 2), tensor(1, 2)), 0);
  t.is(largestError(tensor(3, 3), tensor(2, 2)), 1);
  t.is(largestError({...whole(), data: BigInt64Array.of(0n, 5n, 10n)}, whole(0, 4, 10)), 1);
});

test('NaN and infinity must stand where they are expected', t => {
  t.is(largestError(tensor(Number.NaN, 1), tensor(0, 1)), Infinity);
  t.is(largestError(tensor(0, 1), tensor(Number.NaN, 1)), Infinity);
  t.is(largestError(tensor(Infinity, 1), tensor(-Infinity, 1)), Infinity);
  t.is(largestError(tensor(Number.NaN, Infinity, 0, 1), tensor(Number.NaN, Infinity, 0, 1)), 0);
});

test('files belong to ports by name, else by position', t => {
  const names = (pairs: ReadonlyMap<string, {name: string}>) =>
    [...pairs].map(([port, {name}]) => `${port}:${name}`);
  t.deepEqual(names(pairWithPorts([named('b'), named('a')], ['a', 'b'])), ['b:b', 'a:a']);
  t.deepEqual(names(pairWithPorts([named(''), named('q')], ['a', 'b'])), ['a:', 'b:q']);
  t.throws(() => pairWithPorts([named(''), named('')], ['a']), {code: 'ERR_INPUT_NAME'});
});
