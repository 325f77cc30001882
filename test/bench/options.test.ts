import test from 'ava';
import {parseOptions, UsageError} from '../../bench/options.js';

function parsed(...args: string[]) {
  const options = parseOptions(args);
  if (options === 'help') throw new Error('expected options');
  return options;
}

const names = (...args: string[]) => parsed(...args).contenders.map(({name}) => name);

test('the defaults are everything, six rounds, one and two threads, ours and the peers', t => {
  const options = parsed();
  t.deepEqual([...options.kinds], ['layer', 'net', 'model']);
  t.deepEqual([options.threads, options.rounds], [[1, 2], 6]);
  t.deepEqual(names(), ['ours', 'onnxruntime', 'pytorch', 'onednn', 'xnnpack']);
  t.regex(options.outFile, /out.bench.[-\dT]+\.jsonl$/);
});

test('--quick takes fewer rounds, unless they are given', t => {
  t.is(parsed('--quick').rounds, 3);
  t.is(parsed('--quick', '--rounds', '10').rounds, 10);
});

test('kinds that are named are those that are measured', t => {
  t.deepEqual([...parsed('--nets').kinds], ['net']);
  t.deepEqual([...parsed('--layers').kinds], ['layer']);
  t.deepEqual([...parsed('--layers', '--nets').kinds], ['layer', 'net']);
  t.deepEqual([...parsed('--models').kinds], ['model']);
});

test('groups of contenders stand for their members, and nobody takes part twice', t => {
  t.deepEqual(names('--contenders', 'methods,ours,gemm-col2im'), [
    'zero-insert-im2col',
    'zero-insert-direct',
    'gemm-col2im',
    'ours',
  ]);
});

test('--help is no mistake', t => {
  t.is(parseOptions(['--help', '--quick']), 'help');
});

for (const [args, message] of [
  [['--fast'], "Unknown option '--fast'; see --help"],
  [['layer'], "Unexpected argument 'layer'; see --help"],
  [['--rows', '('], '--rows: expected a regular expression but received ('],
  [['--threads', '1,x'], '--threads: expected an integer from 1 to 256 but received x'],
  [['--threads', ''], '--threads: expected a list but received nothing'],
  [['--rounds', '0'], '--rounds: expected an integer from 1 to 1000 but received 0'],
  [
    ['--contenders', 'tvm'],
    /^--contenders: expected names out of ours, onnxruntime, .* but received tvm$/,
  ],
] as const) {
  test(`${args.join(' ')} is refused in one sentence`, t => {
    t.throws(() => parseOptions(args), {instanceOf: UsageError, message});
  });
}
