// Bytes at every level: what has to hold whatever the sizes, and what a board changes in an explanation.

import {readFileSync} from 'node:fs';
import test from 'ava';
import {layerModel} from '../../../bench/models/layer-model.js';
import {model} from '../../../bench/models/onnx-file.js';
import {type Layer, readRows} from '../../../bench/shapes.js';
import {compile, type Explanation, readBoard, type ScheduleName} from '../../../src/index.js';

const board = await readBoard('jetson-nano');

/** A layer of the benchmark with fewer channels. */
function layerBytes(id: string): Uint8Array {
  const row = readRows().find(one => one.id === id);
  if (row?.kind !== 'layer') throw new Error(id);
  const few = (channels: number) => Math.min(channels, 48);
  const groups = Math.min(row.groups, 48);
  const inChannels = few(row.inChannels);
  return model(layerModel({...row, inChannels, outChannels: few(row.outChannels), groups}));
}

const CASES: readonly (readonly [string, ScheduleName])[] = [
  ['dcgan_k5_3', 'fused-taps'],
  ['dcgan_k5_3', 'huge2'],
  ['dcgan_k5_4', 'planar'],
  ['dcgan_k4_4', 'fused-phases'],
  ['cycle_1', 'winograd'],
  ['drn_d2', 'winograd'],
  ['dw_bilinear', 'uks'],
  ['odd_rect', 'cks'],
];

/** The board with an only cache of so many bytes. */
function withCache(bytes: number) {
  return {...board, caches: [{level: 1, bytes, sharedBy: 1, ways: 8, lineBytes: 64}]};
}

function crossing({commands}: Explanation): number {
  return commands.reduce((sum, {levels}) => sum + levels![0]!.readBytes, 0);
}

for (const [id, schedule] of CASES) {
  test(`${id} as ${schedule}: a larger cache never lets more bytes cross, the largest none`, t => {
    const bytes = layerBytes(id);
    const sizes = [2 ** 12, 2 ** 15, 2 ** 18, 2 ** 21, 2 ** 24, 2 ** 30];
    const crossings = sizes.map(size =>
      crossing(compile(bytes, {schedule, board: withCache(size), threads: 1}).explanation),
    );
    for (const [index, count] of crossings.entries()) {
      if (index > 0) t.true(count <= crossings[index - 1]! * 1.001, `${crossings}`);
    }
    t.is(crossings.at(-1), 0);
    // The smallest cache has to fetch at least what the step's operands are.
    const {totals} = compile(bytes, {schedule, threads: 1}).explanation;
    t.true(crossings[0]! > 0 && totals.readBytes > 0);
  });
}

test('a board adds levels and times to an explanation, and nothing else unless it chooses otherwise', t => {
  const bytes = layerBytes('cycle_1');
  const plain = compile(bytes, {schedule: 'uks', threads: 2}).explanation;
  const on = compile(bytes, {schedule: 'uks', threads: 2, board}).explanation;
  t.is(plain.board, undefined);
  t.deepEqual(on.board, {
    name: 'jetson-nano',
    source: 'datasheet, not measured',
    threads: 2,
    freeBytes: null,
  });
  for (const [index, command] of on.commands.entries()) {
    const {levels, predictedNs, ...rest} = command;
    t.deepEqual(rest, plain.commands[index]);
    t.deepEqual(
      levels?.map(({from}) => from),
      ['L2', 'memory'],
    );
    t.true(predictedNs! > 0);
  }
});

test("a program for the board's GPU has times by the GPU's figures and no levels", t => {
  const {commands, board: explained} = compile(layerBytes('cycle_1'), {
    device: 'cuda',
    board,
    threads: 1,
  }).explanation;
  t.is(explained?.name, 'jetson-nano (GPU)');
  for (const {levels, predictedNs, macs, readBytes, writtenBytes} of commands) {
    t.is(levels, undefined);
    // 236 GFLOP/s, 25.6 GB/s, and 4 us of a launch.
    const bound = Math.max(macs / 118, (readBytes + writtenBytes) / 25.6);
    t.is(predictedNs, Math.round(4000 + bound));
  }
});

/** The predictions in docs/04-traffic.md of small layers, MB. */
const PAGE = readFileSync('docs/04-traffic.md', 'utf8');
for (const id of ['fcn_k4s2', 'odd_rect', 'dcgan_k4_3']) {
  test(`docs/04-traffic.md has the predictions for ${id}`, t => {
    const row = readRows().find((one): one is Layer => one.id === id)!;
    const bytes = model(layerModel(row));
    const avx2 = {...board, instructionSets: ['avx2']};
    for (const schedule of ['fused-taps', 'huge2', 'winograd'] as const) {
      const {commands} = compile(bytes, {schedule, board: avx2, threads: 1}).explanation;
      const fetched = commands.reduce((sum, {levels}) => {
        const {readBytes, streamedBytes = 0} = levels!.at(-1)!;
        return sum + readBytes + streamedBytes;
      }, 0);
      const cells = new RegExp(`\\| \`${id}\` \\| \`${schedule}\` \\| ([\\d.]+) \\|`).exec(PAGE);
      t.is(cells?.[1], (fetched / 1e6).toFixed(2), schedule);
    }
  });
}
