import test from 'ava';
import {chart} from '../../bench/report/chart.js';
import {collect} from '../../bench/report/collect.js';
import {geometricMean, ratioToBestPeer, utilization} from '../../bench/report/figures.js';
import {methodsTable} from '../../bench/report/methods-table.js';
import {page} from '../../bench/report/page.js';
import {rowTable, slowRows, summaryTable} from '../../bench/report/tables.js';
import {type Line, type ResultLine, withRatios} from '../../bench/results.js';

const CIRCUMSTANCES = {
  machine: {
    processor: 'Test CPU',
    cores: 2,
    isa: 'avx2',
    peaks: [{threads: 1, gflops: 100, readGbs: 10}],
  },
  node: 'v20.0.0',
  commit: 'abc1234',
};

function result(shape: string, contender: string, msP50: number, rest: Partial<ResultLine> = {}) {
  const isPeer = ['onnxruntime', 'onednn'].includes(contender);
  const line: ResultLine = {
    kind: 'result',
    shape,
    family: 'dcgan',
    contender,
    isPeer,
    version: '',
    threads: 1,
    msP50,
    msP90: msP50 * 1.1,
    runs: 10,
    turns: 5,
    dirtyTurns: 1,
    matches: true,
    flops: 2e8,
    macsInBounds: 5e7,
    ratioToBestPeer: null,
    counted: isPeer ? null : {macs: 5e7, readBytes: 3e6, writtenBytes: 1e6, arenaPeakBytes: 1e6},
    ...CIRCUMSTANCES,
  };
  return {...line, ...rest};
}

const PASS: readonly Line[] = [
  result('a', 'ours', 2),
  result('a', 'onnxruntime', 4),
  result('a', 'onednn', 1),
  result('b', 'ours', 3),
  result('b', 'onnxruntime', 6),
  result('b', 'onednn', 0.1, {matches: false}),
  {kind: 'skip', shape: '*', contender: 'xnnpack', reason: 'no compiler'},
];

test('a cell is the lowest median of the passes', t => {
  const results = collect([PASS, [result('a', 'ours', 1.5), result('a', 'onednn', 5)]]);
  t.is(results.find('a', 'ours', 1)?.msP50, 1.5);
  t.is(results.find('a', 'onednn', 1)?.msP50, 1);
  t.deepEqual(
    [results.rows, results.peers],
    [
      ['a', 'b'],
      ['onnxruntime', 'onednn'],
    ],
  );
});

test('another output counts for nothing but a line that says so', t => {
  const results = collect([PASS]);
  t.is(results.find('b', 'onednn', 1), undefined);
  t.is(ratioToBestPeer(results, 'b', 1), 0.5);
  t.true(page(results, 'x.svg').includes('- onednn: its output differs (b)'));
});

test('results of two machines, or none, make no page', t => {
  const other = {...CIRCUMSTANCES.machine, processor: 'Other CPU'};
  t.throws(() => collect([PASS, [result('a', 'ours', 1, {machine: other})]]), {
    message: 'results of different machines: Test CPU (avx2) and Other CPU (avx2)',
  });
  t.throws(() => collect([[]]), {message: 'the files hold no results'});
});

test('each result is held against the fastest peer whose output is right', t => {
  const results = PASS.filter(line => line.kind === 'result').filter(({shape}) => shape === 'b');
  t.deepEqual(
    withRatios(results).map(({ratioToBestPeer}) => ratioToBestPeer),
    [0.5, 1, 0.1 / 6],
  );
  t.is(withRatios([result('a', 'ours', 1)])[0]?.ratioToBestPeer, null);
});

test('geometric means', t => {
  t.true(Math.abs(geometricMean([0.5, 2, 8]) - 2) < 1e-12);
});

test('a row is bound by compute only when its MACs take twice as long as its bytes', t => {
  const {peaks} = CIRCUMSTANCES.machine;
  // 1 ms at the peak beside 0.4 ms of bytes; then beside 0.6.
  const compute = utilization(result('a', 'ours', 2), peaks);
  t.deepEqual(compute, {gflops: 50, bound: 'compute', share: 0.5});
  const counted = {macs: 0, readBytes: 6e6, writtenBytes: 0, arenaPeakBytes: 0};
  const memory = utilization(result('a', 'ours', 2, {counted}), peaks);
  t.like(memory, {bound: 'memory', share: 0.3});
  t.is(utilization(result('a', 'onednn', 2), peaks), null);
});

test('the tables show times, limits, ratios and the slow rows by name', t => {
  const results = collect([PASS]);
  t.true(summaryTable(results).includes('| 1 thread | 2 | **1.00** | 0.50 (2) | 2.00 (1) |'));
  const table = rowTable(results, 1);
  t.true(table.includes('| a | 2.00 | 4.00 | 1.00 | 50 | 50 % compute | 2.00 | 0.50 |'));
  t.true(table.includes('| b | 3.00 | 6.00 | – | 33 | 33 % compute | 0.50 | 0.50 |'));
  t.true(slowRows(results).startsWith('Slower than the best peer (over 1.0): 1 of 2: a 1T 2.00.'));
  t.true(slowRows(results).endsWith('Slower than onnxruntime (over 1.0): none.'));
});

test('methods show ratios of time beside ratios of counted bytes', t => {
  t.is(methodsTable(collect([PASS]), 1), null);
  const counted = {macs: 2e8, readBytes: 1e7, writtenBytes: 2e6, arenaPeakBytes: 1e7};
  const table = methodsTable(collect([PASS, [result('a', 'gemm-col2im', 5, {counted})]]), 1);
  t.true(table?.includes('| a | 2.50 / 3.00 |'));
  t.true(table?.includes('| **geometric mean** | 2.50 / 3.00 |'));
});

test('the page names machine, commit, peaks and what was not run', t => {
  const text = page(collect([PASS]), 'benchmarks.svg');
  for (const part of [
    'Machine: Test CPU, 2 cores, avx2, Node 20.0.0',
    '100 GFLOP/s and 10 GB/s of reads on 1 thread',
    '1 result file of commit abc1234',
    '6 of 30 turns stayed disturbed',
    '](benchmarks.svg)',
    '- xnnpack: no compiler',
  ])
    t.true(text.includes(part), part);
});

test('the chart has a dot for each value, named, and escapes labels', t => {
  const svg = chart({
    title: 'a < b',
    series: ['one', 'two'],
    rows: [
      {
        label: 'r&d',
        values: new Map([
          ['one', 2],
          ['two', 0.3],
        ]),
      },
      {label: 's', values: new Map([['two', 5]])},
    ],
  });
  t.is([...svg.matchAll(/<circle [^>]*><title>/g)].length, 3);
  t.true(svg.includes('two: 0.30 times ours'));
  t.true(svg.includes('r&amp;d') && svg.includes('a &lt; b'));
  // From a quarter, below 0.3, to eight times, above 5.
  t.deepEqual(
    [...svg.matchAll(/middle">([^<]*)</g)].map(([, text]) => text),
    ['0.25×', '0.5×', 'ours', '2×', '4×', '8×'],
  );
});
