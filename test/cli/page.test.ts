// The page of `untangle explain --html` as text and data; test/cli/page-browser.test.ts looks at it.

import test from 'ava';
import fc from 'fast-check';
import {compile as compileChart} from 'vega-lite';
import {escapeHtml, escapeJson} from '../../src/cli/page/escape.js';
import {arenaShare, memoryChart} from '../../src/cli/page/memory-chart.js';
import {htmlPage} from '../../src/cli/page/page.js';
import {intensityOf, rooflineChart} from '../../src/cli/page/roofline-chart.js';
import {layerTraffic, METHODS, trafficChart} from '../../src/cli/page/traffic-chart.js';
import {attainable, limitOf, predictedMs, type Roof, ridge} from '../../src/cli/roof.js';
import {trafficBytes} from '../../src/cli/traffic.js';
import {compile} from '../../src/compile.js';
import {addCounts} from '../../src/schedule/counts.js';
import {model} from '../helpers/onnx-builder.js';
import {checkProperty} from '../helpers/properties.js';

const {explanation} = compile(
  model({
    inputs: [{name: 'x', dims: [1, 4, 16, 16]}],
    outputs: [{name: 'y', dims: [1, 4, 32, 32]}],
    nodes: [
      {op: 'Conv', name: 'wide', inputs: ['x', 'w'], outputs: ['a'], attrs: {pads: [1, 1, 1, 1]}},
      {op: 'Softmax', name: 'soft', inputs: ['a'], outputs: ['b'], attrs: {axis: 1}},
      {
        op: 'ConvTranspose',
        name: 'up',
        inputs: ['b', 'u'],
        outputs: ['y'],
        attrs: {strides: [2, 2]},
      },
    ],
    initializers: {
      w: {dims: [4, 4, 3, 3], data: Array.from({length: 144}, (_, i) => i % 5)},
      u: {dims: [4, 4, 2, 2], data: Array.from({length: 64}, (_, i) => i % 3)},
    },
  }),
  {name: 'three layers', schedule: 'ks'},
);
const ROOF: Roof = {
  board: 'a board',
  threads: 2,
  gflops: 100,
  levels: [
    {name: 'L2', gbs: 50},
    {name: 'memory', gbs: 10},
  ],
};
const ASSETS = {script: 'drawEverything()', style: 'p {}', licences: 'Free & <open>.'};

test('no string ends a script or a tag', t => {
  const parts = fc.constantFrom(
    '<',
    '</script>',
    '<!--',
    ']]>',
    '"',
    "'",
    '&',
    '\u2028',
    '\ud800',
    '\0',
    'a',
  );
  const text = fc.array(parts).map(list => list.join(''));
  checkProperty(t, text, value => {
    t.notRegex(escapeHtml(value), /[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)|\0/);
    const json = escapeJson({[value]: value});
    t.notRegex(json, /[<>&\u2028\u2029]/);
    t.deepEqual(JSON.parse(json), {[value]: value});
  });
});

test('a page holds its script once, names as text, and the hash of nothing else', t => {
  const hostile = {...explanation, model: '</title><script>alert(1)</script>'};
  const page = htmlPage({explanation: hostile, roof: ROOF, version: '0.0.0'}, ASSETS);
  t.is(page.split('<script').length - 1, 2);
  t.true(page.includes('&lt;/title&gt;&lt;script&gt;'));
  t.true(page.includes('Free &amp; &lt;open&gt;.'));
  t.regex(page, /default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='; style-src/);
  t.notRegex(page.replace(/"\$schema":"[^"]*"/g, ''), /https?:\/\//);
});

test('blocks of the arena never overlap, and the highest ends at the peak', t => {
  const {blocks, commands, totals} = explanation;
  t.deepEqual(blocks[0]?.kind, 'input');
  for (const [index, a] of blocks.entries()) {
    t.true(a.lastCommand >= a.firstCommand && a.lastCommand < commands.length);
    for (const b of blocks.slice(index + 1)) {
      const areBothAlive = a.firstCommand <= b.lastCommand && b.firstCommand <= a.lastCommand;
      const share =
        a.offsetBytes < b.offsetBytes + b.bytes && b.offsetBytes < a.offsetBytes + a.bytes;
      t.false(areBothAlive && share, `${a.name} and ${b.name}`);
    }
  }
  const end = Math.max(...blocks.map(({offsetBytes, bytes}) => offsetBytes + bytes));
  t.true(end <= totals.arenaPeakBytes && totals.arenaPeakBytes - end < 64);
});

test('the layers have the traffic of their commands, all phases together', t => {
  const layers = layerTraffic(explanation);
  t.deepEqual(
    layers.map(({name}) => name),
    ['wide', 'up'],
  );
  const own = explanation.commands.filter(({name, macs}) => name === 'up' && macs > 0);
  t.is(own.length, 4);
  t.deepEqual(layers[1]!.counts.untangled, addCounts(own));
  for (const {counts} of layers) t.true(METHODS.every(method => trafficBytes(counts[method]) > 0));
});

test('the share of the arena is what the rest leaves of the budget', t => {
  const {totals} = explanation;
  t.is(arenaShare(explanation, totals.totalBytes), totals.arenaPeakBytes);
  t.is(arenaShare(explanation, totals.totalBytes + 5), totals.arenaPeakBytes + 5);
});

test('a command below the ridge is limited by memory, one above it by arithmetic', t => {
  const memory = ROOF.levels[1]!;
  t.is(ridge(ROOF, memory), 10);
  t.is(attainable(ROOF, memory, 4), 40);
  t.is(attainable(ROOF, memory, 40), 100);
  const command = {...explanation.commands[0]!, readBytes: 60, writtenBytes: 40};
  t.is(intensityOf({...command, macs: 0}), null);
  t.is(intensityOf({...command, macs: 50}), 1);
  t.is(limitOf(ROOF, {...command, macs: 499}), 'memory');
  t.is(limitOf(ROOF, {...command, macs: 500}), 'arithmetic');
  t.is(predictedMs(ROOF, {...command, macs: 1000}), 20e-6);
  const levels = [
    {from: 'L2', readBytes: 400, writtenBytes: 0},
    {from: 'memory', readBytes: 60, writtenBytes: 10},
  ] as const;
  t.is(limitOf(ROOF, {...command, macs: 100, levels}), 'L2');
  t.is(predictedMs(ROOF, {...command, levels, predictedNs: 3000}), 0.003);
});

test('Vega-Lite takes the charts without a warning', t => {
  const warnings: unknown[] = [];
  const log = (word: unknown) => {
    warnings.push(word);
    return logger;
  };
  const logger = {
    level: () => logger,
    error: log,
    warn: log,
    info: () => logger,
    debug: () => logger,
  };
  const charts = [
    memoryChart(explanation, 2 ** 20),
    memoryChart({...explanation, blocks: []}, undefined),
    trafficChart(layerTraffic(explanation)),
    rooflineChart(explanation, ROOF),
    rooflineChart({...explanation, commands: []}, ROOF),
  ];
  for (const chart of charts) compileChart(chart, {logger: logger as never});
  t.deepEqual(warnings, []);
});
